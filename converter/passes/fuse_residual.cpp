// conv2d(x, w, b) + r -> conv2d(x, w, b, r)
// Of two convolutions the later one takes the other's value; a convolution that runs before r is ready moves behind it.
// Refused when the convolution feeds anything else, is a graph output, or has a residual or clamp already; when the sum
// broadcasts, has a clamp, or adds a value to itself.
#include <algorithm>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// The place of the convolution that makes `id` and may take a residual, or -1.
std::ptrdiff_t candidate(Graph& graph, ValueId id) {
  const Node* node = sole_producer<Conv2dParams>(graph, id);
  return node != nullptr && is_linear(*node) ? static_cast<std::ptrdiff_t>(index_of(graph, *node)) : -1;
}

}  // namespace

int fuse_residual(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto* params = graph.nodes[i].as<BinaryParams>();
    if (params == nullptr || params->kind != BinaryKind::kAdd || !params->clamp.is_none()) continue;
    const ValueId a = graph.nodes[i].input(0);
    const ValueId b = graph.nodes[i].input(1);
    const ValueId sum = graph.nodes[i].outputs[0];
    if (a == b || graph.value(a).shape != graph.value(b).shape || graph.value(a).type != DataType::kF32) continue;
    const std::ptrdiff_t from_a = candidate(graph, a);
    const std::ptrdiff_t from_b = candidate(graph, b);
    if (from_a < 0 && from_b < 0) continue;

    const std::ptrdiff_t place = std::max(from_a, from_b);
    const ValueId made = from_a > from_b ? a : b;
    const ValueId residual = from_a > from_b ? b : a;
    Node* conv = &graph.nodes[static_cast<size_t>(place)];
    const Node* other = graph.producer(residual);
    if (other != nullptr && other > conv) {
      // Everything that the convolution reads is ready where the sum stands.
      graph.nodes.move_up(static_cast<size_t>(place), i);
      conv = &graph.nodes[i - 1];
    }
    graph.nodes.set_input(*conv, kConvResidual, residual);
    take_over(graph, sum, made);
    ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
