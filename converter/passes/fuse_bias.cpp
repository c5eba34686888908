// layer(x, w, b) + s -> layer(x, w, b + s[o])      s constant, per tensor or output channel; subtraction likewise
// layer is conv2d or fully_connected; its value may have been moved (moved_layer.h). Refused when the layer feeds
// anything else, is a graph output, or has a residual or clamp; when s varies along other axes; when the sum has a
// clamp.
#include "converter/passes/moved_layer.h"
#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {

int fuse_bias(Graph& graph) {
  int count = 0;
  for (const Node& node : graph.nodes) {
    const auto* params = node.as<BinaryParams>();
    if (params == nullptr || !params->clamp.is_none() || graph.use_count(node.outputs[0]) == 0) continue;
    if (params->kind != BinaryKind::kAdd && params->kind != BinaryKind::kSub) continue;
    const bool constant_first = params->kind == BinaryKind::kAdd && graph.value(node.input(0)).is_constant();
    const ValueId source = node.input(constant_first ? 1 : 0);
    const ValueId constant = node.input(constant_first ? 0 : 1);
    const Shape shape = graph.value(source).shape;
    auto shift = per_channel(graph, constant, shape, shape.rank() - 1);
    if (!shift) continue;
    if (params->kind == BinaryKind::kSub) {
      for (double& v : *shift) v = -v;
    }
    const auto moved = moved_layer(graph, source, shape.rank() - 1);
    if (!moved) continue;
    const std::vector<double> ones(moved->channels.size(), 1);
    scale_outputs(graph, *moved->layer, ones, moved->per_output(*shift));
    take_over(graph, node.outputs[0], source);
    ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
