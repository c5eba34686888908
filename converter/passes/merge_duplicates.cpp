// f(x), f(x) -> f(x) once, for data movements f (transpose, reshape, slice) and fake_quantize.
// Refused where both results are graph outputs.
#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"
#include "runtime/fields.h"

namespace octet {
namespace {

bool is_movement(const Node& node) {
  return node.is<TransposeParams>() || node.is<ReshapeParams>() || node.is<SliceParams>() ||
         node.is<FakeQuantizeParams>();
}

std::string fields(const Node& node) {
  return std::visit([](const auto& params) { return fields_to_string(params); }, node.op);
}

bool are_equal(const Node& a, const Node& b) {
  return a.op.index() == b.op.index() && a.inputs == b.inputs && fields(a) == fields(b);
}

}  // namespace

int merge_duplicates(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_movement(graph.nodes[i])) continue;
    const ValueId first = graph.nodes[i].outputs[0];
    for (size_t j = i + 1; j < graph.nodes.size(); ++j) {
      const ValueId second = graph.nodes[j].outputs[0];
      if (graph.use_count(second) == 0 || !are_equal(graph.nodes[i], graph.nodes[j])) continue;
      if (!is_replaceable(graph, second, first)) continue;
      take_over(graph, second, first);
      ++count;
    }
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
