// The integer arithmetic of u8 functions: the factors, the formulas, and the inner loops of add and mul, one pair per
// ISA.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/quantization.h"

namespace octet {

// Everything in units of dst. sub is add with a negative b_factor; mul uses a_factor alone.
//   add  x = fma(f32(a - a_zero_point), a_factor, fma(f32(b - b_zero_point), b_factor, offset))
//   mul  x = f32((a - a_zero_point) * (b - b_zero_point)) * a_factor
//   min  x = f32(min(a, b) - a_zero_point), all zero points and scales alike; max likewise
//   dst = saturate_u8(round_half_even(clamp(x)) + dst_zero_point)
struct BinaryU8 {
  int32_t a_zero_point = 0;
  int32_t b_zero_point = 0;
  float a_factor = 0;   // add: a_scale / dst_scale; mul: a_scale * b_scale / dst_scale, in double, rounded once
  float b_factor = 0;   // add: b_scale / dst_scale
  float offset = 0;     // of add: what the zero points come to, where they are all in it and 0 otherwise
  float clamp_min = 0;  // clamp.min / dst_scale, before dst_zero_point
  float clamp_max = 0;
  int32_t dst_zero_point = 0;
};

inline uint8_t finish_u8(float scaled, const BinaryU8& u8) {
  scaled = scaled < u8.clamp_min ? u8.clamp_min : scaled;
  scaled = scaled > u8.clamp_max ? u8.clamp_max : scaled;
  return round_saturate_u8(scaled, u8.dst_zero_point);
}
inline uint8_t add_u8(uint8_t a, uint8_t b, const BinaryU8& u8) {
  const float scaled_b = std::fmaf(static_cast<float>(b - u8.b_zero_point), u8.b_factor, u8.offset);
  return finish_u8(std::fmaf(static_cast<float>(a - u8.a_zero_point), u8.a_factor, scaled_b), u8);
}
inline uint8_t mul_u8(uint8_t a, uint8_t b, const BinaryU8& u8) {
  return finish_u8(static_cast<float>((a - u8.a_zero_point) * (b - u8.b_zero_point)) * u8.a_factor, u8);
}
inline uint8_t min_u8(uint8_t a, uint8_t b, const BinaryU8& u8) {
  return finish_u8(static_cast<float>((a < b ? a : b) - u8.a_zero_point), u8);
}
inline uint8_t max_u8(uint8_t a, uint8_t b, const BinaryU8& u8) {
  return finish_u8(static_cast<float>((a > b ? a : b) - u8.a_zero_point), u8);
}

// dst[i] = add_u8 or mul_u8(a[i * a_step], b[i * b_step], u8), i in [0, n); steps are 0 or 1. dst may be a or b.
using BinaryU8Row = void (*)(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                             const BinaryU8& u8, uint8_t* dst);
void add_u8_row_avx2(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
                     uint8_t* dst);
void add_u8_row_avx512(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                       const BinaryU8& u8, uint8_t* dst);
void mul_u8_row_avx2(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
                     uint8_t* dst);
void mul_u8_row_avx512(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                       const BinaryU8& u8, uint8_t* dst);

}  // namespace octet
