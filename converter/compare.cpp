#include "converter/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include "converter/correct/correct.h"
#include "converter/node_session.h"
#include "converter/rescaling.h"
#include "kernels/bf16.h"
#include "kernels/quantization.h"
#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {
namespace {

using Values = std::map<std::string, std::vector<float>, std::less<>>;

// "conv1:u8" -> "conv1": the name that the float network knows a tensor by.
std::string_view base_name(std::string_view name) {
  for (const std::string_view suffix : {":u8", ":bf16", ":f32"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

std::vector<float> to_f32(const TensorView& view, const PackedTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(view.shape.element_count()));
  if (view.type == DataType::kU8) {
    const QuantParams quant = tensor.desc().quant();
    const auto q = view.as<uint8_t>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = dequantize(q[i], quant);
  } else if (view.type == DataType::kBf16) {
    const auto narrow = view.as<Bf16>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = octet::to_f32(narrow[i]);
  } else {
    std::copy_n(view.as<float>().begin(), values.size(), values.begin());
  }
  return values;
}

// The real numbers that a tensor's type can represent.
std::pair<float, float> representable(const PackedTensor& tensor) {
  if (tensor.type != DataType::kU8) return {-INFINITY, INFINITY};
  const QuantParams quant = tensor.desc().quant();
  // Half a unit more: what rounds to the last integer is not clipped.
  return {quant.scale * (-0.5F - static_cast<float>(quant.zero_point)),
          quant.scale * (255.5F - static_cast<float>(quant.zero_point))};
}

// Nodes whose output is worth a line: they compute something on integers or bf16, or with weights of
// integers.
bool is_layer(const PackedModel& model, const PackedNode& node) {
  const DataType made = model.tensors[static_cast<size_t>(node.outputs[0])].type;
  if (made != DataType::kU8 && made != DataType::kF32 && made != DataType::kBf16) return false;
  if (is_view(node.op) || std::holds_alternative<TransposeParams>(node.op)) return false;
  if (std::holds_alternative<DequantizeParams>(node.op) || std::holds_alternative<CastParams>(node.op)) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const int32_t id = node.inputs[i];
    if (id < 0 || reads_only_shape(node.op, i)) continue;
    const DataType type = model.tensors[static_cast<size_t>(id)].type;
    if (type == DataType::kU8 || type == DataType::kS8 || type == DataType::kBf16) return true;
  }
  return std::holds_alternative<QuantizeParams>(node.op);
}

bool has_weights(const PackedNode& node) {
  return std::holds_alternative<Conv2dParams>(node.op) || std::holds_alternative<FullyConnectedParams>(node.op);
}

// The numbers that s8 weights stand for, and the greatest that they could.
void describe_integers(const PackedTensor& weights, LayerComparison& layer) {
  const size_t taps = static_cast<size_t>(weights.shape.element_count() / weights.shape[0]);
  const auto* integers = static_cast<const int8_t*>(weights.data);
  // Groups have factors, which reach nearly as far as 8 bits.
  const float most = weights.file_bits == 4 && weights.file_group == 0 ? 7 : 127;
  std::vector<float> reals(taps);
  for (size_t o = 0; o < static_cast<size_t>(weights.shape[0]); ++o) {
    const size_t at = weights.scales.size() == 1 ? 0 : o;
    const int32_t zero_point = weights.zero_points.empty() ? 0 : weights.zero_points[at];
    for (size_t k = 0; k < taps; ++k) {
      reals[k] = weights.scales[at] * static_cast<float>(integers[o * taps + k] - zero_point);
    }
    layer.weights.observe(reals);
    layer.weight_bound = std::max(layer.weight_bound, most * weights.scales[at]);
  }
}

// What the layer's weights tell: its own, and how unlike the channels of the float network's node of that name are.
void describe_weights(const PackedModel& reference, const PackedModel& packed, const PackedNode& node,
                      LayerComparison& layer) {
  if (!has_weights(node)) return;
  const auto same = std::find_if(reference.nodes.begin(), reference.nodes.end(),
                                 [&](const PackedNode& other) { return other.name == node.name; });
  if (same == reference.nodes.end() || !has_weights(*same)) return;
  const PackedTensor& weights = reference.tensors[static_cast<size_t>(same->inputs[kConvWeights])];
  const PackedTensor& own = packed.tensors[static_cast<size_t>(node.inputs[kConvWeights])];
  if (weights.data == nullptr || weights.type != DataType::kF32 || weights.shape[0] == 0) return;
  const std::span values(static_cast<const float*>(weights.data), static_cast<size_t>(weights.shape.element_count()));
  const bool has_integers = own.data != nullptr && own.type == DataType::kS8 && !own.scales.empty();
  has_integers ? describe_integers(own, layer) : layer.weights.observe(values);
  const size_t taps = values.size() / static_cast<size_t>(weights.shape[0]);
  std::vector<double> channels;
  for (size_t first = 0; first < values.size(); first += taps) {
    double most = 0;
    for (const float w : values.subspan(first, taps)) most = std::max(most, std::fabs(static_cast<double>(w)));
    channels.push_back(most);
  }
  const auto middle = channels.begin() + static_cast<ptrdiff_t>(channels.size() / 2);
  std::nth_element(channels.begin(), middle, channels.end());
  const double median = *middle;
  const double widest = *std::max_element(channels.begin(), channels.end());
  layer.weight_range_ratio = median > 0 ? widest / median : widest > 0 ? INFINITY : 1;
  layer.is_per_tensor = own.scales.size() == 1 && weights.shape[0] > 1;
}

// By tensor: whether it is the model's input, moved, scaled or quantized, and nothing else.
std::vector<bool> find_fronts(const PackedModel& model) {
  std::vector<bool> fronts(model.tensors.size(), false);
  for (const int32_t id : model.inputs) fronts[static_cast<size_t>(id)] = true;
  for (const PackedNode& node : model.nodes) {
    if (has_weights(node) || (is_layer(model, node) && !std::holds_alternative<QuantizeParams>(node.op))) continue;
    const bool is_front = std::all_of(node.inputs.begin(), node.inputs.end(), [&](int32_t id) {
      return id < 0 || fronts[static_cast<size_t>(id)] || model.tensors[static_cast<size_t>(id)].data != nullptr;
    });
    for (const int32_t id : node.outputs) fronts[static_cast<size_t>(id)] = is_front;
  }
  return fronts;
}

// What corrections made of the reference's values; none: they rescaled them, and the file does not say how.
Result<std::optional<Rescaling>> read_rescaling(const PackedModel& packed) {
  const auto text = packed.metadata.find(kRescalingKey);
  if (text != packed.metadata.end()) {
    OCTET_TRY(Rescaling rescaling, parse_rescaling(text->second));
    return std::optional(std::move(rescaling));
  }
  const auto kept = packed.metadata.find("correct");
  const bool is_unknown = kept != packed.metadata.end() && rescales_values(kept->second);
  return is_unknown ? std::nullopt : std::optional(Rescaling());
}

bool has_tensor(const PackedModel& model, const std::vector<int32_t>& ids, std::string_view name) {
  return std::any_of(ids.begin(), ids.end(),
                     [&](int32_t id) { return model.tensors[static_cast<size_t>(id)].name == name; });
}

// Brings the float network's values into the units of the packed one's. Those of which these are not known are left
// out, but for inputs and outputs, which nothing rescales.
void rescale(const PackedModel& packed, const std::optional<Rescaling>& rescaling, Values& values) {
  if (!rescaling.has_value()) {
    std::erase_if(values, [&](const auto& value) {
      return !has_tensor(packed, packed.inputs, value.first) && !has_tensor(packed, packed.outputs, value.first);
    });
    return;
  }
  for (const auto& [name, channels] : *rescaling) {
    const auto found = values.find(name);
    if (found != values.end() && !rescale_values(channels, found->second)) values.erase(found);
  }
}

// Whether corrections gave the float network's tensor other units.
bool is_rescaled(const PackedModel& reference, const std::optional<Rescaling>& rescaling, const std::string& name) {
  if (rescaling.has_value()) return rescaling->contains(name);
  return std::any_of(reference.tensors.begin(), reference.tensors.end(),
                     [&](const PackedTensor& tensor) { return tensor.name == name; });
}

// What one thread needs, and what it has found.
class Worker {
 public:
  Worker(const Model& reference, const Model& packed, const std::optional<Rescaling>& rescaling)
      : packed_(packed.packed()),
        rescaling_(rescaling),
        reference_(reference),
        model_(packed),
        is_front_(find_fronts(packed_)) {
    for (const PackedNode& node : packed_.nodes) {
      const PackedTensor& output = packed_.tensors[static_cast<size_t>(node.outputs[0])];
      if (is_layer(packed_, node)) {
        layers_.push_back({.name = std::string(base_name(output.name)), .node = node.name, .op = op_name(node.op)});
        layer_nodes_.push_back(&node);
        describe_weights(reference.packed(), packed_, node, layers_.back());
        const auto [low, high] = representable(output);
        if (output.type == DataType::kU8) layers_.back().integers = {low, high};
      }
    }
    layer_sessions_.resize(layers_.size());
    layer_inputs_.resize(layers_.size());
    for (const int32_t id : packed_.outputs) {
      outputs_.push_back({.name = packed_.tensors[static_cast<size_t>(id)].name});
    }
  }

  Status add(const std::vector<Tensor>& sample) {
    if (!float_session_.has_value()) OCTET_CHECK(create_sessions());
    for (size_t i = 0; i < sample.size(); ++i) {
      std::memcpy(float_session_->input(i).data, sample[i].data(), static_cast<size_t>(sample[i].byte_count()));
      std::memcpy(packed_session_->input(i).data, sample[i].data(), static_cast<size_t>(sample[i].byte_count()));
    }
    Values values;
    float_session_->run([&](const std::string& name, const TensorView& view) {
      if (view.type != DataType::kF32) return;
      const auto elements = view.as<float>();
      values.insert_or_assign(name, std::vector<float>(elements.begin(), elements.end()));
    });
    rescale(packed_, rescaling_, values);
    add_cumulative(values);
    add_whole_outputs();
    for (std::vector<LayerComparison>* rows : {&layers_, &outputs_}) {
      for (LayerComparison& row : *rows) {
        const auto found = values.find(row.name);
        if (found != values.end()) row.values.observe(found->second);
      }
    }
    for (size_t i = 0; i < layers_.size(); ++i) OCTET_CHECK(add_isolated(i, values));
    return {};
  }

  void merge_into(Comparison& comparison) const {
    const auto merge = [](const std::vector<LayerComparison>& from, std::vector<LayerComparison>& to) {
      if (to.empty()) {
        to = from;
        return;
      }
      for (size_t i = 0; i < from.size(); ++i) {
        to[i].cumulative.merge(from[i].cumulative);
        to[i].isolated.merge(from[i].isolated);
        to[i].values.merge(from[i].values);
        to[i].whole_count += from[i].whole_count;
        to[i].equal_count += from[i].equal_count;
      }
    };
    merge(outputs_, comparison.outputs);
    merge(layers_, comparison.layers);
  }

 private:
  Status create_sessions() {
    OCTET_TRY(Session float_session, Session::create(reference_, {.threads = 1}));
    OCTET_TRY(Session packed_session, Session::create(model_, {.threads = 1}));
    float_session_ = std::move(float_session);
    packed_session_ = std::move(packed_session);
    return {};
  }

  void add_cumulative(const Values& values) {
    std::map<std::string, std::vector<float>> made;
    packed_session_->run([&](const std::string& name, const TensorView& view) {
      keep_front(name, view);
      const bool is_real = view.type == DataType::kF32 || view.type == DataType::kBf16;
      if (view.type != DataType::kU8 && !is_real) return;
      made.insert_or_assign(name, to_f32(view, tensor_named(name)));
    });
    for (size_t i = 0; i < layers_.size(); ++i) {
      const PackedTensor& tensor = packed_.tensors[static_cast<size_t>(layer_nodes_[i]->outputs[0])];
      const auto x = values.find(layers_[i].name);
      const auto y = made.find(tensor.name);
      if (x == values.end() || y == made.end() || x->second.size() != y->second.size()) continue;
      const auto [low, high] = representable(tensor);
      layers_[i].cumulative.add(x->second, y->second, low, high);
    }
    for (LayerComparison& output : outputs_) {
      const auto x = values.find(output.name);
      const auto y = made.find(output.name);
      if (x == values.end() || y == made.end() || x->second.size() != y->second.size()) continue;
      output.cumulative.add(x->second, y->second, -INFINITY, INFINITY);
    }
  }

  // Outputs of integers and booleans, of both networks' last run.
  void add_whole_outputs() {
    const PackedModel& reference = reference_.packed();
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const TensorView own = packed_session_->output(i);
      if (own.type == DataType::kF32 || own.type == DataType::kBf16) continue;
      for (size_t k = 0; k < reference.outputs.size(); ++k) {
        const TensorView other = float_session_->output(k);
        if (reference.tensors[static_cast<size_t>(reference.outputs[k])].name != outputs_[i].name) continue;
        if (other.type != own.type || other.shape != own.shape) continue;
        const auto size = static_cast<size_t>(element_bytes(own.type));
        const auto* a = static_cast<const std::byte*>(own.data);
        const auto* b = static_cast<const std::byte*>(other.data);
        for (int64_t e = 0; e < own.shape.element_count(); ++e, a += size, b += size) {
          ++outputs_[i].whole_count;
          outputs_[i].equal_count += std::equal(a, a + size, b) ? 1 : 0;
        }
      }
    }
  }

  Status add_isolated(size_t i, const Values& values) {
    if (!layer_sessions_[i].has_value()) {
      OCTET_TRY(Session session, session_of_node(packed_, *layer_nodes_[i], layer_inputs_[i]));
      layer_sessions_[i] = std::move(session);
    }
    Session& session = *layer_sessions_[i];
    for (size_t k = 0; k < layer_inputs_[i].size(); ++k) {
      const PackedTensor& tensor = packed_.tensors[static_cast<size_t>(layer_inputs_[i][k])];
      const TensorView input = session.input(k);
      const auto front = fronts_.find(layer_inputs_[i][k]);
      if (front != fronts_.end() && static_cast<int64_t>(front->second.size()) == input.byte_count()) {
        std::memcpy(input.data, front->second.data(), front->second.size());
        continue;
      }
      const auto x = values.find(base_name(tensor.name));
      if (x == values.end() || static_cast<int64_t>(x->second.size()) != input.shape.element_count()) return {};
      if (tensor.type == DataType::kU8) {
        const QuantParams quant = tensor.desc().quant();
        for (size_t e = 0; e < x->second.size(); ++e) input.as<uint8_t>()[e] = quantize_u8(x->second[e], quant);
      } else if (tensor.type == DataType::kBf16) {
        std::transform(x->second.begin(), x->second.end(), input.as<Bf16>().begin(), to_bf16);
      } else {
        std::copy(x->second.begin(), x->second.end(), input.as<float>().begin());
      }
    }
    session.run();
    const PackedTensor& tensor = packed_.tensors[static_cast<size_t>(layer_nodes_[i]->outputs[0])];
    const auto expected = values.find(layers_[i].name);
    const std::vector<float> y = to_f32(session.output(), tensor);
    if (expected == values.end() || expected->second.size() != y.size()) return {};
    const auto [low, high] = representable(tensor);
    layers_[i].isolated.add(expected->second, y, low, high);
    return {};
  }

  // Pixels are scaled and moved before they are quantized, which no value of the float network is; and what the packed
  // network makes of the input is exact up to there.
  void keep_front(const std::string& name, const TensorView& view) {
    const auto id = static_cast<size_t>(&tensor_named(name) - packed_.tensors.data());
    if (!is_front_[id]) return;
    const auto* bytes = static_cast<const std::byte*>(view.data);
    fronts_[static_cast<int32_t>(id)].assign(bytes, bytes + view.byte_count());
  }

  const PackedTensor& tensor_named(const std::string& name) const {
    return *std::find_if(packed_.tensors.begin(), packed_.tensors.end(),
                         [&](const PackedTensor& tensor) { return tensor.name == name; });
  }

  const PackedModel& packed_;
  const std::optional<Rescaling>& rescaling_;
  Model reference_, model_;
  std::vector<bool> is_front_;                        // by tensor
  std::map<int32_t, std::vector<std::byte>> fronts_;  // of this sample
  std::optional<Session> float_session_, packed_session_;
  std::vector<LayerComparison> layers_, outputs_;
  std::vector<const PackedNode*> layer_nodes_;
  std::vector<std::optional<Session>> layer_sessions_;
  std::vector<std::vector<int32_t>> layer_inputs_;  // tensors that each layer's session takes
};

}  // namespace

