// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/resize/resize_rows.h"

namespace octet {
namespace {

inline __m512 load(const uint8_t* src, __mmask16 lanes, __m512i zero_point) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes, src)), zero_point));
}

}  // namespace

void resize_nearest_row_avx512(const uint8_t* src, const int64_t* columns, int64_t width, int64_t n, uint8_t* dst) {
  const int64_t whole = n & ~int64_t{63};
  const __mmask64 rest = (uint64_t{1} << (n - whole)) - 1;
  for (int64_t x = 0; x < width; ++x, dst += n) {
    const uint8_t* from = src + columns[x] * n;
    for (int64_t i = 0; i < whole; i += 64) _mm512_storeu_si512(dst + i, _mm512_loadu_si512(from + i));
    if (rest != 0) _mm512_mask_storeu_epi8(dst + whole, rest, _mm512_maskz_loadu_epi8(rest, from + whole));
  }
}

void resize_linear_pixel_avx512(const LinearTaps& taps, int64_t n, uint8_t* dst) {
  const __m512 left = _mm512_set1_ps(1.0F - taps.across), right = _mm512_set1_ps(taps.across);
  const __m512 up = _mm512_set1_ps(1.0F - taps.down), down = _mm512_set1_ps(taps.down);
  const __m512i zero_point = _mm512_set1_epi32(taps.zero_point);
  for (int64_t i = 0; i < n; i += 16) {
    const auto lanes = n - i >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << (n - i)) - 1);
    const __m512 above = _mm512_add_ps(_mm512_mul_ps(load(taps.above_left + i, lanes, zero_point), left),
                                       _mm512_mul_ps(load(taps.above_right + i, lanes, zero_point), right));
    const __m512 below = _mm512_add_ps(_mm512_mul_ps(load(taps.below_left + i, lanes, zero_point), left),
                                       _mm512_mul_ps(load(taps.below_right + i, lanes, zero_point), right));
    const __m512 x = _mm512_add_ps(_mm512_mul_ps(above, up), _mm512_mul_ps(below, down));
    // Between bytes lie bytes, up to rounding: only the upper end can be passed, by less than 1/2.
    _mm512_mask_cvtusepi32_storeu_epi8(dst + i, lanes, _mm512_add_epi32(_mm512_cvtps_epi32(x), zero_point));
  }
}

}  // namespace octet
