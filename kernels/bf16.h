// bfloat16: the upper 16 bits of an f32, so of the same range, with 8 bits of mantissa.
#pragma once

#include <cstdint>

#include "kernels/always_inline.h"

namespace octet {

struct Bf16 {
  uint16_t bits = 0;

  friend bool operator==(const Bf16&, const Bf16&) = default;
};

OCTET_INLINE float to_f32(Bf16 x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16U);
}

// Rounds half to even; what is beyond the largest bf16 becomes infinite, NaN a quiet NaN.
OCTET_INLINE Bf16 to_bf16(float x) {
  const auto bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
  const uint32_t quiet = (bits >> 16U) | 0x40U;
  return {static_cast<uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded)};
}

}  // namespace octet
