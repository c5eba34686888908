#include "converter/precision.h"

#include <algorithm>

#include "converter/op_rule.h"

namespace octet {
namespace {

bool is_average_pool(const Node& node) {
  const auto* pool = node.as<Pool2dParams>();
  return pool != nullptr && pool->kind == PoolKind::kAverage;
}

// Whether the node's tensors allow integers at all.
bool can_be_int8(const Graph& graph, const Node& node, QuantizationRule rule) {
  if (rule == QuantizationRule::kFloat) return false;
  for (const size_t i : data_inputs(node)) {
    const ValueId id = node.input(i);
    if (id == kNoValue || graph.value(id).type != DataType::kF32) return false;
  }
  if (rule != QuantizationRule::kWeighted) return true;
  const Value& weights = graph.value(node.input(kConvWeights));
  return weights.is_constant() && weights.type == DataType::kF32;
}

// The node that makes the value of that name; null where none does.
const Node* maker_of(const Graph& graph, const std::string& value) {
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.outputs) {
      if (graph.value(id).name == value) return &node;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<size_t> data_inputs(const Node& node) {
  if (node.is<Conv2dParams>()) {
    return node.input(kConvResidual) == kNoValue ? std::vector<size_t>{kConvSrc}
                                                 : std::vector<size_t>{kConvSrc, kConvResidual};
  }
  if (node.is<FullyConnectedParams>() || node.is<GatherParams>()) return {0};
  std::vector<size_t> all;
  for (size_t i = 0; i < node.inputs.size(); ++i) all.push_back(i);
  return all;
}

bool can_write_f32(const Node& node) {
  return is_average_pool(node) || node.is<FullyConnectedParams>() || node.is<MatmulParams>() ||
         (node.is<Conv2dParams>() && node.input(kConvResidual) == kNoValue);
}

std::vector<Precision> choose_precisions(const Graph& graph, const std::set<std::string>& keep_float) {
  const size_t count = graph.nodes.size();
  std::vector<Precision> precisions(count, Precision::kF32);
  std::vector<QuantizationRule> rules(count, QuantizationRule::kFloat);
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const QuantizationRule rule = op_rule(node.op).quantization(graph, node);
    if (!keep_float.contains(node.name) && can_be_int8(graph, node, rule)) rules[i] = rule;
    if (rules[i] == QuantizationRule::kWeighted) precisions[i] = Precision::kInt8;
  }
  // Forward: values that come from an int8 weighted node. An average pool there averages integers, whatever follows.
  std::vector<bool> from_weighted(graph.values.size(), false);
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const bool any_input = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
      return id != kNoValue && from_weighted[static_cast<size_t>(id)];
    });
    if (any_input && is_average_pool(node) && rules[i] != QuantizationRule::kFloat) precisions[i] = Precision::kInt8;
    const bool carries = any_input && rules[i] != QuantizationRule::kFloat;
    for (const ValueId id : node.outputs) {
      from_weighted[static_cast<size_t>(id)] = carries || precisions[i] == Precision::kInt8;
    }
  }
  // Backward: what leads to one of these is int8 too.
  std::vector<bool> leads_to_int8(graph.values.size(), false);
  for (size_t i = count; i-- > 0;) {
    const Node& node = graph.nodes[i];
    const bool leads = std::any_of(node.outputs.begin(), node.outputs.end(),
                                   [&](ValueId id) { return leads_to_int8[static_cast<size_t>(id)]; });
    if (leads && rules[i] != QuantizationRule::kFloat) precisions[i] = Precision::kInt8;
    if (!leads && precisions[i] == Precision::kF32) continue;
    if (keep_float.contains(graph.nodes[i].name)) continue;  // reads f32
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) leads_to_int8[static_cast<size_t>(id)] = true;
    }
  }
  return precisions;
}

Result<std::set<std::string>> resolve_keep_float(const Graph& graph, const std::vector<std::string>& names) {
  const auto is_layer = [&](const Node& node) {
    return can_be_int8(graph, node, op_rule(node.op).quantization(graph, node)) &&
           op_rule(node.op).quantization(graph, node) == QuantizationRule::kWeighted;
  };
  std::set<std::string> kept;
  for (const std::string& name : names) {
    const auto named =
        std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; });
    if (named != graph.nodes.end()) {
      kept.insert(name);
    } else if (name == "first" || name == "last") {
      const auto first = std::find_if(graph.nodes.begin(), graph.nodes.end(), is_layer);
      const auto last = std::find_if(graph.nodes.rbegin(), graph.nodes.rend(), is_layer);
      if (first != graph.nodes.end()) kept.insert(name == "first" ? first->name : last->name);
    } else if (const Node* maker = maker_of(graph, name)) {
      kept.insert(maker->name);
    } else {
      return Error{ErrorCode::kUsage, "--keep-float names '" + name + "', but the network has no such node or tensor"};
    }
  }
  return kept;
}

}  // namespace octet
