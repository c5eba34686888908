#include "converter/import/free_batch.h"

#include <algorithm>
#include <array>

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

std::string text_of(const Node& node) {
  return "node '" + node.name + "' (" + op_name(node.op) + ")";
}

// The first node that makes something else of a batch; the producer of the output where none does.
std::string lost_batch(const Graph& graph, ValueId output) {
  const auto batched = [&](ValueId id) { return is_batched(graph, id); };
  for (const Node& node : graph.nodes) {
    const auto input = std::ranges::find_if(node.inputs, batched);
    if (input == node.inputs.end() || batched(node.outputs[0])) continue;
    return text_of(node) + " makes " + graph.value(node.outputs[0]).shape.to_string() + " of " +
           graph.value(*input).shape.to_string();
  }
  return "the output '" + graph.value(output).name + "' does not depend on it";
}

// Whether with a batch of `size` every output has that many samples of the shape that it had.
Status check_scales(Graph graph, const std::vector<ValueId>& inputs, int64_t size,
                    const std::vector<Shape>& old_outputs) {
  for (const ValueId id : inputs) graph.value(id).shape[0] = size;
  OCTET_CHECK(graph.infer());
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    Shape wanted = old_outputs[i];
    if (wanted.rank() > 0) wanted[0] *= size;
    const Value& output = graph.value(graph.outputs[i]);
    if (wanted.rank() > 0 && output.shape == wanted) continue;
    return Error{ErrorCode::kUnsupported, "the output '" + output.name + "' is " + old_outputs[i].to_string() +
                                              " for one sample, but " + output.shape.to_string() + " for " +
                                              std::to_string(size)};
  }
  return {};
}

// `of_one`: the file describes the network for one sample.
Status try_inputs(Graph& graph, const std::vector<ValueId>& inputs, const BatchHints& hints, bool of_one) {
  Graph freed_graph = graph;
  for (const ValueId id : inputs) freed_graph.value(id).shape[0] = Shape::kDynamic;
  int64_t bytes_left = kMaxFoldedBytes;
  // Node by node, since what a reshape must be depends on the shapes before it.
  for (size_t index = 0; index < freed_graph.nodes.size(); ++index) {
    if (const Status replaced = replace_batched_concat(freed_graph, index, bytes_left); !replaced.ok()) {
      return Error{replaced.error().code, text_of(freed_graph.nodes[index]) + ": " + replaced.error().message};
    }
    Node& node = freed_graph.nodes[index];
    if (auto* reshape = node.as<ReshapeParams>(); of_one && reshape != nullptr && hints.reshapes.contains(node.name)) {
      *reshape = freed(*reshape, freed_graph.value(node.inputs[0]).shape, graph.value(node.outputs[0]).shape);
    }
    const Result<std::vector<Shape>> shapes = infer_shapes(node.op, freed_graph.descs(node.inputs));
    if (!shapes.ok()) return Error{shapes.error().code, text_of(node) + ": " + shapes.error().message};
    for (size_t i = 0; i < node.outputs.size(); ++i) freed_graph.value(node.outputs[i]).shape = (*shapes)[i];
  }
  std::vector<Shape> old_outputs;
  for (const ValueId id : graph.outputs) {
    if (!is_batched(freed_graph, id)) return Error{ErrorCode::kUnsupported, lost_batch(freed_graph, id)};
    old_outputs.push_back(graph.value(id).shape);
  }
  for (const Node& node : freed_graph.nodes) {
    if (!of_one || keeps_samples_apart(freed_graph, node)) continue;
    return Error{ErrorCode::kUnsupported, text_of(node) + " mixes samples"};
  }
  OCTET_CHECK(check_scales(freed_graph, inputs, 1, old_outputs));
  OCTET_CHECK(check_scales(freed_graph, inputs, 2, old_outputs));
  graph = std::move(freed_graph);
  graph.remove_dead();
  return {};
}

