// f(x) -> x          where f is Identity, or a reshape, transpose, pad, slice, concat, clip, resize, cast or arithmetic
//                    with a constant that changes neither shape nor type nor any element
// reshape(reshape(x)) -> reshape(x)
// identity(x) -> unary identity(x)    where x must keep its own name: a graph input or output that is a graph output
// Refused for every f where x must keep its own name.
#include <algorithm>
#include <cmath>

#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

bool all_equal(const Graph& graph, ValueId id, float wanted) {
  const Value& value = graph.value(id);
  if (!value.is_constant() || value.type != DataType::kF32) return false;
  const auto elements = value.constant->as<float>();
  return std::all_of(elements.begin(), elements.end(), [&](float element) { return element == wanted; });
}

bool is_zero(const std::vector<int64_t>& list) {
  return std::all_of(list.begin(), list.end(), [](int64_t v) { return v == 0; });
}

// The operand that a binary node passes through, or kNoValue.
ValueId neutral_operand(const Graph& graph, const Node& node, const BinaryParams& params) {
  if (!params.clamp.is_none()) return kNoValue;
  const ValueId a = node.input(0);
  const ValueId b = node.input(1);
  switch (params.kind) {
    case BinaryKind::kAdd:
      return all_equal(graph, b, 0) ? a : all_equal(graph, a, 0) ? b : kNoValue;
    case BinaryKind::kMul:
      return all_equal(graph, b, 1) ? a : all_equal(graph, a, 1) ? b : kNoValue;
    case BinaryKind::kSub:
      return all_equal(graph, b, 0) ? a : kNoValue;
    case BinaryKind::kDiv:
    case BinaryKind::kPow:
      return all_equal(graph, b, 1) ? a : kNoValue;
    default:
      return kNoValue;
  }
}

// The input that the node's only output repeats element by element, if their shapes and types agree; or kNoValue.
ValueId passed_through(const Graph& graph, const Node& node) {
  if (const auto* binary = node.as<BinaryParams>()) return neutral_operand(graph, node, *binary);
  if (node.is<ReshapeParams>()) {
    // Of several dynamic dimensions nobody knows which are the same.
    return node.inputs.size() == 1 && dynamic_count(graph.value(node.input(0)).shape) <= 1 ? node.input(0) : kNoValue;
  }
  if (node.is<IdentityParams>() || node.is<CastParams>()) return node.input(0);
  if (node.is<ConcatParams>()) return node.inputs.size() == 1 ? node.input(0) : kNoValue;
  if (const auto* transpose = node.as<TransposeParams>()) {
    return std::is_sorted(transpose->permutation.begin(), transpose->permutation.end()) ? node.input(0) : kNoValue;
  }
  if (const auto* pad = node.as<PadParams>()) {
    return is_zero(pad->before) && is_zero(pad->after) ? node.input(0) : kNoValue;
  }
  if (const auto* slice = node.as<SliceParams>()) {
    const bool forward = std::all_of(slice->steps.begin(), slice->steps.end(), [](int64_t step) { return step == 1; });
    return forward ? node.input(0) : kNoValue;  // the shape says whether it takes everything
  }
  if (const auto* unary = node.as<UnaryParams>()) {
    const bool open = unary->kind == UnaryKind::kClip && unary->alpha == -INFINITY && unary->beta == INFINITY;
    return open || unary->kind == UnaryKind::kIdentity ? node.input(0) : kNoValue;
  }
  if (const auto* resize = node.as<ResizeParams>()) {
    const bool same = resize->scales == std::array<float, 2>{1, 1} && resize->sizes == std::array<int64_t, 2>{};
    return same ? node.input(0) : kNoValue;
  }
  return kNoValue;
}

// Another dynamic dimension may be hidden behind "dynamic": a slice or pad of the batch axis is never the identity.
bool touches_dynamic_axis(const Node& node, const Shape& shape) {
  const auto* slice = node.as<SliceParams>();
  if (slice == nullptr) return false;
  return std::any_of(slice->axes.begin(), slice->axes.end(),
                     [&](int64_t axis) { return shape[static_cast<int>(axis)] < 0; });
}

// Whether the shapes alone tell a reshape that makes `result` of what `first` reads.
bool is_told_by_shapes(const Graph& graph, const Node& first, ValueId result) {
  return dynamic_count(graph.value(first.input(0)).shape) <= 1 && dynamic_count(graph.value(result).shape) <= 1;
}

}  // namespace

int remove_identity(Graph& graph) {
  int count = 0;
  for (Node& node : graph.nodes) {
    if (node.outputs.size() != 1) continue;
    const ValueId output = node.outputs[0];
    if (graph.use_count(output) == 0) continue;
    if (auto* reshape = node.as<ReshapeParams>()) {
      const Node* before = graph.producer(node.input(0));
      if (before != nullptr && before->is<ReshapeParams>() && is_told_by_shapes(graph, *before, output)) {
        graph.nodes.set_inputs(node, {before->input(0)});
        reshape->dims = reshape_dims(graph.value(node.inputs[0]).shape, graph.value(output).shape);
        ++count;
      }
    }
    const ValueId source = passed_through(graph, node);
    if (source == kNoValue) continue;
    const Value& from = graph.value(source);
    const Value& to = graph.value(output);
    if (from.shape != to.shape || from.type != to.type || touches_dynamic_axis(node, from.shape)) continue;
    if (is_replaceable(graph, output, source)) {
      take_over(graph, output, source);
      ++count;
    } else if (node.is<IdentityParams>()) {
      node.op = from.type == DataType::kF32 ? GraphOp(UnaryParams{}) : GraphOp(CastParams{});
      ++count;
    }
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
