#include "converter/import/batched_concat.h"

#include <algorithm>

#include "converter/constant_folding.h"

namespace octet {
namespace {

bool is_one_sample(const Value& value) {
  return value.is_constant() && value.type == DataType::kF32 && value.shape.rank() > 0 && value.shape[0] == 1;
}

bool is_batch(const Value& value) {
  return !value.is_constant() && value.shape.rank() > 0 && value.shape[0] == Shape::kDynamic &&
         Shape(std::span(value.shape.begin() + 1, value.shape.end())).is_concrete();
}

// The constants at their places along `axis`, zeros where inputs stand.
Result<Tensor> with_zeros(const Graph& graph, const std::vector<ValueId>& inputs, int axis, int64_t length,
                          int64_t& bytes_left) {
  Shape shape = graph.value(inputs[0]).shape;
  shape[0] = 1;
  shape[axis] = length;
  int64_t inner = 1;
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  OCTET_TRY(Tensor result, make_constant(DataType::kF32, shape, bytes_left));
  const std::span<float> dst = result.as<float>();
  int64_t at = 0;
  for (const ValueId id : inputs) {
    const Value& value = graph.value(id);
    const int64_t run = value.shape[axis] * inner;
    if (value.is_constant()) {
      const auto src = value.constant->view().as<float>();
      for (int64_t begin = 0; run > 0 && begin < static_cast<int64_t>(src.size()); begin += run) {
        std::copy_n(src.begin() + begin, run, dst.begin() + begin / run * length * inner + at);
      }
    }
    at += run;
  }
  return result;
}

}  // namespace

Status replace_batched_concat(Graph& graph, size_t index, int64_t& bytes_left) {
  const Node node = graph.nodes[index];
  const auto* concat = node.as<ConcatParams>();
  if (concat == nullptr || concat->axis == 0) return {};
  const auto is = [&](auto matches) { return [&, matches](ValueId id) { return matches(graph.value(id)); }; };
  if (std::ranges::none_of(node.inputs, is(is_one_sample)) || std::ranges::none_of(node.inputs, is(is_batch)) ||
      !std::ranges::all_of(node.inputs, [&](ValueId id) { return is(is_one_sample)(id) || is(is_batch)(id); })) {
    return {};
  }
  const int axis = static_cast<int>(concat->axis);
  int64_t length = 0;
  for (const ValueId id : node.inputs) length += graph.value(id).shape[axis];
  const auto rank = static_cast<size_t>(graph.value(node.inputs[0]).shape.rank());

  OCTET_TRY(Tensor constants, with_zeros(graph, node.inputs, axis, length, bytes_left));
  graph.nodes.erase(index);
  ValueId sum = graph.add_constant(node.name + ":constants", std::move(constants));
  auto pads_left = std::ranges::count_if(node.inputs, is(is_batch));
  int64_t at = 0;
  for (const ValueId id : node.inputs) {
    const int64_t extent = graph.value(id).shape[axis];
    if (is_batch(graph.value(id))) {
      PadParams pad{.before = std::vector<int64_t>(rank), .after = std::vector<int64_t>(rank)};
      pad.before[static_cast<size_t>(axis)] = at;
      pad.after[static_cast<size_t>(axis)] = length - at - extent;
      const ValueId padded = graph.add_value(node.name + ":pad", DataType::kF32, graph.value(id).shape);
      graph.insert_node(index++, node.name + ":pad", pad, {id}, {padded});
      const ValueId to = --pads_left == 0 ? node.outputs[0] : graph.add_value(node.name + ":sum", DataType::kF32, {});
      graph.insert_node(index++, node.name, BinaryParams{}, {padded, sum}, {to});
      sum = to;
    }
    at += extent;
  }
  return {};
}

}  // namespace octet
