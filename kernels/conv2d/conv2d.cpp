#include "kernels/conv2d/conv2d.h"

#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/conv2d/conv2d_problem.h"

namespace octet {
namespace {

// Larger sizes and parameters are no images; below, products of two never overflow.
constexpr int64_t kMaxValue = INT32_MAX;

Error invalid(const std::string& text) {
  return {ErrorCode::kInvalidFile, text};
}

Status check_range(const char* name, int64_t value, int64_t min) {
  if (value >= min && value <= kMaxValue) return {};
  return invalid(std::string("conv2d: ") + name + " is " + std::to_string(value) + ", not in [" + std::to_string(min) +
                 ", " + std::to_string(kMaxValue) + "]");
}

Status check_params(const Conv2dParams& params) {
  for (const int64_t stride : params.strides) OCTET_CHECK(check_range("a stride", stride, 1));
  for (const int64_t dilation : params.dilations) OCTET_CHECK(check_range("a dilation", dilation, 1));
  for (const int64_t pad : params.pads) OCTET_CHECK(check_range("a pad", pad, 0));
  OCTET_CHECK(check_range("the number of groups", params.groups, 1));
  return check_clamp("conv2d", params.clamp);
}

Status check_weights(const Conv2dParams& params, const TensorDesc& src, const TensorDesc& weights) {
  OCTET_CHECK(check_rank("conv2d", src, 4));
  OCTET_CHECK(check_rank("conv2d", weights, 4));
  for (const int64_t dim : weights.shape) OCTET_CHECK(check_range("a dimension of the weights", dim, 1));
  for (const int64_t dim : src.shape) {
    if (dim != Shape::kDynamic) OCTET_CHECK(check_range("a dimension of the source", dim, 0));
  }
  const int64_t src_channels = src.shape[3];
  const int64_t weights_channels = weights.shape[3] * params.groups;
  if (src_channels != Shape::kDynamic && src_channels != weights_channels) {
    return invalid("conv2d: the source has " + std::to_string(src_channels) + " channels, the weights want " +
                   std::to_string(params.groups) + " groups of " + std::to_string(weights.shape[3]));
  }
  if (weights.shape[0] % params.groups != 0) {
    return invalid("conv2d: " + std::to_string(weights.shape[0]) + " output channels do not divide into " +
                   std::to_string(params.groups) + " groups");
  }
  return {};
}

bool compatible(const Shape& a, const Shape& b) {
  return a.rank() == b.rank() && std::equal(a.begin(), a.end(), b.begin(), [](int64_t x, int64_t y) {
           return x == y || x == Shape::kDynamic || y == Shape::kDynamic;
         });
}

constexpr KernelRow<Conv2dParams> kTable[] = {
#if defined(__x86_64__)
    {"depthwise_avx512vnni", Isa::kAvx512Vnni, depthwise_avx512vnni_supports, prepare_depthwise_avx512vnni},
    {"dense_avx512vnni", Isa::kAvx512Vnni, dense_supports, prepare_dense_avx512vnni},
    {"depthwise_avx512", Isa::kAvx512, depthwise_supports, prepare_depthwise_avx512},
    {"depthwise_avx2", Isa::kAvx2, depthwise_supports, prepare_depthwise_avx2},
    {"depthwise_sse41", Isa::kSse41, depthwise_supports, prepare_depthwise_sse41},
#endif
    {"onednn", Isa::kAny, onednn_supports, prepare_onednn},
#if defined(__x86_64__)
    {"dense_avx512", Isa::kAvx512, dense_supports, prepare_dense_avx512},
    {"dense_avx2", Isa::kAvx2, dense_supports, prepare_dense_avx2},
    {"dense_sse41", Isa::kSse41, dense_supports, prepare_dense_sse41},
#endif
    {"widened", Isa::kAny, widened_supports, prepare_widened},
    {"split_weights", Isa::kAny, split_weights_supports, prepare_split_weights},
    {"reference", Isa::kAny, [](const Problem<Conv2dParams>&) { return true; }, prepare_reference},
};

}  // namespace

Result<int64_t> window_output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                                   int64_t pad_before, int64_t pad_after, bool ceil) {
  if (size == Shape::kDynamic) return size;
  for (const int64_t value : {size, pad_before, pad_after, kernel - 1, stride - 1, dilation - 1}) {
    if (value < 0 || value > kMaxValue) {
      return invalid(std::string(op) + ": a window of " + std::to_string(kernel) + " with stride " +
                     std::to_string(stride) + " and dilation " + std::to_string(dilation) + " over " +
                     std::to_string(pad_before) + " + " + std::to_string(size) + " + " + std::to_string(pad_after) +
                     " elements is out of range");
    }
  }
  const int64_t padded = size + pad_before + pad_after;
  const int64_t window = dilation * (kernel - 1) + 1;
  if (window > padded) {
    return invalid(std::string(op) + ": a window of " + std::to_string(window) + " does not fit into " +
                   std::to_string(padded) + " elements");
  }
  const int64_t steps = padded - window;
  int64_t count = (ceil ? (steps + stride - 1) / stride : steps / stride) + 1;
  if (ceil && (count - 1) * stride >= size + pad_before) --count;
  return count;
}

