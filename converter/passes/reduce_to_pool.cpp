// mean(x, height and width) -> global average pool(x);  max likewise;  without keep_dims: reshaped to [N, C]
// so that the integer kernels of pool2d take it. x is NHWC by now.
// Refused for other axes (an NCHW mean that the layout pass could not reach), other reductions, other types.
#include <algorithm>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {

int reduce_to_pool(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const auto* reduce = node.as<ReduceParams>();
    if (reduce == nullptr || (reduce->kind != ReduceKind::kMean && reduce->kind != ReduceKind::kMax)) continue;
    const Shape shape = graph.value(node.input(0)).shape;
    std::vector<int64_t> axes = reduce->axes;
    std::sort(axes.begin(), axes.end());
    if (shape.rank() != 4 || axes != std::vector<int64_t>{1, 2}) continue;
    if (graph.value(node.input(0)).type != DataType::kF32 || shape[1] <= 0 || shape[2] <= 0) continue;

    const bool keep_dims = reduce->keep_dims;
    node.op =
        Pool2dParams{.kind = reduce->kind == ReduceKind::kMean ? PoolKind::kAverage : PoolKind::kMax, .global = true};
    ++count;
    if (keep_dims) continue;
    const ValueId flat = node.outputs[0];
    const std::string name = node.name;
    const ValueId pooled = graph.add_value(name + ":pool2d", DataType::kF32, {shape[0], 1, 1, shape[3]});
    graph.nodes.set_output(node, 0, pooled);
    graph.insert_node(i + 1, name + ":reshape", ReshapeParams{{0, shape[3]}}, {pooled}, {flat});
  }
  return count;
}

}  // namespace octet
