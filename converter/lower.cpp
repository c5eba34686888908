#include "converter/lower.h"

#include <algorithm>
#include <cmath>

#include "converter/op_rule.h"
#include "converter/precision.h"
#include "converter/quantize.h"
#include "converter/value_quantization.h"
#include "kernels/bf16.h"
#include "kernels/fully_connected/row_quantized.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

class Lowering {
 public:
  // `given`: null, or where the integers of layers come from.
  Lowering(const Graph& graph, std::vector<Precision> precisions, ValueQuantization quantization,
           const QuantizeOptions& options, const GivenIntegers* given, std::vector<std::string>& notices)
      : graph_(graph),
        precisions_(std::move(precisions)),
        options_(options),
        given_(given),
        notices_(notices),
        quantization_(std::move(quantization)),
        plain_(graph.values.size(), -1),
        bf16_(graph.values.size(), -1),
        u8_(graph.values.size(), -1) {}

  Result<PackedModel> run() {
    model_.name = graph_.name;
    model_.preprocessing = graph_.preprocessing;
    model_.class_names = graph_.class_names;
    for (const ValueId id : graph_.inputs) {
      plain_[static_cast<size_t>(id)] = add_activation(id, graph_.value(id).name);
      model_.inputs.push_back(plain_[static_cast<size_t>(id)]);
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      OCTET_CHECK(lower_node(node, precisions_[i]));
    }
    for (const ValueId id : graph_.outputs) {
      OCTET_TRY(const int32_t tensor, plain(id));
      model_.outputs.push_back(tensor);
    }
    model_.storage = std::make_shared<std::vector<Tensor>>(std::move(constants_));
    if (const Status checked = check_model(model_); !checked.ok()) {
      return Error{checked.error().code, "lowering made a broken model: " + checked.error().message};
    }
    return std::move(model_);
  }

 private:
  // --- tensors ---

  int32_t add_tensor(PackedTensor tensor) {
    while (!tensor_names_.insert(tensor.name).second) tensor.name += "'";
    model_.tensors.push_back(std::move(tensor));
    return static_cast<int32_t>(model_.tensors.size() - 1);
  }

  int32_t add_activation(ValueId id, const std::string& name) {
    return add_tensor({.name = name, .type = graph_.value(id).type, .shape = graph_.value(id).shape});
  }

  int32_t add_u8_activation(ValueId id, const std::string& name, QuantParams quant) {
    return add_tensor({.name = name,
                       .type = DataType::kU8,
                       .shape = graph_.value(id).shape,
                       .scales = {quant.scale},
                       .zero_points = {quant.zero_point}});
  }

  int32_t add_constant(const std::string& name, const Tensor& tensor, std::vector<float> scales = {},
                       std::vector<int32_t> zero_points = {}) {
    constants_.push_back(tensor);
    return add_tensor({.name = name,
                       .type = tensor.type(),
                       .shape = tensor.shape(),
                       .scales = std::move(scales),
                       .zero_points = std::move(zero_points),
                       .data = tensor.data(),
                       .data_bytes = tensor.byte_count()});
  }

  void add_node(const std::string& name, OpParams op, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    model_.nodes.push_back({name, std::move(op), std::move(inputs), std::move(outputs)});
  }

  bool is_public(ValueId id) const {
    return graph_.is_output(id) || std::find(graph_.inputs.begin(), graph_.inputs.end(), id) != graph_.inputs.end();
  }

  int32_t add_bf16_activation(ValueId id, const std::string& name) {
    return add_tensor({.name = name, .type = DataType::kBf16, .shape = graph_.value(id).shape});
  }