Result<std::vector<Shape>> infer_shapes(const Conv2dParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count("conv2d", inputs, 2, 4));
  OCTET_CHECK(check_params(params));
  const TensorDesc& src = inputs[kConvSrc];
  const TensorDesc& weights = inputs[kConvWeights];
  OCTET_CHECK(check_weights(params, src, weights));
  Shape dst{src.shape[0], 0, 0, weights.shape[0]};
  for (const int axis : {0, 1}) {
    const size_t i = static_cast<size_t>(axis);
    OCTET_TRY(dst[axis + 1],
              window_output_size("conv2d", src.shape[axis + 1], weights.shape[axis + 1], params.strides[i],
                                 params.dilations[i], params.pads[i], params.pads[i + 2]));
  }
  if (dst.is_concrete() && dst.element_count() < 0) {
    return invalid("conv2d: a result of shape " + dst.to_string() + " is larger than " +
                   std::to_string(Shape::kMaxElements) + " elements");
  }
  const TensorDesc& bias = input_or_absent(inputs, kConvBias);
  if (bias.present && bias.shape != Shape{weights.shape[0]}) {
    return invalid("conv2d: the bias has the shape " + bias.shape.to_string() + ", but there are " +
                   std::to_string(weights.shape[0]) + " output channels");
  }
  const TensorDesc& residual = input_or_absent(inputs, kConvResidual);
  if (residual.present && !compatible(residual.shape, dst)) {
    return invalid("conv2d: the residual has the shape " + residual.shape.to_string() + ", the result " +
                   dst.to_string());
  }
  return std::vector<Shape>{dst};
}

Status check_types(const Conv2dParams&, Descs inputs, Descs outputs) {
  return check_conv2d_types(Conv2dParams::kName, inputs, outputs);
}

