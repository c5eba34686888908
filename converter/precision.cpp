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

bool is_weighted(const Graph& graph, const Node& node) {
  const QuantizationRule rule = op_rule(node.op).quantization(graph, node);
  return rule == QuantizationRule::kWeighted && can_be_int8(graph, node, rule);
}

bool moves_elements(const Node& node) {
  return node.is<ConcatParams>() || node.is<ReshapeParams>() || node.is<SliceParams>() || node.is<TransposeParams>();
}

// What normalizes an input by constants stays f32, so that the input is rounded once: to what the first layer reads.
void keep_normalization(const Graph& graph, std::vector<QuantizationRule>& rules) {
  std::vector<bool> is_input(graph.values.size(), false);  // moved, or normalized, at most
  for (const ValueId id : graph.inputs) is_input[static_cast<size_t>(id)] = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool normalizes = node.is<BinaryParams>();
    if (!normalizes && rules[i] != QuantizationRule::kSameRange) continue;
    bool reads_input = false;
    bool reads_others = false;
    for (const ValueId id : read_values(node)) {
      if (graph.value(id).is_constant()) continue;
      (is_input[static_cast<size_t>(id)] ? reads_input : reads_others) = true;
    }
    if (!reads_input || reads_others) continue;
    if (normalizes) rules[i] = QuantizationRule::kFloat;
    for (const ValueId id : node.outputs) is_input[static_cast<size_t>(id)] = true;
  }
}

void choose_bf16(const Graph& graph, const std::set<std::string>& keep_float, const std::set<std::string>& bf16,
                 std::vector<Precision>& precisions) {
  if (bf16.empty()) return;
  // Forward: values that are bf16 where they are made.
  std::vector<bool> is_bf16(graph.values.size(), false);
  const auto at = [](ValueId id) { return static_cast<size_t>(id); };
  const auto may_move = [&](size_t i) {
    const Node& node = graph.nodes[i];
    return precisions[i] == Precision::kF32 && moves_elements(node) && !keep_float.contains(node.name) &&
           std::ranges::all_of(read_values(node), [&](ValueId id) { return is_bf16[at(id)]; });
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (bf16.contains(node.name) && is_weighted(graph, node)) precisions[i] = Precision::kBf16;
    const bool makes = precisions[i] == Precision::kBf16 || may_move(i);
    for (const ValueId id : node.outputs) is_bf16[at(id)] = makes;
  }
  // Backward: values that are read as bf16.
  std::vector<bool> is_wanted(graph.values.size(), false);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    if (may_move(i) && is_wanted[at(node.outputs[0])]) precisions[i] = Precision::kBf16;
    if (precisions[i] != Precision::kBf16) continue;
    for (const size_t input : data_inputs(node)) is_wanted[at(node.inputs[input])] = true;
  }
}

}  // namespace

std::vector<size_t> data_inputs(const Node& node) {
  if (node.is<Conv2dParams>()) {
    return node.input(kConvResidual) == kNoValue ? std::vector<size_t>{kConvSrc}
                                                 : std::vector<size_t>{kConvSrc, kConvResidual};
  }
  if (node.is<FullyConnectedParams>() || node.is<GatherParams>()) return {0};
  std::vector<size_t> all;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!reads_only_shape(node.op, i)) all.push_back(i);
  }
  return all;
}

bool can_write_f32(const Node& node) {
  return is_average_pool(node) || node.is<FullyConnectedParams>() || node.is<MatmulParams>() ||
         (node.is<Conv2dParams>() && node.input(kConvResidual) == kNoValue);
}

std::vector<Precision> choose_precisions(const Graph& graph, const std::set<std::string>& keep_float,
                                         const std::set<std::string>& bf16) {
  const auto is_float = [&](const Node& node) { return keep_float.contains(node.name) || bf16.contains(node.name); };
  const size_t count = graph.nodes.size();
  std::vector<Precision> precisions(count, Precision::kF32);
  std::vector<QuantizationRule> rules(count, QuantizationRule::kFloat);
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const QuantizationRule rule = op_rule(node.op).quantization(graph, node);
    if (!is_float(node) && can_be_int8(graph, node, rule)) rules[i] = rule;
    if (rules[i] == QuantizationRule::kWeighted) precisions[i] = Precision::kInt8;
  }
  keep_normalization(graph, rules);
  // Forward: values that come from an int8 weighted node. An average pool there averages integers, whatever follows.
  std::vector<bool> from_weighted(graph.values.size(), false);
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const bool any_input =
        std::ranges::any_of(read_values(node), [&](ValueId id) { return from_weighted[static_cast<size_t>(id)]; });
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
    if (rules[i] == QuantizationRule::kFloat) continue;  // reads floats
    for (const ValueId id : read_values(node)) leads_to_int8[static_cast<size_t>(id)] = true;
  }
  choose_bf16(graph, keep_float, bf16, precisions);
  return precisions;
}

bool is_matrix_layer(const Graph& graph, const Node& node) {
  if (!is_weighted(graph, node)) return false;
  if (node.is<FullyConnectedParams>()) return true;
  const auto* conv = node.as<Conv2dParams>();
  if (conv == nullptr || graph.value(node.inputs[kConvSrc]).shape[1] != 1) return false;
  const Shape& weights = graph.value(node.inputs[kConvWeights]).shape;
  return weights[1] == 1 && weights[2] == 1 && conv->groups == 1 && conv->strides == std::array<int64_t, 2>{1, 1} &&
         conv->pads == std::array<int64_t, 4>{};
}

bool is_recurrent_layer(const Graph& graph, const Node& node) {
  if (!node.is<RecurrentParams>()) return false;
  return graph.value(node.inputs[kRecurrentW]).is_constant() && graph.value(node.inputs[kRecurrentR]).is_constant();
}

std::vector<Precision> choose_matrix_layers(const Graph& graph, const std::set<std::string>& keep_float,
                                            Precision layers) {
  std::vector<Precision> precisions;
  for (const Node& node : graph.nodes) {
    const bool is_layer = is_matrix_layer(graph, node) || is_recurrent_layer(graph, node);
    const bool is_chosen = is_layer && !keep_float.contains(node.name);
    precisions.push_back(is_chosen ? layers : Precision::kF32);
  }
  return precisions;
}

std::set<std::string> weighted_nodes(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes) {
    if (is_weighted(graph, node)) names.insert(node.name);
  }
  return names;
}

Result<std::set<std::string>> resolve_keep_float(const Graph& graph, const std::vector<std::string>& names) {
  const auto is_layer = [&](const Node& node) { return is_weighted(graph, node); };
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
      // Behind a layer whose layout was changed a transpose makes the tensor.
      const Node* layer = maker;
      while (layer != nullptr && moves_elements(*layer)) layer = graph.producer(layer->inputs[0]);
      kept.insert((layer == nullptr ? maker : layer)->name);
    } else {
      return Error{ErrorCode::kUsage, "--keep-float names '" + name + "', but the network has no such node or tensor"};
    }
  }
  return kept;
}

}  // namespace octet