  // The value in its own type: as it was made, or widened or dequantized here and now.
  Result<int32_t> plain(ValueId id) {
    int32_t& tensor = plain_[static_cast<size_t>(id)];
    const Value& value = graph_.value(id);
    if (tensor < 0 && value.is_constant()) tensor = add_constant(value.name, *value.constant);
    if (tensor < 0) {
      tensor = add_activation(id, is_public(id) ? value.name : value.name + ":f32");
      const int32_t narrow = bf16_[static_cast<size_t>(id)];
      if (narrow >= 0) {
        add_node(value.name + ":widen", CastParams{}, {narrow}, {tensor});
      } else {
        add_node(value.name + ":dequantize", DequantizeParams{}, {u8_[static_cast<size_t>(id)]}, {tensor});
      }
    }
    return tensor;
  }

  Result<QuantParams> quant_of(ValueId id) const {
    if (const QuantParams* found = quantization_.find(id)) return *found;
    return Error{ErrorCode::kInvalidFile, "the calibration knows no value '" + graph_.value(id).name + "'"};
  }

  // The value as u8: as it was made, or quantized here and now (constants at convert time).
  Result<int32_t> u8(ValueId id) {
    int32_t& tensor = u8_[static_cast<size_t>(id)];
    if (tensor >= 0) return tensor;
    const Value& value = graph_.value(id);
    OCTET_TRY(const QuantParams quant, quant_of(id));
    if (value.is_constant()) {
      Tensor quantized(DataType::kU8, value.shape);
      std::transform(value.constant->as<float>().begin(), value.constant->as<float>().end(),
                     quantized.as<uint8_t>().begin(), [&](float v) { return quantize_u8(v, quant); });
      tensor = add_constant(value.name + ":u8", quantized, {quant.scale}, {quant.zero_point});
    } else {
      OCTET_TRY(const int32_t src, plain(id));
      const int32_t added = add_u8_activation(id, value.name + ":u8", quant);
      add_node(value.name + ":quantize", QuantizeParams{}, {src}, {added});
      u8_[static_cast<size_t>(id)] = added;
      return added;
    }
    return tensor;
  }

  // The value as bf16: as it was made, or narrowed or dequantized here and now.
  Result<int32_t> bf16(ValueId id) {
    int32_t& tensor = bf16_[static_cast<size_t>(id)];
    if (tensor >= 0) return tensor;
    const std::string& name = graph_.value(id).name;
    const int32_t integers = u8_[static_cast<size_t>(id)];
    if (plain_[static_cast<size_t>(id)] < 0 && integers >= 0) {
      tensor = add_bf16_activation(id, name + ":bf16");
      add_node(name + ":dequantize_bf16", DequantizeParams{}, {integers}, {tensor});
    } else {
      OCTET_TRY(const int32_t src, plain(id));
      tensor = add_bf16_activation(id, name + ":bf16");
      add_node(name + ":narrow", CastParams{}, {src}, {tensor});
    }
    return tensor;
  }

  // The value as any tensor of its shape: the one that is there.
  Result<int32_t> shape_of(ValueId id) {
    for (const std::vector<int32_t>* made : {&u8_, &bf16_}) {
      if (const int32_t tensor = (*made)[static_cast<size_t>(id)]; tensor >= 0) return tensor;
    }
    return plain(id);
  }

  // Input i as its own type, or for its shape.
  Result<int32_t> plain_input(const Node& node, size_t i) {
    return reads_only_shape(node.op, i) ? shape_of(node.inputs[i]) : plain(node.inputs[i]);
  }

  // --- nodes ---

  Status lower_node(const Node& node, Precision precision) {
    switch (precision) {
      case Precision::kF32:
        return lower_plain_node(node);
      case Precision::kBf16:
        return lower_bf16_node(node);
      case Precision::kInt8:
      case Precision::kInt4:
        return lower_int8_node(node);
      case Precision::kWeightOnly:
      case Precision::kDynamic:
        return node.is<RecurrentParams>() ? lower_recurrent_layer(node, precision)
                                          : lower_matrix_layer(node, precision);
    }
    return {};
  }

