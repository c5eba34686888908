// max(x, c), min(x, c) -> clip(x, c, inf), clip(x, -inf, c)    c: one number
// clip(f(x), lo, hi) -> f(x) clamped to [lo, hi]       f: conv2d, fully_connected, binary, clip
// clip(clip(x, a, b), lo, hi) = clip(x, clip(a, lo, hi), clip(b, lo, hi)), exactly.
// f's value may have been moved by reshapes, transposes and slices: elements stay what they are.
// Refused when f's value feeds anything else or is a graph output; for lo > 0 or hi < 0 (an integer range always holds
// 0, so that clamp would not be its saturation) except between clips; for NaN; for arithmetic on integers.
#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/passes/moved_layer.h"
#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

Clamp compose(const Clamp& inner, const Clamp& outer) {
  const auto apply = [&](float x) { return std::min(std::max(x, outer.min), outer.max); };
  return {apply(inner.min), apply(inner.max)};
}

Clamp* clamp_of(Node& node) {
  if (auto* conv = node.as<Conv2dParams>()) return &conv->clamp;
  if (auto* layer = node.as<FullyConnectedParams>()) return &layer->clamp;
  if (auto* binary = node.as<BinaryParams>()) return &binary->clamp;
  return nullptr;
}

// Whether the node was a maximum or minimum with a number, and is a clip now.
bool becomes_clip(Graph& graph, Node& node) {
  const auto* binary = node.as<BinaryParams>();
  if (binary == nullptr || (binary->kind != BinaryKind::kMax && binary->kind != BinaryKind::kMin)) return false;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = node.inputs[1 - i];
    const std::optional<float> bound = number_of(graph.value(node.inputs[i]));
    if (!bound || std::isnan(*bound) || graph.value(x).shape != graph.value(node.outputs[0]).shape) continue;
    const bool is_max = binary->kind == BinaryKind::kMax;
    const Clamp both = compose({is_max ? *bound : -INFINITY, is_max ? INFINITY : *bound}, binary->clamp);
    node.op = UnaryParams{.kind = UnaryKind::kClip, .alpha = both.min, .beta = both.max};
    graph.nodes.set_inputs(node, {x});
    return true;
  }
  return false;
}

}  // namespace

int fuse_clamp(Graph& graph) {
  int count = 0;
  for (Node& node : graph.nodes) count += becomes_clip(graph, node) ? 1 : 0;
  for (const Node& node : graph.nodes) {
    const auto* clip = node.as<UnaryParams>();
    if (clip == nullptr || clip->kind != UnaryKind::kClip || graph.use_count(node.outputs[0]) == 0) continue;
    if (!(clip->alpha <= clip->beta)) continue;
    const ValueId source = node.input(0);
    const Clamp outer{clip->alpha, clip->beta};
    Node* before = maker_of(graph, source);
    if (before == nullptr || graph.value(source).type != DataType::kF32) continue;
    if (auto* inner = before->as<UnaryParams>(); inner != nullptr && inner->kind == UnaryKind::kClip) {
      const Clamp both = compose({inner->alpha, inner->beta}, outer);
      inner->alpha = both.min;
      inner->beta = both.max;
    } else if (Clamp* clamp = clamp_of(*before); clamp != nullptr && outer.min <= 0 && outer.max >= 0) {
      *clamp = compose(*clamp, outer);
    } else {
      continue;
    }
    take_over(graph, node.outputs[0], source);
    ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
