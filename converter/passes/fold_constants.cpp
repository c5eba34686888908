// f(c1, c2, ...) -> its value, where all inputs are constants;  shape_of(x) -> its value, where it is known
// Refused for graph outputs, for more than 2^26 elements or kMaxFoldingOperations, and for what no kernel computes.
#include <algorithm>

#include "converter/constant_folding.h"
#include "converter/passes/pass_list.h"

namespace octet {

int fold_constants(Graph& graph) {
  int count = 0;
  int64_t operations_left = kMaxFoldingOperations;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto is_output = [&](ValueId id) { return graph.is_output(id); };
    if (std::any_of(node.outputs.begin(), node.outputs.end(), is_output)) continue;
    if (!charge_folding(graph, node, operations_left).ok()) continue;
    std::optional<std::vector<Tensor>> results = evaluate_constant(graph, node);
    if (!results) continue;
    for (size_t k = 0; k < results->size(); ++k) graph.value(node.outputs[k]).constant = std::move((*results)[k]);
    graph.nodes.erase(i--);
    ++count;
  }
  return count;
}

}  // namespace octet
