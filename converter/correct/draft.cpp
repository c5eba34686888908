#include "converter/correct/draft.h"

#include <cmath>

#include <map>
#include <memory>

#include "converter/passes/rewrite.h"
#include "converter/quantize.h"

namespace octet {
namespace {

bool has_integer_weights(const PackedModel& packed, const PackedNode& node) {
  if (!std::holds_alternative<Conv2dParams>(node.op) && !std::holds_alternative<FullyConnectedParams>(node.op)) {
    return false;
  }
  return packed.tensors[static_cast<size_t>(node.inputs[kConvWeights])].type == DataType::kS8;
}

void set_data(PackedTensor& tensor, const Tensor& data) {
  tensor.data = data.data();
  tensor.data_bytes = data.byte_count();
}

// `current` where `wanted` is NaN or infinite.
std::vector<float> finite_or(std::span<const float> wanted, std::vector<float> current) {
  for (size_t i = 0; i < current.size(); ++i) {
    if (std::isfinite(wanted[i])) current[i] = wanted[i];
  }
  return current;
}

}  // namespace

Result<PackedModel> lower_draft(Draft& draft) {
  std::vector<std::string> notices;
  OCTET_TRY(PackedModel packed, lower_int8(draft.graph, draft.ranges, draft.options, notices));
  for (const PackedNode& node : packed.nodes) {
    if (!has_integer_weights(packed, node)) continue;
    draft.options.weight_scales.try_emplace(node.name,
                                            packed.tensors[static_cast<size_t>(node.inputs[kConvWeights])].scales);
  }
  return packed;
}

std::vector<DraftLayer> draft_layers(const Draft& draft, const PackedModel& packed) {
  std::map<std::string_view, size_t> nodes;
  for (size_t i = 0; i < draft.graph.nodes.size(); ++i) nodes[draft.graph.nodes[i].name] = i;
  std::vector<DraftLayer> layers;
  for (size_t i = 0; i < packed.nodes.size(); ++i) {
    if (has_integer_weights(packed, packed.nodes[i])) layers.push_back({nodes.at(packed.nodes[i].name), i});
  }
  return layers;
}

std::vector<float> layer_weights(const Graph& graph, const Node& node) {
  const std::span<const float> values = graph.value(node.input(kConvWeights)).constant->as<float>();
  return {values.begin(), values.end()};
}

std::vector<float> layer_bias(const Graph& graph, const Node& node) {
  const ValueId id = node.input(kConvBias);
  if (id == kNoValue) return std::vector<float>(static_cast<size_t>(output_channels(graph, node)));
  const std::span<const float> values = graph.value(id).constant->as<float>();
  return {values.begin(), values.end()};
}

void set_layer_weights(Graph& graph, Node& node, std::span<const float> weights) {
  const Shape shape = graph.value(node.input(kConvWeights)).shape;
  const std::vector<float> finite = finite_or(weights, layer_weights(graph, node));
  replace_constant(graph, node, kConvWeights, Tensor::f32(shape, finite), node.name + ".weights");
}

void set_layer_bias(Graph& graph, Node& node, std::span<const float> bias) {
  const std::vector<float> finite = finite_or(bias, layer_bias(graph, node));
  replace_constant(graph, node, kConvBias, Tensor::f32({static_cast<int64_t>(bias.size())}, finite),
                   node.name + ".bias");
}

void requantize_layer(const Draft& draft, PackedModel& packed, const DraftLayer& layer) {
  const Node& node = draft.graph.nodes[layer.node];
  const PackedNode& packed_node = packed.nodes[layer.packed_node];
  const auto tensor = [&](size_t input) -> PackedTensor& {
    return packed.tensors[static_cast<size_t>(packed_node.inputs[input])];
  };
  const bool is_float = tensor(kConvSrc).type == DataType::kF32;  // then its bias has no integers
  const ValueId bias_id = node.input(kConvBias);
  const Tensor* bias = is_float || bias_id == kNoValue ? nullptr : &*draft.graph.value(bias_id).constant;
  const auto scales = draft.options.weight_scales.find(node.name);
  std::vector<std::string> notices;
  QuantizedWeights quantized = quantize_weights(
      *draft.graph.value(node.input(kConvWeights)).constant, bias, {is_float ? 1 : tensor(kConvSrc).scales[0], 0},
      draft.options.weights_of(node.name), node.name, notices,
      scales == draft.options.weight_scales.end() ? std::span<const float>() : std::span(scales->second));
  set_data(tensor(kConvWeights), quantized.weights);
  tensor(kConvWeights).scales = quantized.scales;
  if (!is_float) set_data(tensor(kConvBias), quantized.bias);
  // The model goes on owning what the other tensors point at.
  struct Storage {
    std::shared_ptr<const void> others;
    QuantizedWeights layer;
  };
  packed.storage = std::make_shared<Storage>(Storage{std::move(packed.storage), std::move(quantized)});
}

std::vector<float> integer_weights(const PackedModel& packed, const DraftLayer& layer) {
  const int32_t id = packed.nodes[layer.packed_node].inputs[kConvWeights];
  const PackedTensor& weights = packed.tensors[static_cast<size_t>(id)];
  const std::span<const int8_t> q{static_cast<const int8_t*>(weights.data), static_cast<size_t>(weights.data_bytes)};
  std::vector<float> values;
  for (size_t i = 0; i < q.size(); ++i) {
    values.push_back(weights.scales[i * weights.scales.size() / q.size()] * static_cast<float>(q[i]));
  }
  return values;
}

std::vector<double> integer_bias(const PackedModel& packed, const DraftLayer& layer) {
  const std::vector<int32_t>& inputs = packed.nodes[layer.packed_node].inputs;
  const auto tensor = [&](size_t input) { return packed.tensors[static_cast<size_t>(inputs[input])]; };
  const PackedTensor bias = tensor(kConvBias);
  const std::vector<float> scales = tensor(kConvWeights).scales;
  const auto src_scale = static_cast<double>(tensor(kConvSrc).scales[0]);
  const std::span<const int32_t> q{static_cast<const int32_t*>(bias.data),
                                   static_cast<size_t>(bias.data_bytes) / sizeof(int32_t)};
  std::vector<double> values;
  for (size_t o = 0; o < q.size(); ++o) {
    values.push_back(src_scale * static_cast<double>(scales[o * scales.size() / q.size()]) * q[o]);
  }
  return values;
}

const Clamp* clamp_of(const Node& node) {
  return clamp_of(const_cast<Node&>(node));
}

Clamp* clamp_of(Node& node) {
  if (auto* conv = node.as<Conv2dParams>()) return &conv->clamp;
  if (auto* layer = node.as<FullyConnectedParams>()) return &layer->clamp;
  return nullptr;
}

}  // namespace octet
