// layer(x, w, b) * k -> layer(x, w * k[o], b * k[o])        k constant, per tensor or output channel; division likewise
// layer(x * k, w, b) -> layer(x, w * k[c], b)               per tensor or input channel
// layer(x + s, w, b) -> layer(x, w, b + sum over taps of w * s[c])      subtraction likewise
// layer is conv2d or fully_connected; in the first its value may have been moved (moved_layer.h). (What is added behind
// a layer: fuse_bias.)
// The first is refused when the layer feeds anything else, is a graph output, or has a residual or clamp; the others
// when the product or sum feeds anything else or is a graph output; the last when the convolution pads and some s is
// not 0. All are refused for k = 1/0 and for operands that vary along other axes.
#include <algorithm>
#include <cmath>

#include "converter/passes/moved_layer.h"
#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// x * k + shift per channel of the last axis, if the node is that.
struct ScaleShift {
  ValueId source = kNoValue;
  std::vector<double> k, shift;
};

std::optional<ScaleShift> read(const Graph& graph, const Node& node) {
  const auto* params = node.as<BinaryParams>();
  if (params == nullptr || !params->clamp.is_none()) return std::nullopt;
  const bool commutes = params->kind == BinaryKind::kMul || params->kind == BinaryKind::kAdd;
  const size_t constant = commutes && graph.value(node.input(0)).is_constant() ? 0 : 1;
  ScaleShift found;
  found.source = node.input(1 - constant);
  const Value& source = graph.value(found.source);
  if (source.is_constant() || source.type != DataType::kF32) return std::nullopt;
  auto values = per_channel(graph, node.input(constant), source.shape, source.shape.rank() - 1);
  if (!values) return std::nullopt;
  switch (params->kind) {
    case BinaryKind::kDiv:
      for (double& v : *values) v = 1 / v;
      [[fallthrough]];
    case BinaryKind::kMul:
      found.k = std::move(*values);
      found.shift.resize(found.k.size());
      break;
    case BinaryKind::kSub:
      for (double& v : *values) v = -v;
      [[fallthrough]];
    case BinaryKind::kAdd:
      found.shift = std::move(*values);
      found.k.resize(found.shift.size(), 1);
      break;
    default:
      return std::nullopt;
  }
  const auto finite = [](double v) { return std::isfinite(static_cast<float>(v)); };
  if (!std::all_of(found.k.begin(), found.k.end(), finite)) return std::nullopt;
  if (!std::all_of(found.shift.begin(), found.shift.end(), finite)) return std::nullopt;
  return found;
}

bool fold_into_producer(Graph& graph, const Node& node, const ScaleShift& it) {
  if (node.as<BinaryParams>()->kind == BinaryKind::kAdd || node.as<BinaryParams>()->kind == BinaryKind::kSub)
    return false;
  const auto moved = moved_layer(graph, it.source, graph.value(it.source).shape.rank() - 1);
  if (!moved) return false;
  scale_outputs(graph, *moved->layer, moved->per_output(it.k), moved->per_output(it.shift));
  take_over(graph, node.outputs[0], it.source);
  return true;
}

bool fold_into_user(Graph& graph, const Node& node, const ScaleShift& it) {
  Node* layer = sole_user(graph, node.outputs[0]);
  if (layer == nullptr || !is_weighted(graph, *layer) || layer->input(0) != node.outputs[0]) return false;
  if (!accepts_input_shift(*layer, it.shift)) return false;
  scale_inputs(graph, *layer, it.k, it.shift);
  graph.nodes.set_input(*layer, 0, it.source);
  return true;
}

}  // namespace

int fold_scale_shift(Graph& graph) {
  int count = 0;
  for (const Node& node : graph.nodes) {
    if (!node.is<BinaryParams>() || graph.use_count(node.outputs[0]) == 0) continue;
    const auto found = read(graph, node);
    if (found && (fold_into_producer(graph, node, *found) || fold_into_user(graph, node, *found))) ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
