#include "converter/range_groups.h"

#include <numeric>

#include "converter/op_rule.h"

namespace octet {

std::vector<ValueId> range_groups(const Graph& graph, const std::vector<Precision>& precisions) {
  std::vector<ValueId> parent(graph.values.size());
  std::iota(parent.begin(), parent.end(), 0);
  const auto root = [&](ValueId id) {
    while (parent[static_cast<size_t>(id)] != id) id = parent[static_cast<size_t>(id)];
    return id;
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (precisions[i] != Precision::kInt8) continue;
    if (op_rule(node.op).quantization(graph, node) != QuantizationRule::kSameRange) continue;
    for (const size_t input : data_inputs(node)) {
      parent[static_cast<size_t>(root(node.inputs[input]))] = root(node.outputs[0]);
    }
  }
  for (ValueId& id : parent) id = root(id);
  return parent;
}

}  // namespace octet
