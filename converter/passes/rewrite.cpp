#include "converter/passes/rewrite.h"

#include <algorithm>
#include <cassert>
#include <cctype>

namespace octet {
namespace {

std::vector<double> doubles(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

Tensor f32_tensor(const Shape& shape, std::span<const double> values) {
  Tensor tensor(DataType::kF32, shape);
  std::transform(values.begin(), values.end(), tensor.as<float>().begin(),
                 [](double v) { return static_cast<float>(v); });
  return tensor;
}

std::vector<double> bias_or_zeros(const Graph& graph, const Node& weighted) {
  const ValueId bias = weighted.input(kConvBias);
  if (bias == kNoValue) return std::vector<double>(static_cast<size_t>(output_channels(graph, weighted)));
  return doubles(*graph.value(bias).constant);
}

void set_weights(Graph& graph, Node& weighted, std::span<const double> weights, std::span<const double> bias) {
  const Shape shape = graph.value(weighted.input(kConvWeights)).shape;
  replace_constant(graph, weighted, kConvWeights, f32_tensor(shape, weights), weighted.name + ".weights");
  replace_constant(graph, weighted, kConvBias, f32_tensor({shape[0]}, bias), weighted.name + ".bias");
}

}  // namespace

std::optional<float> number_of(const Value& value) {
  if (!value.is_constant() || value.type != DataType::kF32 || value.constant->element_count() != 1) return std::nullopt;
  return value.constant->as<float>()[0];
}

bool is_graph_input(const Graph& graph, ValueId id) {
  return std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end();
}

bool is_replaceable(const Graph& graph, ValueId from, ValueId to) {
  if (!graph.is_output(from)) return true;
  return !graph.is_output(to) && !is_graph_input(graph, to) && !graph.value(to).is_constant() &&
         std::count(graph.outputs.begin(), graph.outputs.end(), from) == 1;
}

bool is_made_up(const Graph& graph, ValueId id) {
  const Node* node = graph.producer(id);
  if (node == nullptr) return false;
  std::string_view name = graph.value(id).name;
  // A clash of names has put a number behind.
  const size_t underscore = name.rfind('_');
  if (underscore != std::string_view::npos && underscore + 1 < name.size() &&
      std::all_of(name.begin() + static_cast<std::ptrdiff_t>(underscore) + 1, name.end(),
                  [](unsigned char c) { return std::isdigit(c) != 0; })) {
    const std::string_view stem = name.substr(0, underscore);
    if (stem.ends_with(":" + std::string(op_name(node->op)))) return true;
  }
  return name.ends_with(":" + std::string(op_name(node->op)));
}

void take_over(Graph& graph, ValueId from, ValueId to) {
  assert(is_replaceable(graph, from, to));
  const bool output = graph.is_output(from);
  const bool better = !is_made_up(graph, from);
  graph.replace_uses(from, to);
  const bool fixed = is_graph_input(graph, to) || graph.value(to).is_constant() || (graph.is_output(to) && !output);
  if (output || (better && !fixed)) graph.swap_names(from, to);
}

size_t index_of(const Graph& graph, const Node& node) {
  return graph.nodes.index_of(node);
}

Node* sole_user(Graph& graph, ValueId id) {
  if (graph.is_output(id)) return nullptr;
  Node* found = nullptr;
  for (Node& node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != id || reads_only_shape(node.op, i)) continue;
      if (found != nullptr) return nullptr;
      found = &node;
    }
  }
  return found;
}

void replace_constant(Graph& graph, Node& node, size_t i, Tensor tensor, std::string_view name) {
  const ValueId old = node.input(i);
  const bool named = old != kNoValue;
  const ValueId id = graph.add_constant(named ? std::string_view(graph.value(old).name) : name, std::move(tensor));
  graph.nodes.set_input(node, i, id);
  if (!named || graph.use_count(old) > 0) return;
  graph.swap_names(old, id);
  graph.value(old).constant.reset();  // thousands may follow each other before remove_dead
}

std::optional<std::vector<double>> per_channel(const Graph& graph, ValueId constant, const Shape& shape, int axis) {
  if (constant == kNoValue) return std::nullopt;
  const Value& value = graph.value(constant);
  if (!value.is_constant() || value.type != DataType::kF32 || value.shape.rank() > shape.rank()) return std::nullopt;
  if (axis < 0 || axis >= shape.rank() || shape[axis] < 0) return std::nullopt;
  const int lead = shape.rank() - value.shape.rank();
  for (int i = 0; i < value.shape.rank(); ++i) {
    const int64_t dim = value.shape[i];
    if (dim != 1 && (lead + i != axis || dim != shape[axis])) return std::nullopt;
  }
  std::vector<double> values = doubles(*value.constant);
  if (values.size() == 1) values.resize(static_cast<size_t>(shape[axis]), values[0]);
  return values;
}

