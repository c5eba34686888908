// gather: Gather.
#include "converter/ops/rules.h"

namespace octet {
namespace {

// ONNX wants every index on the axis. What is 1 may be an open batch, read as one sample.
Status check_indices(const NodeReader& reader, int64_t axis) {
  const int64_t size = reader.input_shape(0)[static_cast<int>(axis)];
  if (reader.constant(1) == nullptr || (size == 1 && reader.constant(0) == nullptr)) return {};
  OCTET_TRY(const std::vector<int64_t> indices, reader.constant_ints(1));
  for (const int64_t index : indices) {
    if (index >= -size && index < size) continue;
    return reader.invalid("its index " + std::to_string(index) + " is outside axis " + std::to_string(axis) +
                          " of size " + std::to_string(size));
  }
  return {};
}

Status read_gather(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  GatherParams params;
  OCTET_TRY(const int64_t axis, reader.attribute("axis", int64_t{0}));
  OCTET_TRY(params.axis, reader.normalize_axis(axis, reader.input_shape(0).rank()));
  OCTET_CHECK(check_indices(reader, params.axis));
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0), reader.input(1)}));
  reader.set_output(0, result);
  return {};
}

// With one index per element of the axis the output has the data's axes.
bool permute(Graph& graph, Node& node, std::span<const int64_t> permutation) {
  const Value& data = graph.value(node.inputs[0]);
  const Value& indices = graph.value(node.inputs[1]);
  if (data.is_constant() || !indices.is_constant() || indices.shape.rank() != 1) return false;
  auto& params = *node.as<GatherParams>();
  params.axis = permuted_axis(params.axis, permutation);
  return true;
}

constexpr OpReader kReaders[] = {{"Gather", "gather", read_gather}};

}  // namespace

constinit const OpRule kGatherRule{"gather", always<QuantizationRule::kSameRange>, permute, kReaders};

}  // namespace octet
