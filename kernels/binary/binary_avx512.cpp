// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/binary/binary_u8.h"

namespace octet {
namespace {

struct Factors {
  __m512i a_zero_point, b_zero_point;
  __m512 a_factor, b_factor, clamp_min, clamp_max, dst_zero_point;
};

inline __m512 widen(__m128i q, __m512i zero_point) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_cvtepu8_epi32(q), zero_point));
}

// max and min take their second operand for NaN, as fmax, fmin and the saturation do with a NaN in the first.
inline __m128i add16(__m128i a, __m128i b, const Factors& f) {
  __m512 x = _mm512_mul_ps(widen(b, f.b_zero_point), f.b_factor);
  x = _mm512_fmadd_ps(widen(a, f.a_zero_point), f.a_factor, x);
  x = _mm512_min_ps(_mm512_max_ps(x, f.clamp_min), f.clamp_max);
  x = _mm512_max_ps(_mm512_add_ps(x, f.dst_zero_point), _mm512_setzero_ps());
  x = _mm512_min_ps(x, _mm512_set1_ps(255.0F));
  return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x));
}

inline __m128i load(const uint8_t* src, int64_t step, int64_t i, __mmask16 lanes) {
  return step == 0 ? _mm_set1_epi8(static_cast<char>(*src)) : _mm_maskz_loadu_epi8(lanes, src + i);
}

}  // namespace

void add_u8_row_avx512(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n,
                       const BinaryU8& u8, uint8_t* dst) {
  const Factors f{_mm512_set1_epi32(u8.a_zero_point),
                  _mm512_set1_epi32(u8.b_zero_point),
                  _mm512_set1_ps(u8.a_factor),
                  _mm512_set1_ps(u8.b_factor),
                  _mm512_set1_ps(u8.clamp_min),
                  _mm512_set1_ps(u8.clamp_max),
                  _mm512_set1_ps(static_cast<float>(u8.dst_zero_point))};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m128i sum = add16(load(a, a_step, i, 0xffff), load(b, b_step, i, 0xffff), f);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), sum);
  }
  if (i < n) {
    const auto lanes = static_cast<__mmask16>((1U << (n - i)) - 1);
    _mm_mask_storeu_epi8(dst + i, lanes, add16(load(a, a_step, i, lanes), load(b, b_step, i, lanes), f));
  }
}

}  // namespace octet