std::map<std::string, Shape> shapes_at(const Graph& graph, const std::vector<ValueId>& inputs, int64_t batch) {
  std::map<std::string, Shape> shapes;
  for (const ValueId id : graph.inputs) shapes[graph.value(id).name] = graph.value(id).shape;
  for (const ValueId id : inputs) shapes[graph.value(id).name][0] = batch;
  return shapes;
}

// Whether the file says nothing of any other batch: such a network is one for one sample. What it decides by a size it
// may decide otherwise at one that is not tried; a reshape to a number of rows takes the multiples of that number, of
// which 60 is one for most small numbers.
bool is_of_one_sample(const Graph& graph, const SizeArithmetic& arithmetic, const std::vector<ValueId>& inputs,
                      const ReadAtShapes& read) {
  constexpr std::array<int64_t, 9> kOtherBatches{4, 5, 6, 7, 8, 10, 12, 16, 60};
  const auto decides = [](const SizeStep& step) { return step.outputs.empty(); };
  return std::ranges::none_of(arithmetic.steps(), decides) && std::ranges::all_of(kOtherBatches, [&](int64_t batch) {
    const Result<Reading> reading = read(shapes_at(graph, inputs, batch));
    return !reading.ok() && reading.error().code == ErrorCode::kInvalidFile;
  });
}

// Inputs that the file leaves open.
Status try_open(Graph& graph, const SizeArithmetic& arithmetic, const std::vector<ValueId>& inputs,
                const BatchHints& hints, const ReadAtShapes& read) {
  constexpr std::array<int64_t, 2> kBatches{2, 3};
  std::vector<Graph> readings{graph};
  std::vector<SizeArithmetic> arithmetics{arithmetic};
  std::vector<std::string> shapes{input_shapes_text(graph)};
  Status unread;
  bool valid = false;
  for (const int64_t batch : kBatches) {
    Result<Reading> reading = read(shapes_at(graph, inputs, batch));
    if (reading.ok()) {
      shapes.push_back(input_shapes_text(reading->graph));
      readings.push_back(std::move(reading->graph));
      arithmetics.push_back(std::move(reading->arithmetic));
    } else {
      unread = reading.error();
      valid |= reading.error().code != ErrorCode::kInvalidFile;
    }
  }
  if (readings.size() == 1 && !valid && is_of_one_sample(graph, arithmetic, inputs, read)) {
    return try_inputs(graph, inputs, hints, true);
  }
  if (!unread.ok()) return unread;
  Graph freed_graph = graph;
  OCTET_CHECK(make_one_of(freed_graph, readings));
  OCTET_CHECK(check_arithmetic(arithmetics, shapes, OpenSize::kBatch));
  OCTET_CHECK(try_inputs(freed_graph, inputs, hints, false));
  graph = std::move(freed_graph);
  return {};
}

}  // namespace

void free_batch(Graph& graph, const SizeArithmetic& arithmetic, const BatchHints& hints, const ReadAtShapes& read,
                std::vector<std::string>& warnings) {
  std::vector<ValueId> open, of_one_sample;
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    if (hints.dynamic_inputs.contains(input.name)) open.push_back(id);
    if (input.shape.rank() >= 2 && input.shape[0] == 1) of_one_sample.push_back(id);
  }
  if (open.empty()) {
    if (!of_one_sample.empty()) static_cast<void>(try_inputs(graph, of_one_sample, hints, true));
    return;
  }
  const Status freed = try_open(graph, arithmetic, open, hints, read);
  if (freed.ok() || (of_one_sample != open && !of_one_sample.empty() &&
                     try_open(graph, arithmetic, of_one_sample, hints, read).ok())) {
    return;
  }
  std::string shapes;
  for (const auto& [name, shape] : shapes_at(graph, open, 3)) {
    if (hints.dynamic_inputs.contains(name)) shapes += " --input-shape " + name + "=" + shape.to_string();
  }
  warnings.push_back("the batch of the network stays at 1: " + freed.error().message + ";" + shapes +
                     " makes it 3, for example");
}

}  // namespace octet
