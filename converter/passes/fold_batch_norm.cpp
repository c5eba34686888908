// k = scale / sqrt(variance + epsilon), shift = bias - mean * k, in double. Then, the first that applies:
//   batch_norm(layer(x, w, b)) -> layer(x, w * k[o], b * k[o] + shift[o])
//   layer(batch_norm(x), w, b) -> layer(x, w * k[c], b + sum over taps of w * shift[c])
//   batch_norm(x)              -> a depthwise 1x1 convolution, for images: one rounding, and a scale per channel
//   batch_norm(x)              -> x * k + shift
// layer is conv2d (dense, grouped, depthwise) or fully_connected. In the first its value may have been moved by
// reshapes, transposes and slices, as that of a transposed convolution is, if each of its outputs o stays in one
// channel (moved_layer.h).
// The first is refused when the layer or a moved value feeds anything else, is a graph output, or has a residual or
// clamp before the normalization; the second when the normalized value feeds anything else, is a graph output, or the
// convolution pads and some shift is not 0; all of them when a statistic is computed.
#include <cmath>

#include "converter/passes/moved_layer.h"
#include "converter/passes/pass_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

struct Affine {
  std::vector<double> k, shift;
};

std::optional<Affine> affine_of(const Graph& graph, const Node& node, const BatchNormParams& params) {
  std::array<std::span<const float>, 4> statistics;
  for (size_t i = 0; i < 4; ++i) {
    const Value& value = graph.value(node.input(i + 1));
    if (!value.is_constant() || value.type != DataType::kF32) return std::nullopt;
    statistics[i] = value.constant->as<float>();
  }
  const auto [scale, bias, mean, variance] = statistics;
  Affine affine;
  for (size_t c = 0; c < scale.size(); ++c) {
    const double k = scale[c] / std::sqrt(double{variance[c]} + double{params.epsilon});
    affine.k.push_back(k);
    affine.shift.push_back(bias[c] - mean[c] * k);
  }
  return affine;
}

bool fold_into_producer(Graph& graph, const Node& node, const Affine& affine, int64_t axis) {
  const ValueId source = node.input(0);
  const auto moved = moved_layer(graph, source, axis);
  if (!moved) return false;
  scale_outputs(graph, *moved->layer, moved->per_output(affine.k), moved->per_output(affine.shift));
  take_over(graph, node.outputs[0], source);
  return true;
}

bool fold_into_user(Graph& graph, const Node& node, const Affine& affine, int64_t axis) {
  Node* layer = sole_user(graph, node.outputs[0]);
  if (layer == nullptr || !is_weighted(graph, *layer) || layer->input(0) != node.outputs[0]) return false;
  if (axis != graph.value(node.input(0)).shape.rank() - 1 || !accepts_input_shift(*layer, affine.shift)) return false;
  scale_inputs(graph, *layer, affine.k, affine.shift);
  graph.nodes.set_input(*layer, 0, node.input(0));
  return true;
}

Tensor channel_tensor(const Shape& shape, std::span<const double> values) {
  Tensor tensor(DataType::kF32, shape);
  for (size_t c = 0; c < values.size(); ++c) tensor.as<float>()[c] = static_cast<float>(values[c]);
  return tensor;
}

void become_depthwise(Graph& graph, Node& node, const Affine& affine) {
  const auto channels = static_cast<int64_t>(affine.k.size());
  const ValueId weights = graph.add_constant(node.name + ".weights", channel_tensor({channels, 1, 1, 1}, affine.k));
  const ValueId bias = graph.add_constant(node.name + ".bias", channel_tensor({channels}, affine.shift));
  graph.nodes.set_inputs(node, {node.input(0), weights, bias});
  node.op = Conv2dParams{.groups = channels};
}

void become_arithmetic(Graph& graph, size_t index, const Affine& affine, int64_t axis) {
  const std::string name = graph.nodes[index].name;
  const ValueId source = graph.nodes[index].input(0);
  const int rank = graph.value(source).shape.rank();
  Shape shape(std::vector<int64_t>(static_cast<size_t>(rank - axis), 1));
  shape[0] = static_cast<int64_t>(affine.k.size());
  const ValueId k = graph.add_constant(name + ".k", channel_tensor(shape, affine.k));
  const ValueId shift = graph.add_constant(name + ".shift", channel_tensor(shape, affine.shift));
  const ValueId product = graph.add_value(name + ":binary", DataType::kF32, graph.value(source).shape);
  graph.nodes.set_inputs(graph.nodes[index], {product, shift});
  graph.nodes[index].op = BinaryParams{.kind = BinaryKind::kAdd};
  graph.insert_node(index, name + ":mul", BinaryParams{.kind = BinaryKind::kMul}, {source, k}, {product});
}

}  // namespace

int fold_batch_norm(Graph& graph) {
  int count = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    const auto* params = node.as<BatchNormParams>();
    if (params == nullptr || graph.use_count(node.outputs[0]) == 0) continue;
    const auto affine = affine_of(graph, node, *params);
    if (!affine) continue;
    const int64_t axis = params->axis;
    if (!fold_into_producer(graph, node, *affine, axis) && !fold_into_user(graph, node, *affine, axis)) {
      const bool image = axis == 3 && graph.value(node.input(0)).shape.rank() == 4;
      image ? become_depthwise(graph, node, *affine) : become_arithmetic(graph, i, *affine, axis);
    }
    ++count;
  }
  graph.remove_dead();
  return count;
}

}  // namespace octet
