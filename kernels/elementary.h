// exp and log in f32 as fixed sequences of IEEE operations: the same bytes on every CPU, whatever its libm.
//
// Written so that compilers vectorize loops over them; kernels for one ISA compile them with that ISA's flags and get
// the same bytes, for no operation is fused or reordered (-ffp-contract=off). Always inlined, so that no copy for one
// ISA can be linked into code for all.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/always_inline.h"

namespace octet {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kSmallestNormal = std::numeric_limits<float>::min();

// 2^n, n in [-126, 127].
OCTET_INLINE float power_of_two(int32_t n) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(n + 127) << 23);
}

// r in [-ln(2)/2, ln(2)/2]: (exp(r) - 1 - r) / r^2. Cephes expf.
OCTET_INLINE float exp_tail(float r) {
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  return p * r + 5.0000001201e-1F;
}

// exp(x) to 2 ulp, results below the normal range included; 0 and inf beyond the range; NaN for NaN.
//
// exp(x) = 2^n * exp(r), n = round(x / ln 2), r = x - n * ln 2 (ln 2 in two parts, the first of which has so few bits
// that its product with n is exact).
OCTET_INLINE float exp_f32(float x) {
  x = x < -104.0F ? -104.0F : x;
  x = x > 89.0F ? 89.0F : x;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  constexpr float kRounder = 12582912.0F;
  const float shifted = x * 1.44269504088896341F + kRounder;
  const float n = shifted - kRounder;
  const int32_t exponent = __builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, kRounder);
  float r = x - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  const float y = exp_tail(r) * (r * r) + r + 1.0F;
  // In two steps, for 2^n itself may lie outside the normal range.
  const int32_t half = exponent >> 1;
  return y * power_of_two(half) * power_of_two(exponent - half);
}

// log(x) to 2 ulp; -inf for 0, NaN below 0. Cephes logf.
OCTET_INLINE float log_f32(float x) {
  const bool tiny = x < kSmallestNormal;
  const float normal = tiny ? x * 8388608.0F : x;  // 2^23
  // m in [sqrt(1/2), sqrt(2)), normal = m * 2^e: subtracting the bits of sqrt(1/2) moves the border of e there.
  // Below 0 the differences wrap.
  constexpr uint32_t kSqrtHalf = 0x3f3504f3;
  const auto bits = __builtin_bit_cast(uint32_t, normal);
  const int32_t exponent = static_cast<int32_t>(bits - kSqrtHalf) >> 23;
  const float m = __builtin_bit_cast(float, bits - (static_cast<uint32_t>(exponent) << 23));
  const float e = static_cast<float>(exponent - (tiny ? 23 : 0));
  const float r = m - 1.0F;
  const float square = r * r;
  float p = 7.0376836292e-2F;
  p = p * r + -1.1514610310e-1F;
  p = p * r + 1.1676998740e-1F;
  p = p * r + -1.2420140846e-1F;
  p = p * r + 1.4249322787e-1F;
  p = p * r + -1.6668057665e-1F;
  p = p * r + 2.0000714765e-1F;
  p = p * r + -2.4999993993e-1F;
  p = p * r + 3.3333331174e-1F;
  float y = p * r * square;
  y = y + e * -2.12194440e-4F;
  y = y - 0.5F * square;
  y = r + y + e * 0.693359375F;
  y = x == 0.0F ? -kInfinity : y;
  y = x < 0.0F ? kNan : y;
  return x < kInfinity ? y : x;  // inf and NaN: themselves
}

}  // namespace octet
