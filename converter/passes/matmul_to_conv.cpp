// matmul(x[N, ..., K], w[K, M]) -> reshape(conv2d(reshape(x, [N, 1, T, K]), w'[M, 1, 1, K]), [N, ..., M])
// so that the layers of transformers are layers with weights: integers, corrected, with bias and residual inside. An x
// of four axes is such an image already. The reshapes move no data.
// Refused for weights that are computed or differ along leading axes; for types other than f32; for an x whose other
// axes than the first are open.
#include <array>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {

int matmul_to_conv(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!graph.nodes[i].is<MatmulParams>()) continue;
    const ValueId x = graph.nodes[i].input(0);
    const ValueId w = graph.nodes[i].input(1);
    const Shape from = graph.value(x).shape;
    const Shape shape = graph.value(w).shape;
    if (graph.value(x).is_constant() || !graph.value(w).is_constant() || shape.rank() != 2 || from.rank() < 3) continue;
    if (graph.value(x).type != DataType::kF32 || shape.element_count() == 0) continue;
    int64_t rows = 1;
    for (int axis = 1; axis + 1 < from.rank(); ++axis) rows *= from[axis] == Shape::kDynamic ? 0 : from[axis];
    if (rows == 0) continue;

    constexpr std::array<int64_t, 2> kSwap{1, 0};
    Tensor weights = transposed(*graph.value(w).constant, kSwap).reshaped({shape[1], 1, 1, shape[0]});
    const std::string name = graph.nodes[i].name;
    const ValueId result = graph.nodes[i].outputs[0];
    const Shape image = from.rank() == 4 ? from : Shape{from[0], 1, rows, shape[0]};
    const Shape made{image[0], image[1], image[2], shape[1]};
    Node* node = &graph.nodes[i];
    node->op = Conv2dParams{};
    graph.nodes.set_inputs(*node, {x, graph.add_constant(name + ".weights", std::move(weights))});
    ++count;
    if (from.rank() == 4) continue;
    const ValueId src = graph.add_value(name + ":reshape", DataType::kF32, image);
    const ValueId dst = graph.add_value(name + ":conv2d", DataType::kF32, made);
    graph.nodes.set_input(*node, 0, src);
    graph.nodes.set_output(*node, 0, dst);
    graph.insert_node(i, name + ":reshape", ReshapeParams{reshape_dims(from, image)}, {x}, {src});
    graph.insert_node(i + 2, name + ":reshape", ReshapeParams{reshape_dims(made, graph.value(result).shape)}, {dst},
                      {result});
  }
  return count;
}

}  // namespace octet