bool is_weighted(const Graph& graph, const Node& node) {
  if (!node.is<Conv2dParams>() && !node.is<FullyConnectedParams>()) return false;
  const auto constant = [&](size_t i) {
    const ValueId id = node.input(i);
    return id != kNoValue && graph.value(id).is_constant() && graph.value(id).type == DataType::kF32;
  };
  return constant(kConvWeights) && (node.input(kConvBias) == kNoValue || constant(kConvBias));
}

bool is_linear(const Node& node) {
  if (const auto* conv = node.as<Conv2dParams>()) return conv->clamp.is_none() && node.input(kConvResidual) == kNoValue;
  if (const auto* layer = node.as<FullyConnectedParams>()) return layer->clamp.is_none();
  return false;
}

int64_t output_channels(const Graph& graph, const Node& weighted) {
  return graph.value(weighted.input(kConvWeights)).shape[0];
}

int64_t input_channels(const Graph& graph, const Node& weighted) {
  const Shape& shape = graph.value(weighted.input(kConvWeights)).shape;
  const auto* conv = weighted.as<Conv2dParams>();
  return shape[shape.rank() - 1] * (conv != nullptr ? conv->groups : 1);
}

void scale_outputs(Graph& graph, Node& weighted, std::span<const double> k, std::span<const double> shift) {
  std::vector<double> weights = doubles(*graph.value(weighted.input(kConvWeights)).constant);
  std::vector<double> bias = bias_or_zeros(graph, weighted);
  const size_t row = bias.empty() ? 0 : weights.size() / bias.size();
  for (size_t o = 0; o < bias.size(); ++o) {
    for (size_t i = 0; i < row; ++i) weights[o * row + i] *= k[o];
    bias[o] = bias[o] * k[o] + shift[o];
  }
  set_weights(graph, weighted, weights, bias);
}

void scale_inputs(Graph& graph, Node& weighted, std::span<const double> k, std::span<const double> shift) {
  std::vector<double> weights = doubles(*graph.value(weighted.input(kConvWeights)).constant);
  std::vector<double> bias = bias_or_zeros(graph, weighted);
  const auto* conv = weighted.as<Conv2dParams>();
  const size_t groups = conv != nullptr ? static_cast<size_t>(conv->groups) : 1;
  const size_t row = bias.empty() ? 0 : weights.size() / bias.size();
  const size_t channels = k.size() / groups;  // that one output channel reads
  for (size_t o = 0; o < bias.size(); ++o) {
    const size_t first = o / (bias.size() / groups) * channels;
    for (size_t i = 0; i < row; ++i) {
      double& weight = weights[o * row + i];
      bias[o] += weight * shift[first + i % channels];
      weight *= k[first + i % channels];
    }
  }
  set_weights(graph, weighted, weights, bias);
}

bool accepts_input_shift(const Node& weighted, std::span<const double> shift) {
  const auto* conv = weighted.as<Conv2dParams>();
  if (conv == nullptr || conv->pads == std::array<int64_t, 4>{}) return true;
  return std::all_of(shift.begin(), shift.end(), [](double v) { return v == 0; });
}

int64_t known_elements(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t dim : shape) product *= dim == Shape::kDynamic ? 1 : dim;
  return product;
}

int dynamic_count(const Shape& shape) {
  return static_cast<int>(std::count(shape.begin(), shape.end(), Shape::kDynamic));
}

std::vector<int64_t> reshape_dims(const Shape& from, const Shape& to) {
  // A batch that is joined with heads, and comes apart in windows, is dynamic before and behind, but not the same.
  const bool is_one = dynamic_count(from) == 1 && dynamic_count(to) == 1;
  const bool may_stay = !is_one || known_elements(from) == known_elements(to);
  std::vector<int64_t> dims(to.begin(), to.end());
  for (int i = 0; i < to.rank(); ++i) {
    const bool stays = may_stay && i < from.rank() && from[i] == to[i];
    if (to[i] == Shape::kDynamic && stays) dims[static_cast<size_t>(i)] = 0;
  }
  return dims;
}

}  // namespace octet
