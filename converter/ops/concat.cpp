// concat: Concat, and Tile as the concatenation of copies.
#include "converter/ops/rules.h"

namespace octet {
namespace {

Status read_concat(NodeReader& reader) {
  const size_t count = reader.node().inputs.size();
  OCTET_CHECK(reader.require_inputs(std::max<size_t>(count, 1)));
  constexpr int kAxisRequired = 4;
  if (!reader.has_attribute("axis") && reader.opset() >= kAxisRequired) return reader.invalid("it has no 'axis'");
  ConcatParams params;
  OCTET_TRY(const int64_t axis, reader.attribute("axis", int64_t{1}));
  OCTET_TRY(params.axis, reader.normalize_axis(axis, reader.input_shape(0).rank()));
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < count; ++i) {
    inputs.push_back(reader.input(i));
    if (reader.input_type(i) != reader.input_type(0)) {
      return reader.invalid("its input " + std::to_string(i) + " is " + to_string(reader.input_type(i)) +
                            ", its input 0 " + to_string(reader.input_type(0)));
    }
  }
  OCTET_TRY(const ValueId result, reader.emit(params, std::move(inputs)));
  reader.set_output(0, result);
  return {};
}

Status read_tile(NodeReader& reader) {
  constexpr int64_t kMaxRepeats = 1024;
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const auto repeats, reader.attribute_or_input("repeats", 1));
  const int rank = reader.input_shape(0).rank();
  if (!repeats || repeats->size() != static_cast<size_t>(rank)) {
    return reader.invalid("it has " + std::to_string(repeats ? repeats->size() : 0) + " repeats for rank " +
                          std::to_string(rank));
  }
  OCTET_TRY(ValueId result, reader.emit_step(IdentityParams{}, {reader.input(0)}));
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t count = (*repeats)[static_cast<size_t>(axis)];
    if (count < 1 || count > kMaxRepeats) {
      return reader.unsupported("it repeats axis " + std::to_string(axis) + " " + std::to_string(count) + " times");
    }
    if (count == 1) continue;
    OCTET_TRY(result, reader.emit_step(ConcatParams{axis}, std::vector<ValueId>(static_cast<size_t>(count), result)));
  }
  reader.set_output(0, result);
  return {};
}

bool permute(Graph& graph, Node& node, std::span<const int64_t> permutation) {
  if (!permute_constants(graph, node, permutation)) return false;
  auto& params = *node.as<ConcatParams>();
  params.axis = permuted_axis(params.axis, permutation);
  return true;
}

constexpr OpReader kReaders[] = {{"Concat", "concat", read_concat}, {"Tile", "tile", read_tile}};

}  // namespace

constinit const OpRule kConcatRule{"concat", always<QuantizationRule::kSameRange>, permute, kReaders};

}  // namespace octet
