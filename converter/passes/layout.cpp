// Transposes move until they meet and cancel. Importers put transpose(0,2,3,1) before and transpose(0,3,1,2) after each
// op that is NHWC; what is left is what the model itself needs, and one transpose at an NCHW graph input.
//   f(transpose(x, q))                 -> transpose(f'(x), q)            by the op's own rule (op_rule.h): sinking
//   transpose(f(x), 0231)              -> f'(transpose(x, 0231))         where nothing else reads f(x): rising
//   transpose(transpose(x, q), p)      -> transpose(x, q∘p), or x
//   fully_connected(flatten(transpose(x, q)), w) -> fully_connected(flatten(x), w with its columns permuted)
//   transpose(x, q)                    -> reshape(x)                     where only dimensions of size 1 move
// An operand that is not transposed while others are gets the inverse transpose if that costs nothing (a reshape) or
// less than it saves. Refused where an op has no rule, and where a reshape mixes the axes.
//
// It comes to an end: transpose(0,2,3,1) only rises, every other transpose only sinks, and a node is passed once by
// each; joining two removes one; and kMaxSweeps stands behind that.
#include "converter/passes/layout_moves.h"
#include "converter/passes/pass_list.h"

namespace octet {
namespace {

constexpr int kMaxSweeps = 64;

int sink_all(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].is<TransposeParams>()) {
      count += join_transposes(graph, i);
    } else {
      count += sink_transpose(graph, i);
    }
  }
  return count;
}

int rise_all(Graph& graph) {
  int count = 0;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    if (rise_transpose(graph, i) == 0) continue;
    // What rose onto another is joined at once: all in a chain would rise in step, one layer a sweep, and never meet.
    count += 1 + join_transposes(graph, i);
  }
  return count;
}

int transposes_to_reshapes(Graph& graph) {
  int count = 0;
  for (Node& node : graph.nodes) {
    const auto* transpose = node.as<TransposeParams>();
    if (transpose == nullptr) continue;
    const Shape& from = graph.value(node.input(0)).shape;
    if (!is_view_of(from, transpose->permutation)) continue;
    node.op = ReshapeParams{reshape_dims(from, graph.value(node.outputs[0]).shape)};
    ++count;
  }
  return count;
}

}  // namespace

int layout(Graph& graph) {
  int count = 0;
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    int found = sink_all(graph);
    drop_unread_transposes(graph);
    found += rise_all(graph);
    drop_unread_transposes(graph);
    count += found;
    if (found == 0) break;
  }
  count += transposes_to_reshapes(graph);
  graph.remove_dead();
  return count;
}

}  // namespace octet
