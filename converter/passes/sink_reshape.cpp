// f(reshape(y)) -> reshape(f(y))                    f elementwise, with a constant per tensor or last axis at most
// reshape(y) + r -> reshape(y + reshape'(r))        reshape' the way back
// y a convolution's, so that f meets it and can be fused. Data does not move either way.
// Refused when y or its reshape feeds anything else or is a graph output; where a constant varies along other axes, or
// the last axis changes.
#include <algorithm>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// The reshape of a convolution's value that makes `id` for one reader, or null.
Node* reshaped_conv(Graph& graph, ValueId id) {
  Node* reshape = sole_producer<ReshapeParams>(graph, id);
  if (reshape == nullptr || graph.is_output(id)) return nullptr;
  const ValueId y = reshape->input(0);
  const Node* conv = sole_producer<Conv2dParams>(graph, y);
  if (conv == nullptr || graph.is_output(y) || !is_linear(*conv)) return nullptr;
  const Shape& from = graph.value(y).shape;
  const Shape& to = graph.value(id).shape;
  return to.rank() > 0 && from[from.rank() - 1] == to[to.rank() - 1] ? reshape : nullptr;
}

// Input 1 - i as an operand beside y, or kNoValue where the node has to stay behind the reshape.
ValueId other_operand(Graph& graph, Node*& node, size_t i, const Shape& from) {
  const auto* binary = node->as<BinaryParams>();
  const ValueId other = node->input(1 - i);
  const Shape shape = graph.value(other).shape;
  const Shape to = graph.value(node->outputs[0]).shape;
  if (graph.value(other).is_constant()) {
    return per_channel(graph, other, to, to.rank() - 1) && shape.rank() <= from.rank() ? other : kNoValue;
  }
  if (binary->kind != BinaryKind::kAdd || !binary->clamp.is_none() || shape != to) return kNoValue;
  const ValueId back = graph.add_value(node->name + ":reshape", DataType::kF32, from);
  const size_t index = index_of(graph, *node);
  graph.insert_node(index, node->name + ":reshape", ReshapeParams{reshape_dims(to, from)}, {other}, {back});
  node = &graph.nodes[index + 1];
  return back;
}

}  // namespace

int sink_reshape(Graph& graph) {
  for (size_t index = 0; index < graph.nodes.size(); ++index) {
    Node* node = &graph.nodes[index];
    const bool is_binary = node->is<BinaryParams>();
    if (!is_binary && !node->is<UnaryParams>()) continue;
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      Node* reshape = reshaped_conv(graph, node->input(i));
      if (reshape == nullptr) continue;
      const ValueId y = reshape->input(0);
      const Shape from = graph.value(y).shape;
      if (is_binary) {
        const ValueId other = other_operand(graph, node, i, from);
        if (other == kNoValue) continue;
        graph.nodes.set_input(*node, 1 - i, other);
      }
      graph.nodes.set_input(*node, i, y);
      const ValueId result = node->outputs[0];
      const ValueId made = graph.add_value(node->name + ":" + op_name(node->op), DataType::kF32, from);
      graph.nodes.set_output(*node, 0, made);
      graph.insert_node(index_of(graph, *node) + 1, node->name + ":reshape",
                        ReshapeParams{reshape_dims(from, graph.value(result).shape)}, {made}, {result});
      graph.remove_dead();
      return 1;
    }
  }
  return 0;
}

}  // namespace octet