Status check_conv2d_types(const char* op, Descs inputs, Descs outputs) {
  const TensorDesc& src = inputs[kConvSrc];
  const TensorDesc& weights = inputs[kConvWeights];
  const TensorDesc& bias = input_or_absent(inputs, kConvBias);
  const TensorDesc& residual = input_or_absent(inputs, kConvResidual);
  const TensorDesc& dst = outputs[0];
  const auto fits = [](const TensorDesc& desc, bool takes) { return !desc.present || takes; };

  if (src.type == DataType::kF32 || src.type == DataType::kBf16) {
    const bool takes = plain(src, src.type) && plain(weights, src.type) && weights.is_constant() &&
                       fits(bias, plain(bias, DataType::kF32) && bias.is_constant()) &&
                       fits(residual, plain(residual, dst.type)) &&
                       (plain(dst, src.type) || plain(dst, DataType::kF32));
    if (!takes) return unsupported_types(op, inputs, outputs);
    return {};
  }
  const size_t channels = static_cast<size_t>(weights.shape[0]);
  const bool weights_fit = weights.type == DataType::kS8 && weights.is_constant() &&
                           (weights.scales.size() == 1 || (weights.scales.size() == channels && weights.axis == 0)) &&
                           (weights.zero_points.empty() || weights.zero_points.size() == weights.scales.size());
  const bool dst_fits = per_tensor_u8(dst) || (plain(dst, DataType::kF32) && !residual.present);
  const bool takes = per_tensor_u8(src) && weights_fit &&
                     fits(bias, bias.type == DataType::kS32 && bias.is_constant()) &&
                     fits(residual, per_tensor_u8(residual)) && dst_fits;
  if (!takes) return unsupported_types(op, inputs, outputs);

  // The largest sum of products must not overflow s32.
  const int64_t max_taps = INT32_MAX / (255 * (has_weight_zero_points(inputs) ? 255 : 128));
  const double taps = static_cast<double>(weights.shape[1]) * static_cast<double>(weights.shape[2]) *
                      static_cast<double>(weights.shape[3]);
  if (taps > static_cast<double>(max_taps)) {
    return Error{ErrorCode::kUnsupported, std::string(op) + ": 32-bit sums hold " + std::to_string(max_taps) +
                                              " products of 8-bit integers, the weights " + weights.shape.to_string() +
                                              " make more"};
  }
  for (const float multiplier : conv2d_multipliers(inputs, dst)) {
    if (!std::isfinite(multiplier)) {
      return invalid(std::string(op) + ": the scales of source " + std::to_string(src.quant().scale) +
                     " and destination " + std::to_string(dst.quant().scale) + " make a multiplier that is not finite");
    }
  }
  return {};
}

std::span<const KernelRow<Conv2dParams>> kernel_table(const Conv2dParams&) {
  static_assert(std::size(kTable) == kConv2dRowCount);
  return kTable;
}

int64_t count_macs(const Conv2dParams&, Descs inputs, Descs outputs) {
  const Shape& weights = inputs[kConvWeights].shape;
  int64_t macs = outputs[0].shape.element_count();
  for (const int axis : {1, 2, 3}) {
    if (__builtin_mul_overflow(macs, weights[axis], &macs)) return INT64_MAX;
  }
  return std::max<int64_t>(macs, 0);
}

int in_place_input(const Conv2dParams&, Descs inputs, Descs outputs) {
  const TensorDesc& residual = input_or_absent(inputs, kConvResidual);
  const bool fits = residual.present && !residual.is_constant() && residual.type == outputs[0].type;
  return fits ? static_cast<int>(kConvResidual) : -1;
}

std::vector<float> conv2d_multipliers(Descs inputs, const TensorDesc& dst) {
  const float src_scale = inputs[kConvSrc].quant().scale, dst_scale = dst.quant().scale;
  std::vector<float> multipliers;
  for (const float scale : inputs[kConvWeights].scales) {
    multipliers.push_back(requantization_multiplier(src_scale, scale, dst_scale));
  }
  return multipliers;
}

Requantization conv2d_requantization(const Conv2dParams& params, Descs inputs, const TensorDesc& dst) {
  Requantization r;
  const double dst_scale = static_cast<double>(dst.quant().scale);
  const TensorDesc& residual = input_or_absent(inputs, kConvResidual);
  if (residual.present) {
    r.residual_scale = static_cast<float>(static_cast<double>(residual.quant().scale) / dst_scale);
    r.residual_zero_point = residual.quant().zero_point;
  }
  r.dst_zero_point = dst.quant().zero_point;
  // Rounding is monotone: where the clamp's own value saturates, everything beyond it does.
  const float min = static_cast<float>(static_cast<double>(params.clamp.min) / dst_scale);
  const float max = static_cast<float>(static_cast<double>(params.clamp.max) / dst_scale);
  if (round_saturate_u8(min, r.dst_zero_point) > 0) r.clamp_min = min;
  if (round_saturate_u8(max, r.dst_zero_point) < 255) r.clamp_max = max;
  return r;
}

}  // namespace octet
