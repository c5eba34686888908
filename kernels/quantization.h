// Scalar forms of all integer arithmetic: the norm that reference and own kernels call. What files for one ISA call is
// OCTET_INLINE, so that none of them has a copy that the linker takes for other CPUs.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/always_inline.h"
#include "octet/types.h"

namespace octet {

// Saturates to [0, 255], then rounds half to even. NaN gives 0.
inline uint8_t saturate_round_u8(float x) {
  const float saturated = x > 0.0F ? (x < 255.0F ? x : 255.0F) : 0.0F;
  // Where floats lie 1 apart, the addition rounds half to even; unlike nearbyint, it is no call on plain x86-64.
  constexpr float kRounder = 0x1.8p23F;
  return static_cast<uint8_t>(static_cast<int32_t>((saturated + kRounder) - kRounder));
}

// saturate_u8(round_half_even(x) + zero_point) for a zero point in [0, 255]; NaN as some saturated value.
OCTET_INLINE uint8_t round_saturate_u8(float x, int32_t zero_point) {
  // Beyond 1024 on either side the sum saturates anyway; within, kRounder rounds as above.
  constexpr float kRounder = 0x1.8p23F;
  const float bounded = x > -1024.0F ? (x < 1024.0F ? x : 1024.0F) : -1024.0F;
  const int32_t q = static_cast<int32_t>((bounded + kRounder) - kRounder) + zero_point;
  return static_cast<uint8_t>(q < 0 ? 0 : q > 255 ? 255 : q);
}

// q = saturate(round_half_even(x / scale) + zero_point). NaN gives the zero point.
inline uint8_t quantize_u8(float x, QuantParams quant) {
  const float scaled = std::nearbyintf(x / quant.scale);
  if (std::isnan(scaled)) return static_cast<uint8_t>(quant.zero_point);
  const float shifted = scaled + static_cast<float>(quant.zero_point);
  return shifted <= 0.0F ? 0 : shifted >= 255.0F ? 255 : static_cast<uint8_t>(shifted);
}

// real = scale * (q - zero_point)
inline float dequantize(int32_t q, QuantParams quant) {
  return quant.scale * static_cast<float>(q - quant.zero_point);
}

// a_scale * b_scale / dst_scale, in f32 and in this order, as ONNX Runtime has it; in double where the product is too
// small or too large for an f32, which the quotient need not be.
inline float requantization_multiplier(float a_scale, float b_scale, float dst_scale) {
  const float product = a_scale * b_scale;
  if (std::isnormal(product)) return product / dst_scale;
  return static_cast<float>(static_cast<double>(a_scale) * static_cast<double>(b_scale) /
                            static_cast<double>(dst_scale));
}

// What a convolution does to its accumulator, all in units of dst. The fields are fixed when a kernel is prepared.
//
//   multiplier         requantization_multiplier(src_scale, weights_scale[o], dst_scale)
//   bias               [o] s32, in units of the accumulator
//   residual_scale     residual_scale / dst_scale; unused without a residual
//   clamp_min/max      the clamp in units of dst, before the zero point; +-inf where saturation does the clamp
struct Requantization {
  float residual_scale = 0;
  int32_t residual_zero_point = 0;
  float clamp_min = -INFINITY;
  float clamp_max = INFINITY;
  int32_t dst_zero_point = 0;
};

// The accumulator with its bias in units of dst, rounded after each step: what oneDNN 2 does with its output scale, and
// what oneDNN 3 is asked for.
inline float scale_accumulator(int32_t acc, int32_t bias, float multiplier) {
  return (static_cast<float>(acc) + static_cast<float>(bias)) * multiplier;
}

// One u8 output of a convolution, from the scaled accumulator and, if there is one, the residual's element. It is
// rounded before the zero point is added, as ONNX defines it: an f32 near 0 has more bits than its sum with 128.
inline uint8_t requantize_u8(float scaled, const uint8_t* residual, const Requantization& r) {
  if (residual != nullptr) {
    scaled = std::fmaf(static_cast<float>(*residual - r.residual_zero_point), r.residual_scale, scaled);
  }
  scaled = std::fmin(std::fmax(scaled, r.clamp_min), r.clamp_max);
  return round_saturate_u8(scaled, r.dst_zero_point);
}

}  // namespace octet