  // u8 in (by another scale) or f32 in, u8 out.
  Status lower_rounding(const Node& node, QuantParams quant) {
    const ValueId in = node.inputs[0];
    const ValueId out = node.outputs[0];
    const bool requantizes = u8_[static_cast<size_t>(in)] >= 0;
    OCTET_TRY(const int32_t src, requantizes ? u8(in) : plain(in));
    const std::string& name = graph_.value(out).name;
    const int32_t dst = add_u8_activation(out, is_public(out) ? name + ":u8" : name, quant);
    u8_[static_cast<size_t>(out)] = dst;
    add_node(node.name, requantizes ? OpParams{UnaryParams{}} : OpParams{QuantizeParams{}}, {src}, {dst});
    return {};
  }

  Status lower_plain_node(const Node& node) {
    if (const auto* rounding = node.as<FakeQuantizeParams>()) return lower_rounding(node, rounding->quant());
    std::optional<OpParams> op = to_packed(node.op);
    if (!op.has_value()) {
      return Error{ErrorCode::kUnsupported,
                   "node '" + node.name + "': " + op_name(node.op) + " could not be folded and has no packed form"};
    }
    return add_plain_node(node, std::move(*op), std::vector<int32_t>(node.inputs.size(), -1));
  }

  // The node with values in their own types, but for the inputs that `inputs` has already.
  Status add_plain_node(const Node& node, OpParams op, std::vector<int32_t> inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] >= 0 || node.inputs[i] == kNoValue) continue;
      OCTET_TRY(inputs[i], plain_input(node, i));
    }
    std::vector<int32_t> outputs;
    for (const ValueId id : node.outputs) {
      plain_[static_cast<size_t>(id)] = add_activation(id, graph_.value(id).name);
      outputs.push_back(plain_[static_cast<size_t>(id)]);
    }
    add_node(node.name, std::move(op), std::move(inputs), std::move(outputs));
    return {};
  }

  int32_t add_bf16_constant(const Value& value) {
    Tensor narrow(DataType::kBf16, value.shape);
    const std::span<const float> from = value.constant->as<float>();
    std::transform(from.begin(), from.end(), narrow.as<Bf16>().begin(), [](float v) { return to_bf16(v); });
    return add_constant(value.name, narrow);
  }

  Status lower_bf16_node(const Node& node) {
    const ValueId out = node.outputs[0];
    const bool writes_bf16 = has_only_bf16_readers(out);
    const bool is_weighted = op_rule(node.op).quantization(graph_, node) == QuantizationRule::kWeighted;
    std::vector<int32_t> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (id == kNoValue) {
        inputs.push_back(-1);
      } else if (reads_only_shape(node.op, i)) {
        OCTET_TRY(const int32_t tensor, shape_of(id));
        inputs.push_back(tensor);
      } else if (is_weighted && i == kConvWeights) {
        inputs.push_back(add_bf16_constant(graph_.value(id)));
      } else {
        const bool stays_f32 = is_weighted && (i == kConvBias || (i == kConvResidual && !writes_bf16));
        OCTET_TRY(const int32_t tensor, stays_f32 ? plain(id) : bf16(id));
        inputs.push_back(tensor);
      }
    }
    const std::string& name = graph_.value(out).name;
    const bool is_bf16 = writes_bf16 || !is_weighted;
    int32_t& made = (is_bf16 ? bf16_ : plain_)[static_cast<size_t>(out)];
    made = is_bf16 ? add_bf16_activation(out, is_public(out) ? name + ":bf16" : name) : add_activation(out, name);
    add_node(node.name, *to_packed(node.op), std::move(inputs), {made});
    return {};
  }

  bool has_only_bf16_readers(ValueId id) const {
    if (graph_.is_output(id)) return false;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::vector<ValueId> read = read_values(graph_.nodes[i]);
      if (precisions_[i] != Precision::kBf16 && std::find(read.begin(), read.end(), id) != read.end()) return false;
    }
    return true;
  }

  Status lower_int8_node(const Node& node) {
    const std::vector<size_t> data = data_inputs(node);
    std::vector<int32_t> inputs(node.inputs.size(), -1);
    for (const size_t i : data) {
      OCTET_TRY(inputs[i], u8(node.inputs[i]));
    }
    if (op_rule(node.op).quantization(graph_, node) == QuantizationRule::kWeighted) {
      OCTET_CHECK(add_weights(node, inputs));
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (inputs[i] >= 0 || node.inputs[i] == kNoValue) continue;
      OCTET_TRY(inputs[i], plain_input(node, i));
    }
    std::vector<int32_t> outputs(1);
    OCTET_TRY(outputs[0], add_int8_output(node));
    for (size_t i = 1; i < node.outputs.size(); ++i) {  // indices
      const ValueId id = node.outputs[i];
      plain_[static_cast<size_t>(id)] = add_activation(id, graph_.value(id).name);
      outputs.push_back(plain_[static_cast<size_t>(id)]);
    }
    add_node(node.name, *to_packed(node.op), std::move(inputs), std::move(outputs));
    return {};
  }

  // A fully connected layer that reads and writes f32; a convolution's residual is added behind it.
  Status lower_matrix_layer(const Node& node, Precision precision) {
    const ValueId out = node.outputs[0];
    const Clamp clamp =
        node.is<Conv2dParams>() ? node.as<Conv2dParams>()->clamp : node.as<FullyConnectedParams>()->clamp;
    const bool has_residual = node.is<Conv2dParams>() && node.input(kConvResidual) != kNoValue;
    const Value& weights = graph_.value(node.inputs[kConvWeights]);
    OCTET_CHECK(check_finite(node.name, weights.name, *weights.constant));
    const bool is_dynamic = precision == Precision::kDynamic;
    const int64_t taps = weights.constant->element_count() / weights.shape[0];
    if (is_dynamic) OCTET_CHECK(check_taps(node.name, taps, kMaxRowTaps));
    std::vector<int32_t> inputs(kConvBias + 1, -1);
    OCTET_TRY(inputs[kConvSrc], plain(node.inputs[kConvSrc]));
    inputs[kConvWeights] = add_matrix(node, weights, weights.shape[0]);
    if (node.input(kConvBias) != kNoValue) {
      OCTET_TRY(inputs[kConvBias], plain(node.inputs[kConvBias]));
    }
    const std::string& name = graph_.value(out).name;
    const int32_t sum = add_activation(out, has_residual ? name + ":sum" : name);
    add_node(node.name, FullyConnectedParams{has_residual ? Clamp{} : clamp, is_dynamic}, std::move(inputs), {sum});
    plain_[static_cast<size_t>(out)] = sum;
    if (!has_residual) return {};
    OCTET_TRY(const int32_t residual, plain(node.inputs[kConvResidual]));
    plain_[static_cast<size_t>(out)] = add_activation(out, name);
    add_node(node.name + ":add", BinaryParams{BinaryKind::kAdd, clamp}, {sum, residual},
             {plain_[static_cast<size_t>(out)]});
    return {};
  }

  // A recurrent layer that reads and writes f32. Its matrices W and R, each of all gates, are integers.
  Status lower_recurrent_layer(const Node& node, Precision precision) {
    RecurrentParams params = *node.as<RecurrentParams>();
    params.quantize_rows = precision == Precision::kDynamic;
    std::vector<int32_t> inputs(node.inputs.size(), -1);
    for (const size_t i : {kRecurrentW, kRecurrentR}) {
      const Value& weights = graph_.value(node.inputs[i]);
      OCTET_CHECK(check_finite(node.name, weights.name, *weights.constant));
      if (params.quantize_rows) OCTET_CHECK(check_taps(node.name, weights.shape[2], kMaxRowTaps));
      inputs[i] = add_matrix(node, weights, weights.shape[0] * weights.shape[1]);
    }
    return add_plain_node(node, std::move(params), std::move(inputs));
  }

  // All but the first `outputs` of the weights is taps: [O, 1, 1, C] of a convolution too becomes [O, C].
  int32_t add_matrix(const Node& node, const Value& weights, int64_t outputs) {
    const int64_t taps = weights.constant->element_count() / outputs;
    const QuantizedWeights quantized = quantize(node, weights.constant->reshaped({outputs, taps}), nullptr, {});
    return add_quantized(node, weights.name, quantized, taps);
  }

  QuantizedWeights quantize(const Node& node, const Tensor& weights, const Tensor* bias, const LayerScales& layer) {
    const auto fixed = options_.weight_scales.find(node.name);
    return quantize_weights(weights, bias, layer, options_.weights_of(node.name), node.name, notices_,
                            fixed == options_.weight_scales.end() ? std::span<const float>() : fixed->second);
  }

  int32_t add_quantized(const Node& node, const std::string& name, const QuantizedWeights& quantized, int64_t taps) {
    const WeightScheme scheme = options_.weights_of(node.name);
    const int32_t id = add_constant(name, quantized.weights, quantized.scales);
    model_.tensors[static_cast<size_t>(id)].file_bits = scheme.bits;
    model_.tensors[static_cast<size_t>(id)].file_group = scheme.for_taps(taps).group_size;
    return id;
  }

  // With powers of two: src_scale * weight_scale / dst_scale is a shift to the right by at most 16 bits (14 beside a
  // residual). What then reaches a u8 has at most 24 bits, before and after the zero point, so f32 does the shift
  // exactly.
  Result<double> least_weight_scale(const Node& node, QuantParams src) const {
    if (!options_.weights_of(node.name).pow2 || writes_f32(node)) return 0.0;
    OCTET_TRY(const QuantParams dst, quant_of(node.outputs[0]));
    const int shift = node.input(kConvResidual) == kNoValue ? 16 : 14;
    return std::ldexp(static_cast<double>(dst.scale) / static_cast<double>(src.scale), -shift);
  }

  Status add_given_weights(const Node& node, const QuantizedWeights& quantized, std::vector<int32_t>& inputs) {
    inputs.resize(std::max<size_t>(inputs.size(), kConvBias + 1), -1);
    inputs[kConvWeights] = add_constant(graph_.value(node.inputs[kConvWeights]).name, quantized.weights,
                                        quantized.scales, quantized.zero_points);
    inputs[kConvBias] = add_constant(node.name + ".bias", quantized.bias);
    return {};
  }

  Status add_weights(const Node& node, std::vector<int32_t>& inputs) {
    if (given_ != nullptr) return add_given_weights(node, given_->layers.at(node.name), inputs);
    const Value& weights = graph_.value(node.inputs[kConvWeights]);
    const ValueId bias_id = node.input(kConvBias);
    const Tensor* bias = bias_id == kNoValue ? nullptr : &*graph_.value(bias_id).constant;
    const int64_t taps = weights.shape[0] == 0 ? 0 : weights.constant->element_count() / weights.shape[0];
    OCTET_CHECK(check_taps(node.name, taps, kMaxAccumulatedTaps));
    OCTET_CHECK(check_finite(node.name, weights.name, *weights.constant));
    if (bias != nullptr) OCTET_CHECK(check_finite(node.name, graph_.value(bias_id).name, *bias));
    OCTET_TRY(const QuantParams src, quant_of(node.inputs[kConvSrc]));
    OCTET_TRY(const double least, least_weight_scale(node, src));
    const QuantizedWeights quantized = quantize(node, *weights.constant, bias, {src.scale, least});
    inputs.resize(std::max<size_t>(inputs.size(), kConvBias + 1), -1);
    inputs[kConvWeights] = add_quantized(node, weights.name, quantized, taps);
    inputs[kConvBias] = add_constant(node.name + ".bias", quantized.bias);
    return {};
  }

  // Whether some int8 node reads the value as u8.
  bool has_int8_reader(ValueId id) const {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (precisions_[i] != Precision::kInt8) continue;
      const Node& node = graph_.nodes[i];
      for (const size_t input : data_inputs(node)) {
        if (node.inputs[input] == id) return true;
      }
    }
    return false;
  }

  // Whether the node's accumulator becomes f32 at once.
  bool writes_f32(const Node& node) const {
    if (given_ != nullptr) return quantization_.find(node.outputs[0]) == nullptr;
    return can_write_f32(node) && !has_int8_reader(node.outputs[0]);
  }

  Result<int32_t> add_int8_output(const Node& node) {
    const ValueId id = node.outputs[0];
    const Value& value = graph_.value(id);
    if (writes_f32(node)) {
      plain_[static_cast<size_t>(id)] = add_activation(id, value.name);
      return plain_[static_cast<size_t>(id)];
    }
    OCTET_TRY(const QuantParams quant, quant_of(id));
    u8_[static_cast<size_t>(id)] = add_u8_activation(id, is_public(id) ? value.name + ":u8" : value.name, quant);
    return u8_[static_cast<size_t>(id)];
  }

  const Graph& graph_;
  std::vector<Precision> precisions_;
  const QuantizeOptions& options_;
  const GivenIntegers* given_;
  std::vector<std::string>& notices_;
  ValueQuantization quantization_;
  std::vector<int32_t> plain_, bf16_, u8_;  // packed tensors of a value, in its own type and others; -1: not made
  std::vector<Tensor> constants_;
  PackedModel model_;
  std::set<std::string> tensor_names_;
};

}  // namespace

