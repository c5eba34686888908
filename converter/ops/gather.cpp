// gather: Gather.
#include "converter/ops/rules.h"

namespace octet {
namespace {

Status read_gather(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  GatherParams params;
  OCTET_TRY(const int64_t axis, reader.attribute("axis", int64_t{0}));
  OCTET_TRY(params.axis, reader.normalize_axis(axis, reader.input_shape(0).rank()));
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
