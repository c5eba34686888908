// One convolution with its data: random contents, a run of any kernel row, and an oracle in real numbers.
#pragma once

#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/tensor.h"

namespace octet::test {

enum class Residual { kNone, kInPlace, kApart };

struct Conv2dCase {
  // What is asked for.
  Conv2dParams params;
  Shape src_shape, weights_shape;
  bool int8 = true;
  bool bf16 = false;     // instead of f32
  bool dst_f32 = false;  // of an int8 or bf16 convolution
  bool per_channel = true;
  bool has_bias = true;
  bool asymmetric = false;  // weights with zero points, as imported models have
  bool extremes = false;    // data from the ends of the range only
  bool portable = false;    // weights as safe as CPUs without VNNI want them
  bool large = false;       // sums near the end of their range, where f32 no longer holds them exactly
  Residual residual = Residual::kNone;
  int32_t src_zero_point = 0, dst_zero_point = 0, residual_zero_point = 0;
  int threads = 1;

  // What make() fills.
  std::array<Tensor, 4> inputs;
  Tensor dst;

  void make(uint32_t seed);
  std::string to_string() const;

  std::array<TensorDesc, 4> input_descs() const {
    return {inputs[0].desc(), inputs[1].desc(), inputs[2].desc(), inputs[3].desc()};
  }

  // The result of one row; nothing if it does not take the problem.
  std::optional<Bytes> run(const KernelRow<Conv2dParams>& row) const;