WeightScheme QuantizeOptions::weights_of(const std::string& layer) const {
  WeightScheme scheme = weights;
  if (int4.contains(layer)) scheme.bits = 4, scheme.group_size = int4_group_size;
  return scheme;
}

Result<PackedModel> lower_f32(const Graph& graph) {
  std::vector<std::string> notices;
  const QuantizeOptions options;
  return Lowering(graph, std::vector(graph.nodes.size(), Precision::kF32), ValueQuantization(graph, GivenIntegers{}),
                  options, nullptr, notices)
      .run();
}

Result<PackedModel> lower_int8(const Graph& graph, const Ranges& ranges, const QuantizeOptions& options,
                               std::vector<std::string>& notices) {
  for (const std::string& name : options.keep_float) {
    if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; })) {
      return Error{ErrorCode::kUsage, "--keep-float names '" + name + "', but the network has no such node"};
    }
  }
  const std::vector<Precision> precisions = options.layers == Precision::kInt8
                                                ? choose_precisions(graph, options.keep_float, options.bf16)
                                                : choose_matrix_layers(graph, options.keep_float, options.layers);
  const ValueQuantization quantization(graph, precisions, ranges, options.activations);
  return Lowering(graph, precisions, quantization, options, nullptr, notices).run();
}

Result<PackedModel> lower_bf16(const Graph& graph, const std::set<std::string>& keep_float) {
  QuantizeOptions options;
  options.keep_float = keep_float;
  options.bf16 = weighted_nodes(graph);
  for (const std::string& name : keep_float) options.bf16.erase(name);
  std::vector<std::string> notices;
  return lower_int8(graph, {}, options, notices);
}

Result<PackedModel> lower_given(const Graph& graph, const GivenIntegers& given) {
  std::vector<Precision> precisions;
  for (const Node& node : graph.nodes) {
    precisions.push_back(given.integer_nodes.contains(node.name) ? Precision::kInt8 : Precision::kF32);
  }
  std::vector<std::string> notices;
  const QuantizeOptions options;
  return Lowering(graph, precisions, ValueQuantization(graph, given), options, &given, notices).run();
}

}  // namespace octet
