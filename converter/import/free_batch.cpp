#include "converter/import/free_batch.h"

#include <algorithm>

#include "converter/import/batched_concat.h"

namespace octet {
namespace {

bool is_batched(const Graph& graph, ValueId id) {
  if (id == kNoValue) return false;
  const Shape& shape = graph.value(id).shape;
  return shape.rank() > 0 && shape[0] == Shape::kDynamic;
}

// A reshape that spells out the batch of 1 copies it instead; where the input has it elsewhere, it is what is left
// over. Returns the reshape for an input of dynamic shape `src`; `old_dst` is the output with the batch of 1.
ReshapeParams freed(const ReshapeParams& params, const Shape& src, const Shape& old_dst) {
  if (params.dims.empty() || params.dims[0] != 1 || src.rank() == 0 || src[0] != Shape::kDynamic) return params;
  ReshapeParams result{{old_dst.begin(), old_dst.end()}};
  int64_t src_rest = 1;
  int64_t dst_rest = 1;
  for (int i = 1; i < src.rank(); ++i) src_rest *= src[i];
  for (int i = 1; i < old_dst.rank(); ++i) dst_rest *= old_dst[i];
  result.dims[0] = src_rest == dst_rest ? 0 : -1;
  return result;
}

// Whether a node of batched inputs treats every sample by itself.
bool keeps_samples_apart(const Graph& graph, const Node& node) {
  const auto batched = [&](ValueId id) { return is_batched(graph, id); };
  if (std::none_of(node.inputs.begin(), node.inputs.end(), batched)) return true;
  const Shape& dst = graph.value(node.outputs[0]).shape;
  if (!std::all_of(node.outputs.begin(), node.outputs.end(), batched)) return false;
  if (!Shape(std::span(dst.begin() + 1, dst.end())).is_concrete()) return false;
  const auto untouched = [](const std::vector<int64_t>& axes) {
    return std::find(axes.begin(), axes.end(), 0) == axes.end();
  };
  if (const auto* reduce = node.as<ReduceParams>()) return untouched(reduce->axes);
  if (const auto* slice = node.as<SliceParams>()) return untouched(slice->axes);
  if (const auto* transpose = node.as<TransposeParams>()) return transpose->permutation[0] == 0;
  if (const auto* pad = node.as<PadParams>()) return pad->before[0] == 0 && pad->after[0] == 0;
  if (const auto* softmax = node.as<SoftmaxParams>()) return softmax->axis != 0;
  if (const auto* concat = node.as<ConcatParams>()) return concat->axis != 0;
  if (const auto* gather = node.as<GatherParams>()) return gather->axis != 0 && !batched(node.inputs[1]);
  if (const auto* norm = node.as<BatchNormParams>()) return norm->axis != 0;
  const bool zoo = std::visit(
      []<class Params>(const Params&) {
        return requires {
          Params::kIsZoo;
        };
      },
      node.op);
  if (zoo) return keeps_samples_apart(*to_packed(node.op), graph.descs(node.inputs), graph.descs(node.outputs));
  if (node.is<MatmulParams>()) {
    return !batched(node.inputs[1]) || graph.value(node.inputs[1]).shape.rank() > 2;
  }
  if (node.is<BinaryParams>()) {
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId id) { return !batched(id) || graph.value(id).shape.rank() == dst.rank(); });
  }
  return true;
}

// Whether with a batch of `size` every output has that many samples of the shape that it had.
bool scales_with_batch(Graph graph, const std::vector<ValueId>& inputs, int64_t size,
                       const std::vector<Shape>& old_outputs) {
  for (const ValueId id : inputs) graph.value(id).shape[0] = size;
  if (!graph.infer().ok()) return false;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    Shape wanted = old_outputs[i];
    if (wanted.rank() == 0) return false;
    wanted[0] *= size;
    if (graph.value(graph.outputs[i]).shape != wanted) return false;
  }
  return true;
}

bool try_inputs(Graph& graph, const std::vector<ValueId>& inputs, const BatchHints& hints, bool strict) {
  if (inputs.empty()) return false;
  Graph freed_graph = graph;
  for (const ValueId id : inputs) freed_graph.value(id).shape[0] = Shape::kDynamic;
  // Node by node, since what a reshape must be depends on the shapes before it.
  for (size_t index = 0; index < freed_graph.nodes.size(); ++index) {
    replace_batched_concat(freed_graph, index);
    Node& node = freed_graph.nodes[index];
    if (auto* reshape = node.as<ReshapeParams>(); reshape != nullptr && hints.reshapes.contains(node.name)) {
      *reshape = freed(*reshape, freed_graph.value(node.inputs[0]).shape, graph.value(node.outputs[0]).shape);
    }
    const Result<std::vector<Shape>> shapes = infer_shapes(node.op, freed_graph.descs(node.inputs));
    if (!shapes.ok()) return false;
    for (size_t i = 0; i < node.outputs.size(); ++i) freed_graph.value(node.outputs[i]).shape = (*shapes)[i];
  }
  std::vector<Shape> old_outputs;
  for (const ValueId id : graph.outputs) {
    if (!is_batched(freed_graph, id)) return false;
    old_outputs.push_back(graph.value(id).shape);
  }
  const auto apart = [&](const Node& node) { return keeps_samples_apart(freed_graph, node); };
  if (strict && !std::all_of(freed_graph.nodes.begin(), freed_graph.nodes.end(), apart)) return false;
  if (!scales_with_batch(freed_graph, inputs, 1, old_outputs)) return false;
  if (!scales_with_batch(freed_graph, inputs, 2, old_outputs)) return false;
  graph = std::move(freed_graph);
  return true;
}

}  // namespace

bool free_batch(Graph& graph, const BatchHints& hints) {
  if (try_inputs(graph, hints.dynamic_inputs, hints, false)) return true;
  std::vector<ValueId> of_one_sample;
  for (const ValueId id : graph.inputs) {
    const Shape& shape = graph.value(id).shape;
    if (shape.rank() >= 2 && shape[0] == 1) of_one_sample.push_back(id);
  }
  return try_inputs(graph, of_one_sample, hints, hints.dynamic_inputs.empty());
}

}  // namespace octet