Result<Comparison> compare(const Model& reference, const Model& packed, const Dataset& data,
                           std::span<const size_t> indices, int threads, const Progress& progress) {
  OCTET_TRY(const std::optional<Rescaling> rescaling, read_rescaling(packed.packed()));
  std::deque<Worker> workers;  // sessions do not copy
  for (int i = 0; i < std::max(threads, 1); ++i) workers.emplace_back(reference, packed, rescaling);
  OCTET_CHECK(parallel_for(indices.size(), threads, progress, [&](int worker, size_t i) -> Status {
    OCTET_TRY(const std::vector<Tensor> sample, data.sample(indices[i]));
    return workers[static_cast<size_t>(worker)].add(sample);
  }));
  Comparison comparison;
  for (const Worker& worker : workers) worker.merge_into(comparison);
  for (LayerComparison& layer : comparison.layers) {
    // The quantized input is not made where quantizing is fused with the transpose behind it; nothing is before it.
    if (layer.cumulative.count() == 0) layer.cumulative = layer.isolated;
    layer.is_rescaled = layer.cumulative.count() == 0 && is_rescaled(reference.packed(), rescaling, layer.name);
  }
  std::erase_if(comparison.layers,
                [](const LayerComparison& layer) { return layer.cumulative.count() == 0 && !layer.is_rescaled; });
  // An output's own node is the layer of the same name, where there is one.
  for (LayerComparison& output : comparison.outputs) {
    if (output.cumulative.count() == 0 && !output.is_whole()) {
      return Error{ErrorCode::kInvalidFile, "the float network has no output '" + output.name +
                                                "' of that size: the two models are not the same network"};
    }
    for (const LayerComparison& layer : comparison.layers) {
      if (layer.name == output.name) output.isolated = layer.isolated;
    }
  }
  return comparison;
}

std::string worst_nodes(const std::vector<LayerComparison>& layers) {
  std::vector<const LayerComparison*> ranked;
  for (const LayerComparison& layer : layers) {
    if (layer.isolated.count() > 0 && layer.op != "quantize") ranked.push_back(&layer);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const LayerComparison* a, const LayerComparison* b) {
    return a->isolated.sqnr_db() < b->isolated.sqnr_db();
  });
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(ranked.size(), 3); ++i) list += (i == 0 ? "" : ",") + ranked[i]->node;
  return list;
}

std::string unlike_channels(const std::vector<LayerComparison>& layers) {
  std::string list;
  for (const LayerComparison& layer : layers) {
    if (!layer.is_per_tensor || layer.weight_range_ratio <= kUnlikeChannels) continue;
    list += (list.empty() ? "" : ",") + layer.node;
  }
  return list;
}

}  // namespace octet
