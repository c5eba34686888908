// reshape(transpose(x, q)) -> transpose(reshape'(x), q')
//     where each group of axes that the reshape joins or splits lies together, in order, in x as well
// fully_connected(reshape(transpose(x, q)), w) -> fully_connected(reshape'(x), w')
//     where the reshape keeps the batch and flattens the rest: w' has w's columns in x's order
// The second is refused when the reshape feeds anything else, or is a graph output.
#include <algorithm>
#include <numeric>

#include "converter/passes/layout_moves.h"
#include "converter/passes/reshape_groups.h"

namespace octet {
namespace {

// The order in which the groups lie in x, of which `from` is transpose(x, q); nothing where one is torn apart.
std::optional<std::vector<size_t>> order_in_source(const std::vector<AxisGroup>& groups, const Shape& from,
                                                   const Permutation& q) {
  std::vector<int> in_source;  // the axes of `from` as they lie in x
  for (const int64_t axis : inverse(q)) {
    if (from[static_cast<int>(axis)] != 1) in_source.push_back(static_cast<int>(axis));
  }
  std::vector<size_t> order;
  for (size_t k = 0; k < in_source.size();) {
    const auto group =
        std::find_if(groups.begin(), groups.end(), [&](const AxisGroup& g) { return g.in[0] == in_source[k]; });
    if (group == groups.end()) return std::nullopt;
    for (const int axis : group->in) {
      if (k == in_source.size() || in_source[k++] != axis) return std::nullopt;
    }
    order.push_back(static_cast<size_t>(group - groups.begin()));
  }
  return order;
}

int commute(Graph& graph, size_t i, const Permutation& q) {
  Node& node = graph.nodes[i];
  const Shape from = graph.value(node.input(0)).shape;
  const Shape to = graph.value(node.outputs[0]).shape;
  const auto groups = reshape_groups(from, to);
  if (!groups) return 0;
  const auto order = order_in_source(*groups, from, q);
  if (!order) return 0;

  // Each axis of size 1 goes with the axis before it; leading ones stay in front.
  Permutation axes;  // new output axis -> old output axis
  const auto append_ones = [&](int axis) {
    for (; axis < to.rank() && to[axis] == 1; ++axis) axes.push_back(axis);
  };
  append_ones(0);
  for (const size_t g : *order) {
    for (const int axis : (*groups)[g].out) {
      axes.push_back(axis);
      append_ones(axis + 1);
    }
  }
  const ValueId source = graph.producer(node.input(0))->input(0);
  const Shape target = permuted(to, axes);
  node.op = ReshapeParams{reshape_dims(graph.value(source).shape, target)};
  graph.nodes.set_input(node, 0, source);
  if (!is_identity(axes)) transpose_output(graph, i, inverse(axes));
  return 1;
}

// The layer's weights [O, K], whose columns are in the order of `from`'s elements, in the order of x's.
Tensor permuted_columns(const Tensor& weights, const Shape& from, const Permutation& q) {
  Shape wide = from;
  wide[0] = weights.shape()[0];
  return transposed(weights.reshaped(wide), inverse(q)).reshaped(weights.shape());
}

int permute_columns(Graph& graph, size_t i, const Permutation& q) {
  const Shape from = graph.value(graph.nodes[i].input(0)).shape;
  const ValueId flat = graph.nodes[i].outputs[0];
  const Shape to = graph.value(flat).shape;
  int64_t columns = 1;
  for (int axis = 1; axis < from.rank(); ++axis) columns *= from[axis];
  if (q[0] != 0 || to.rank() != 2 || to[0] != from[0] || to[1] != columns || graph.is_output(flat)) return 0;
  const std::vector<Node*> users = graph.users(flat);
  for (const Node* user : users) {
    if (!user->is<FullyConnectedParams>() || !is_weighted(graph, *user) || user->input(0) != flat) return 0;
  }
  for (Node* user : users) {
    const Tensor& weights = *graph.value(user->input(kConvWeights)).constant;
    replace_constant(graph, *user, kConvWeights, permuted_columns(weights, from, q), user->name + ".weights");
  }
  // The flat value is another one now: it must not go by the name of the source model's.
  Node& node = graph.nodes[i];
  graph.nodes.set_input(node, 0, graph.producer(node.input(0))->input(0));
  node.op = ReshapeParams{{to[0] < 0 ? 0 : to[0], columns}};
  const ValueId reordered = graph.add_value(node.name + ":reshape", graph.value(flat).type, to);
  graph.nodes.set_output(node, 0, reordered);
  graph.replace_uses(flat, reordered);
  return 1;
}

}  // namespace

int sink_through_reshape(Graph& graph, size_t i) {
  const Permutation q = transpose_of(graph, graph.nodes[i].input(0))->permutation;
  if (const int count = commute(graph, i, q)) return count;
  return permute_columns(graph, i, q);
}

}  // namespace octet
