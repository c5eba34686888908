#include "converter/export/layer_writers.h"

#include <cmath>
#include <limits>

#include "kernels/conv2d/conv2d_problem.h"

namespace octet {
namespace {

bool has_input(const PackedNode& node, size_t i) {
  return i < node.inputs.size() && node.inputs[i] >= 0;
}

// s32 biases count in units of the accumulator.
std::vector<float> bias_scales(const PackedTensor& src, const PackedTensor& weights) {
  std::vector<float> scales;
  if (src.scales.empty()) return scales;
  for (const float scale : weights.scales) scales.push_back(src.scales[0] * scale);
  return scales;
}

std::vector<std::string> layer_inputs(QdqWriter& writer, const PackedNode& node, const AxisOrder& order) {
  std::vector<std::string> inputs{writer.read(node.inputs[kConvSrc], order),
                                  writer.read(node.inputs[kConvWeights], order)};
  if (!has_input(node, kConvBias)) return inputs;
  const auto scales = bias_scales(writer.tensor(node.inputs[kConvSrc]), writer.tensor(node.inputs[kConvWeights]));
  inputs.push_back(writer.read(node.inputs[kConvBias], same_order(1), scales));
  return inputs;
}

std::string add_conv(QdqWriter& writer, const PackedNode& node, const Conv2dParams& params,
                     const std::vector<std::string>& inputs) {
  const Shape& weights = writer.tensor(node.inputs[kConvWeights]).shape;
  return writer.onnx().add_node("Conv", inputs, writer.output_name(node) + "_conv",
                                {{"group", params.groups},
                                 {"kernel_shape", Ints{weights[1], weights[2]}},
                                 {"strides", to_ints(params.strides)},
                                 {"dilations", to_ints(params.dilations)},
                                 {"pads", to_ints(params.pads)}});
}

// quantize(f32(f64(conv(x) * m) + f64(residual) * r)): the numbers of octet's own arithmetic, in steps of the output.
// No runtime has an integer operation for it, so it runs in f32, where sums of real numbers are a bit off and round to
// another step once in a million values, which the layers behind spread. These are sums of integers, exact up to 2^24,
// and f64 has room for what a fused multiply-add rounds once.
Status write_residual(QdqWriter& writer, const PackedNode& node, const Conv2dParams& params) {
  OnnxBuilder& onnx = writer.onnx();
  const std::string& name = writer.output_name(node);
  std::vector<TensorDesc> inputs;
  for (const int32_t id : node.inputs) {
    inputs.push_back(id < 0 ? TensorDesc{.present = false} : writer.tensor(id).desc());
  }
  const TensorDesc dst = writer.tensor(node.outputs[0]).desc();
  const Requantization requantization = conv2d_requantization(params, inputs, dst);
  const std::vector<float> multipliers = conv2d_multipliers(inputs, dst);
  const auto integers = [&](size_t i, const AxisOrder& order) {
    return writer.read(node.inputs[i], order, std::vector<float>(std::max<size_t>(inputs[i].scales.size(), 1), 1.0F));
  };
  std::vector<std::string> values{integers(kConvSrc, kChannelsFirst), integers(kConvWeights, kChannelsFirst)};
  if (has_input(node, kConvBias)) values.push_back(integers(kConvBias, same_order(1)));
  const Shape per_channel{static_cast<int64_t>(multipliers.size()), 1, 1};
  const std::string scaled =
      onnx.add_node("Mul",
                    {add_conv(writer, node, params, values),
                     onnx.add_constant(name + "_multiplier", DataType::kF32, per_channel, multipliers.data())},
                    name + "_scaled");
  constexpr int64_t kFloat = 1, kDouble = 11;  // of ONNX
  const auto cast = [&](const std::string& value, int64_t type, const char* what) {
    return onnx.add_node("Cast", {value}, name + what, {{"to", type}});
  };
  const std::string factor =
      cast(onnx.add_scalar(name + "_residual_multiplier", requantization.residual_scale), kDouble, "_residual_factor");
  const std::string residual =
      onnx.add_node("Mul", {cast(integers(kConvResidual, kChannelsFirst), kDouble, "_residual_integers"), factor},
                    name + "_residual");
  const std::string sum = onnx.add_node("Add", {cast(scaled, kDouble, "_scaled_double"), residual}, name + "_sum");
  writer.write_integers(node, cast(sum, kFloat, "_sum_float"), kChannelsFirst,
                        {requantization.clamp_min, requantization.clamp_max});
  return {};
}

// What is left of each row of x when it is quantized for itself. ONNX quantizes whole tensors only: in arithmetic.
std::string rounded_rows(OnnxBuilder& onnx, const std::string& x, const std::string& name) {
  const auto node = [&](const char* op, const std::vector<std::string>& inputs, const char* suffix) {
    return onnx.add_node(op, inputs, name + suffix);
  };
  const auto extreme = [&](const char* op, const std::string& suffix) {
    const std::string found = onnx.add_node(op, {x}, name + suffix + "_value", {{"axes", Ints{-1}}});
    return onnx.add_node(suffix == "_least" ? "Min" : "Max", {found, onnx.add_scalar(name + "_zero", 0)},
                         name + suffix);
  };
  const std::string least = extreme("ReduceMin", "_least"), most = extreme("ReduceMax", "_most");
  const std::string steps = onnx.add_scalar(name + "_steps", 255);
  const std::string step = node("Div", {node("Sub", {most, least}, "_range"), steps}, "_step");
  const std::string scale =
      node("Max", {step, onnx.add_scalar(name + "_least_step", std::numeric_limits<float>::min())}, "_row_scale");
  const std::string zero_point =
      node("Round", {node("Div", {node("Neg", {least}, "_shift"), scale}, "_shift_steps")}, "_row_zero");
  const std::string rounded = node("Round", {node("Div", {x, scale}, "_scaled")}, "_rounded");
  const std::string integers =
      node("Clip", {node("Add", {rounded, zero_point}, "_shifted"), onnx.add_scalar(name + "_first", 0), steps},
           "_integers");
  return node("Mul", {node("Sub", {integers, zero_point}, "_steps_from_zero"), scale}, "_rows");
}

// Gemm takes matrices only.
Status write_rows(QdqWriter& writer, const PackedNode& node, const FullyConnectedParams& params) {
  const std::string& name = writer.output_name(node);
  std::string src = writer.read(node.inputs[kConvSrc]);
  if (params.quantize_rows) src = rounded_rows(writer.onnx(), src, name);
  const std::string weights = writer.read(node.inputs[kConvWeights], {1, 0});
  const AxisOrder order = same_order(writer.rank(node.inputs[kConvSrc]));
  std::string value = writer.onnx().add_node("MatMul", {src, weights}, name + "_matmul");
  if (has_input(node, kConvBias)) {
    const auto scales = bias_scales(writer.tensor(node.inputs[kConvSrc]), writer.tensor(node.inputs[kConvWeights]));
    const std::string bias = writer.read(node.inputs[kConvBias], same_order(1), scales);
    value = writer.onnx().add_node("Add", {value, bias}, name + "_sum");
  }
  writer.write(node, value, order, params.clamp);
  return {};
}

}  // namespace

Status write_layer(QdqWriter& writer, const PackedNode& node, const Conv2dParams& params) {
  const bool is_u8 = writer.tensor(node.outputs[0]).type == DataType::kU8;
  if (has_input(node, kConvResidual) && is_u8 && writer.exact_residuals()) return write_residual(writer, node, params);
  std::string value = add_conv(writer, node, params, layer_inputs(writer, node, kChannelsFirst));
  if (has_input(node, kConvResidual)) {
    const std::string residual = writer.read(node.inputs[kConvResidual], kChannelsFirst);
    value = writer.onnx().add_node("Add", {value, residual}, writer.output_name(node) + "_sum");
  }
  writer.write(node, value, kChannelsFirst, params.clamp);
  return {};
}

Status write_layer(QdqWriter& writer, const PackedNode& node, const FullyConnectedParams& params) {
  if (writer.rank(node.inputs[kConvSrc]) > 2 || params.quantize_rows) return write_rows(writer, node, params);
  const std::string value = writer.onnx().add_node("Gemm", layer_inputs(writer, node, same_order(2)),
                                                   writer.output_name(node) + "_gemm", {{"transB", int64_t{1}}});
  writer.write(node, value, same_order(2), params.clamp);
  return {};
}

}  // namespace octet
