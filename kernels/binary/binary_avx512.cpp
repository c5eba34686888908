// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/binary/binary_u8.h"

namespace octet {
namespace {

struct Factors {
  __m512i a_zero_point, b_zero_point, dst_zero_point;
  __m512 a_factor, b_factor, offset, clamp_min, clamp_max;
};

inline __m512i widen(__m128i q, __m512i zero_point) {
  return _mm512_sub_epi32(_mm512_cvtepu8_epi32(q), zero_point);
}

// max and min take their second operand for NaN: it stays until it becomes -1024, as in round_saturate_u8.
inline __m128i finish(__m512 x, const Factors& f) {
  x = _mm512_min_ps(f.clamp_max, _mm512_max_ps(f.clamp_min, x));
  x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-1024.0F)), _mm512_set1_ps(1024.0F));
  const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(x), f.dst_zero_point);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, _mm512_setzero_si512()));
}

struct Add {
  static __m128i of(__m128i a, __m128i b, const Factors& f) {
    const __m512 scaled_b = _mm512_fmadd_ps(_mm512_cvtepi32_ps(widen(b, f.b_zero_point)), f.b_factor, f.offset);
    return finish(_mm512_fmadd_ps(_mm512_cvtepi32_ps(widen(a, f.a_zero_point)), f.a_factor, scaled_b), f);
  }
};

struct Mul {
  static __m128i of(__m128i a, __m128i b, const Factors& f) {
    const __m512i product = _mm512_mullo_epi32(widen(a, f.a_zero_point), widen(b, f.b_zero_point));
    return finish(_mm512_mul_ps(_mm512_cvtepi32_ps(product), f.a_factor), f);
  }
};

inline __m128i load(const uint8_t* src, int64_t step, int64_t i, __mmask16 lanes) {
  return step == 0 ? _mm_set1_epi8(static_cast<char>(*src)) : _mm_maskz_loadu_epi8(lanes, src + i);
}

template <class Op>
void row(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
         uint8_t* dst) {
  const Factors f{_mm512_set1_epi32(u8.a_zero_point),   _mm512_set1_epi32(u8.b_zero_point),
                  _mm512_set1_epi32(u8.dst_zero_point), _mm512_set1_ps(u8.a_factor),
                  _mm512_set1_ps(u8.b_factor),          _mm512_set1_ps(u8.offset),
                  _mm512_set1_ps(u8.clamp_min),         _mm512_set1_ps(u8.clamp_max)};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m128i sum = Op::of(load(a, a_step, i, 0xffff), load(b, b_step, i, 0xffff), f);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), sum);
  }
  if (i < n) {
    const auto lanes = static_cast<__mmask16>((1U << (n - i)) - 1);
    _mm_mask_storeu_epi8(dst + i, lanes, Op::of(load(a, a_step, i, lanes), load(b, b_step, i, lanes), f));
  }
}

}  // namespace

void add_u8_row_avx512(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                       const BinaryU8& u8, uint8_t* dst) {
  row<Add>(a, a_step, b, b_step, n, u8, dst);
}

void mul_u8_row_avx512(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                       const BinaryU8& u8, uint8_t* dst) {
  row<Mul>(a, a_step, b, b_step, n, u8, dst);
}

}  // namespace octet
