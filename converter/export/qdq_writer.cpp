#include "converter/export/qdq_writer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "converter/tensor.h"
#include "kernels/bf16.h"

namespace octet {
namespace {

bool is_quantized(const PackedTensor& tensor) {
  return !tensor.scales.empty();
}

Tensor widened(const Tensor& narrow) {
  Tensor wide(DataType::kF32, narrow.shape());
  std::ranges::transform(narrow.as<Bf16>(), wide.as<float>().begin(), to_f32);
  return wide;
}

// Whether the integers cannot tell `bound` from no bound at all: saturation is the clamp then.
bool is_beyond_integers(float bound, const PackedTensor& dst) {
  if (std::isinf(bound)) return true;
  if (!is_quantized(dst)) return false;
  const double q = std::nearbyint(static_cast<double>(bound) / static_cast<double>(dst.scales[0])) +
                   (dst.zero_points.empty() ? 0 : dst.zero_points[0]);
  return bound <= 0 ? q <= 0 : q >= 255;
}

}  // namespace

AxisOrder same_order(int rank) {
  AxisOrder order(static_cast<size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<int64_t> reordered(const std::vector<int64_t>& list, const AxisOrder& order) {
  std::vector<int64_t> result(list.size());
  for (size_t i = 0; i < list.size(); ++i) result[static_cast<size_t>(order[i])] = list[i];
  return result;
}

QdqWriter::QdqWriter(const PackedModel& model, OnnxBuilder& onnx, bool exact_residuals)
    : model_(model), onnx_(onnx), exact_residuals_(exact_residuals), forms_(model.tensors.size()) {}

AxisOrder QdqWriter::order(int32_t id) const {
  const Form& form = forms_[static_cast<size_t>(id)];
  return form.value.empty() ? same_order(rank(id)) : form.order;
}

// DequantizeLinear or QuantizeLinear with the tensor's scales and zero points, along its axis where there are several.
std::string QdqWriter::quantization_op(const char* op, const std::string& value, const std::string& output,
                                       const PackedTensor& tensor, const AxisOrder& order,
                                       const std::vector<float>& scales) {
  const bool per_axis = scales.size() > 1;
  const Shape shape = per_axis ? Shape{static_cast<int64_t>(scales.size())} : Shape{};
  std::vector<std::string> inputs{value,
                                  onnx_.add_constant(tensor.name + "_scale", DataType::kF32, shape, scales.data())};
  if (tensor.type != DataType::kS32) {  // ONNX knows no zero point for s32
    std::vector<uint8_t> zeros(scales.size(), 0);
    for (size_t i = 0; i < tensor.zero_points.size(); ++i) zeros[i] = static_cast<uint8_t>(tensor.zero_points[i]);
    inputs.push_back(onnx_.add_constant(tensor.name + "_zero_point", tensor.type, shape, zeros.data()));
  }
  OnnxAttributes attributes;
  if (per_axis) attributes.emplace_back("axis", order[static_cast<size_t>(tensor.axis)]);
  return onnx_.add_node(op, inputs, output, attributes);
}

std::string QdqWriter::read_constant(int32_t id, const AxisOrder& order, const std::vector<float>& scales) {
  PackedTensor constant = tensor(id);
  if (!scales.empty()) constant.scales = scales;
  const auto lift = static_cast<int>(order.size()) - constant.shape.rank();
  std::vector<int64_t> dims(static_cast<size_t>(lift), 1);
  dims.insert(dims.end(), constant.shape.begin(), constant.shape.end());
  constant.axis += lift;
  AxisOrder permutation(order.size());
  for (size_t i = 0; i < order.size(); ++i) permutation[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  Tensor packed(constant.type, Shape(dims));
  std::memcpy(packed.data(), constant.data, static_cast<size_t>(packed.byte_count()));
  if (constant.type == DataType::kBf16) packed = widened(packed), constant.type = DataType::kF32;
  const Tensor reordered = transposed(packed, permutation);
  if (!is_quantized(constant)) {
    return onnx_.add_constant(constant.name, constant.type, reordered.shape(), reordered.data());
  }
  const std::string integers =
      onnx_.add_constant(constant.name + "_quantized", constant.type, reordered.shape(), reordered.data());
  return quantization_op("DequantizeLinear", integers, constant.name, constant, order, constant.scales);
}

std::string QdqWriter::read(int32_t id, const AxisOrder& order, const std::vector<float>& scales) {
  const PackedTensor& source = tensor(id);
  if (source.data != nullptr) return read_constant(id, order, scales);
  const Form& form = forms_[static_cast<size_t>(id)];
  std::string value = form.value;
  if (form.order != order) {
    AxisOrder permutation(order.size());
    for (size_t i = 0; i < order.size(); ++i) permutation[static_cast<size_t>(order[i])] = form.order[i];
    value = onnx_.add_node("Transpose", {value}, source.name + "_transposed", {{"perm", permutation}});
  }
  if (!is_quantized(source)) return value;
  return quantization_op("DequantizeLinear", value, source.name + "_dequantized", source, order,
                         scales.empty() ? source.scales : scales);
}

std::string QdqWriter::clamped(const std::string& value, Clamp clamp, const PackedTensor& dst) {
  if (is_beyond_integers(clamp.min, dst)) clamp.min = -INFINITY;
  if (is_beyond_integers(clamp.max, dst)) clamp.max = INFINITY;
  if (clamp.is_none()) return value;
  if (clamp == Clamp{.min = 0}) return onnx_.add_node("Relu", {value}, dst.name);
  const auto bound = [&](float limit) {
    return std::isinf(limit) ? std::string() : onnx_.add_scalar(dst.name + "_bound", limit);
  };
  return onnx_.add_node("Clip", {value, bound(clamp.min), bound(clamp.max)}, dst.name);
}

void QdqWriter::write(const PackedNode& node, std::string value, const AxisOrder& order, const Clamp& clamp) {
  write(node.outputs[0], std::move(value), order, clamp, tensor(node.outputs[0]));
}

void QdqWriter::write_output(const PackedNode& node, size_t i, std::string value, const AxisOrder& order) {
  write(node.outputs[i], std::move(value), order, {}, tensor(node.outputs[i]));
}

void QdqWriter::write_integers(const PackedNode& node, std::string value, const AxisOrder& order, const Clamp& clamp) {
  PackedTensor dst = tensor(node.outputs[0]);
  dst.scales.assign(1, 1.0F);
  write(node.outputs[0], std::move(value), order, clamp, dst);
}

void QdqWriter::write(int32_t id, std::string value, const AxisOrder& order, const Clamp& clamp,
                      const PackedTensor& dst) {
  value = clamped(value, clamp, dst);
  if (is_quantized(dst)) {
    value = quantization_op("QuantizeLinear", value, dst.name + "_quantized", dst, order, dst.scales);
  }
  if (dst.type == DataType::kBf16) {  // the rounding; arithmetic of bf16 is f32's
    constexpr int64_t kFloat = 1, kBfloat16 = 16;
    value = onnx_.add_node("Cast", {value}, dst.name + "_rounded", {{"to", kBfloat16}});
    value = onnx_.add_node("Cast", {value}, dst.name + "_widened", {{"to", kFloat}});
  }
  forms_[static_cast<size_t>(id)] = {std::move(value), order};
}

void QdqWriter::write_nothing(const PackedNode& node) {
  for (const int32_t id : node.outputs) forms_[static_cast<size_t>(id)] = {tensor(id).name, same_order(rank(id))};
}

void QdqWriter::write_view(const PackedNode& node, const AxisOrder& order) {
  const Form& source = forms_[static_cast<size_t>(node.inputs[0])];
  forms_[static_cast<size_t>(node.outputs[0])] = {source.value, order};
}

void QdqWriter::write_input(int32_t id) {
  onnx_.add_input(tensor(id).name, tensor(id).type, tensor(id).shape);
  forms_[static_cast<size_t>(id)] = {tensor(id).name, same_order(rank(id))};
}

}  // namespace octet
