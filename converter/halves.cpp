#include "converter/halves.h"

#include <algorithm>
#include <cmath>

#include "converter/lower.h"
#include "runtime/half.h"

namespace octet {
namespace {

bool multiplies_or_gathers(const Node& node) {
  return node.is<Conv2dParams>() || node.is<FullyConnectedParams>() || node.is<MatmulParams>() ||
         node.is<GatherParams>() || node.is<RecurrentParams>();
}

// A rank of 1 is a bias.
bool is_weight(const Value& value) {
  return value.is_constant() && value.type == DataType::kF32 && value.shape.rank() >= 2;
}

// The constants that only such nodes read.
std::set<ValueId> find_weights(const Graph& graph, const std::set<std::string>& keep_float) {
  std::set<ValueId> weights, others(graph.outputs.begin(), graph.outputs.end());
  for (const Node& node : graph.nodes) {
    const bool is_reader = multiplies_or_gathers(node) && !keep_float.contains(node.name);
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) (is_reader && is_weight(graph.value(id)) ? weights : others).insert(id);
    }
  }
  for (const ValueId id : others) weights.erase(id);
  return weights;
}

// False where a number is none any more.
bool round_to_halves(std::span<const float> from, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = half_to_float(float_to_half(from[i]));
    if (std::isinf(to[i]) && !std::isinf(from[i])) return false;
  }
  return true;
}

}  // namespace

Result<PackedModel> lower_halves(const Graph& graph, const std::set<std::string>& keep_float,
                                 std::vector<std::string>& notices) {
  Graph rounded = graph;
  std::set<std::string> names;
  for (const ValueId id : find_weights(graph, keep_float)) {
    Value& value = rounded.value(id);
    Tensor halves(DataType::kF32, value.shape);
    if (!round_to_halves(value.constant->as<float>(), halves.as<float>())) {
      notices.push_back("'" + value.name + "' stays f32: it has numbers beyond 65504, the greatest of half precision");
      continue;
    }
    value.constant = std::move(halves);
    names.insert(value.name);
  }
  OCTET_TRY(PackedModel packed, lower_f32(rounded));
  for (PackedTensor& tensor : packed.tensors) {
    if (tensor.data != nullptr && tensor.type == DataType::kF32 && names.contains(tensor.name)) tensor.file_bits = 16;
  }
  return packed;
}

}  // namespace octet