  // Element i of dst in real numbers, before it is rounded to dst's type; and the sum of the magnitudes of its terms.
  struct Real {
    double value, magnitude;
  };
  std::vector<Real> real() const;
};

inline void Conv2dCase::make(uint32_t seed) {
  Random random(seed);
  const int64_t channels = weights_shape[0];
  const double taps = static_cast<double>(weights_shape[1] * weights_shape[2] * weights_shape[3]);
  Tensor& src = inputs[kConvSrc];
  Tensor& weights = inputs[kConvWeights];
  Tensor& bias = inputs[kConvBias];
  Tensor& residual_tensor = inputs[kConvResidual];
  weights = {.shape = weights_shape, .constant = true};
  bias = {.shape = {channels}, .constant = true, .present = has_bias};
  residual_tensor = absent();
  if (int8) {
    src = make_u8(src_shape, 0.02F, src_zero_point);
    weights.type = DataType::kS8;
    for (int64_t o = 0; o < (per_channel ? channels : 1); ++o) {
      weights.scales.push_back(0.01F * std::uniform_real_distribution<float>(0.5F, 2.0F)(random));
    }
    if (asymmetric) {
      for (size_t i = 0; i < weights.scales.size(); ++i) {
        weights.zero_points.push_back(std::uniform_int_distribution<int32_t>(-128, 127)(random));
      }
    }
    weights.allocate();
    bias.type = DataType::kS32;
    bias.allocate();
    if (large) {
      fill_integers<uint8_t>(src, random, 200, 255);
      fill_integers<int8_t>(weights, random, 100, 127);
    } else if (extremes) {
      fill_extremes<uint8_t>(src, random, 0, 255);
      fill_extremes<int8_t>(weights, random, -127, 127);
    } else {
      fill_integers<uint8_t>(src, random, 0, 255);
      fill_integers<int8_t>(weights, random, -127, 127);
    }
    if (portable) {
      for (int8_t& w : weights.as<int8_t>()) w = static_cast<int8_t>(std::clamp<int>(w, -64, 64));
    }
    const int64_t max_bias = large ? int64_t{1} << 26 : 20000;
    fill_integers<int32_t>(bias, random, -max_bias, max_bias);
    // About three standard deviations of the sum on either side of the zero point.
    const double spread = (large ? taps * 255 * 127 : 3 * std::sqrt(taps) * 128 * 73) * 0.02 * 0.01;
    dst = make_u8({}, static_cast<float>(spread / 128), dst_zero_point);
    if (dst_f32) dst = make_f32({});
  } else if (bf16) {
    src = make_bf16(src_shape);
    weights.type = DataType::kBf16;
    weights.allocate();
    bias.allocate();
    fill_bf16(src, random, -1, 1);
    fill_bf16(weights, random, -1, 1);
    fill_uniform(bias, random, -1, 1);
    dst = dst_f32 ? make_f32({}) : make_bf16({});
  } else {
    src = make_f32(src_shape);
    weights.allocate();
    bias.allocate();
    fill_uniform(src, random, -1, 1);
    fill_uniform(weights, random, -1, 1);
    fill_uniform(bias, random, -1, 1);
    dst = make_f32({});
  }
  const auto shapes = infer_shapes(params, input_descs());
  REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
  dst.shape = (*shapes)[0];
  dst.allocate();
  if (residual != Residual::kNone) {
    residual_tensor = int8 ? make_u8(dst.shape, dst.scales[0] * 0.7F, residual_zero_point) : make_f32(dst.shape);
    if (int8) {
      fill_integers<uint8_t>(residual_tensor, random, 0, 255);
    } else if (dst.type == DataType::kBf16) {
      residual_tensor = make_bf16(dst.shape);
      fill_bf16(residual_tensor, random, -1, 1);
    } else {
      fill_uniform(residual_tensor, random, -1, 1);
    }
  }
  const TensorDesc dst_desc = dst.desc();
  const Status types = check_types(params, input_descs(), {&dst_desc, 1});
  REQUIRE_MESSAGE(types.ok(), types.error().message);
}

inline std::optional<Bytes> Conv2dCase::run(const KernelRow<Conv2dParams>& row) const {
  const std::array<TensorDesc, 4> descs = input_descs();
  const TensorDesc dst_desc = dst.desc();
  const Problem<Conv2dParams> problem{params, descs, {&dst_desc, 1}, threads};
  if (!is_available(row.isa) || !row.supports(problem)) return std::nullopt;
  const int threads_before = omp_get_max_threads();
  omp_set_num_threads(threads);
  Result<Kernel> kernel = row.prepare(problem);
  if (!kernel.ok()) {
    omp_set_num_threads(threads_before);
    REQUIRE_MESSAGE(kernel.error().code == ErrorCode::kUnsupported, kernel.error().message);
    return std::nullopt;
  }
  Bytes result(dst.bytes.size(), std::byte{0xA5});
  Bytes residual_bytes = inputs[kConvResidual].bytes;
  if (residual == Residual::kInPlace) result = residual_bytes;
  const void* src[4] = {inputs[0].bytes.data(), nullptr, nullptr,
                        residual == Residual::kInPlace ? result.data() : residual_bytes.data()};
  void* dst_address = result.data();
  (*kernel)({src, &dst_address});
  if (residual != Residual::kInPlace) {
    // A second call: nothing of the first may be left.
    (*kernel)({src, &dst_address});
  }
  omp_set_num_threads(threads_before);
  return result;
}

inline std::vector<Conv2dCase::Real> Conv2dCase::real() const {
  const Shape& s = src_shape;
  const Shape& w = weights_shape;
  const Shape& d = dst.shape;
  const auto number = [](const Tensor& tensor, int64_t i, int64_t channel) -> double {
    const size_t at = static_cast<size_t>(i);
    if (tensor.type == DataType::kF32) return tensor.as<float>()[at];
    if (tensor.type == DataType::kBf16) return to_f32(tensor.as<Bf16>()[at]);
    const double scale = tensor.scales[tensor.scales.size() == 1 ? 0 : static_cast<size_t>(channel)];
    if (tensor.type == DataType::kS8) {
      const auto& points = tensor.zero_points;
      const int32_t zero_point = points.empty() ? 0 : points[points.size() == 1 ? 0 : static_cast<size_t>(channel)];
      return scale * (tensor.as<int8_t>()[at] - zero_point);
    }
    return scale * (tensor.as<uint8_t>()[at] - tensor.zero_points[0]);
  };
  const auto weights_scale = [&](int64_t o) {
    const auto& scales = inputs[kConvWeights].scales;
    return static_cast<double>(scales[scales.size() == 1 ? 0 : static_cast<size_t>(o)]);
  };
  std::vector<Real> reals;
  for (int64_t at = 0; at < d.element_count(); ++at) {
    const int64_t o = at % d[3], x = at / d[3] % d[2], y = at / d[3] / d[2] % d[1], n = at / d[3] / d[2] / d[1];
    Real real{0, 0};
    const auto add = [&real](double term) { real.value += term, real.magnitude += std::fabs(term); };
    for (int64_t i = 0; i < w[1]; ++i) {
      for (int64_t j = 0; j < w[2]; ++j) {
        const int64_t row = y * params.strides[0] - params.pads[0] + i * params.dilations[0];
        const int64_t column = x * params.strides[1] - params.pads[1] + j * params.dilations[1];
        if (row < 0 || row >= s[1] || column < 0 || column >= s[2]) continue;
        for (int64_t c = 0; c < w[3]; ++c) {
          const int64_t channel = o / (w[0] / params.groups) * w[3] + c;
          add(number(inputs[kConvSrc], ((n * s[1] + row) * s[2] + column) * s[3] + channel, 0) *
              number(inputs[kConvWeights], ((o * w[1] + i) * w[2] + j) * w[3] + c, o));
        }
      }
    }
    if (has_bias && int8) {
      add(static_cast<double>(inputs[kConvSrc].scales[0]) * weights_scale(o) *
          inputs[kConvBias].as<int32_t>()[static_cast<size_t>(o)]);
    } else if (has_bias) {
      add(inputs[kConvBias].as<float>()[static_cast<size_t>(o)]);
    }
    if (residual != Residual::kNone) add(number(inputs[kConvResidual], at, 0));
    real.value =
        std::min(std::max(real.value, static_cast<double>(params.clamp.min)), static_cast<double>(params.clamp.max));
    reals.push_back(real);
  }
  return reals;
}

inline std::string Conv2dCase::to_string() const {
  const auto text = [](auto value) { return std::to_string(value); };
  return src_shape.to_string() + " * " + weights_shape.to_string() + " groups " + text(params.groups) + " strides " +
         text(params.strides[0]) + "," + text(params.strides[1]) + " dilations " + text(params.dilations[0]) + "," +
         text(params.dilations[1]) + " pads " + text(params.pads[0]) + "," + text(params.pads[1]) + "," +
         text(params.pads[2]) + "," + text(params.pads[3]) + " clamp " + text(params.clamp.min) + "," +
         text(params.clamp.max) +
         (int8   ? " int8"
          : bf16 ? " bf16"
                 : " f32") +
         (dst_f32 ? " to f32" : "") + (per_channel ? " per channel" : " per tensor") + (has_bias ? " bias" : "") +
         (extremes ? " extremes" : "") + (asymmetric ? " asymmetric" : "") + (portable ? " portable" : "") +
         (large ? " large" : "") + " residual " + text(static_cast<int>(residual)) + " zero points " +
         text(src_zero_point) + "," + text(dst_zero_point) + "," + text(residual_zero_point) + " threads " +
         text(threads);
}

}  // namespace octet::test
