// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/quantize/quantize_rows.h"

namespace octet {
namespace {

struct Constants {
  __m512 scale, shift;  // of the normalization
  __m512 step;
  __m512i zero_point;
};

// 16 results as s32, already in [0, 255]. Clamped before the conversion, which has no answer beyond s32; +-512 lies
// outside u8 whatever the zero point. Lanes without a load or with NaN become the zero point.
inline __m512i quantize16(const float* src, __mmask16 lanes, const Constants& k) {
  const __m512 product = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, src), k.scale);
  __m512 x = _mm512_div_ps(_mm512_add_ps(product, k.shift), k.step);
  x = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x);
  x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-512.0F)), _mm512_set1_ps(512.0F));
  const __m512i q = _mm512_add_epi32(_mm512_cvtps_epi32(x), k.zero_point);
  return _mm512_min_epi32(_mm512_max_epi32(q, _mm512_setzero_si512()), _mm512_set1_epi32(255));
}

inline __mmask16 first_lanes(int64_t n) {
  return n >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << n) - 1);
}

// The CPU's own prefetching of the three planes stops at the end of each page: ask for what comes a page later. Nothing
// happens for addresses behind the end.
inline void prefetch_plane(const float* src) {
  constexpr int64_t kPageFloats = 1024;
  _mm_prefetch(reinterpret_cast<const char*>(src + kPageFloats), _MM_HINT_T0);
}

}  // namespace

void quantize_row_avx512(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                         uint8_t* dst) {
  Constants k{{}, {}, _mm512_set1_ps(quant.scale), _mm512_set1_epi32(quant.zero_point)};
  int64_t at = 0;  // i % kPeriod
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    k.scale = _mm512_load_ps(normalization.scale + at);
    k.shift = _mm512_load_ps(normalization.shift + at);
    _mm512_mask_cvtepi32_storeu_epi8(dst + i, lanes, quantize16(src + i, lanes, k));
    at = at + 16 == Normalization::kPeriod ? 0 : at + 16;
  }
}

void quantize_three_planes_avx512(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                  QuantParams quant, uint8_t* dst) {
  Constants k[3];
  for (int64_t c = 0; c < 3; ++c) {
    k[c] = {_mm512_load_ps(planes[c].scale), _mm512_load_ps(planes[c].shift), _mm512_set1_ps(quant.scale),
            _mm512_set1_epi32(quant.zero_point)};
  }
  // A lane holds one pixel's three bytes and a zero: drop the zeros in each 128 bits, then the gaps between those.
  const __m512i drop_zeros =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  const __m512i drop_gaps = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15);
  for (int64_t i = 0; i < n; i += 16) {
    const int64_t pixels = n - i < 16 ? n - i : 16;
    const __mmask16 lanes = first_lanes(pixels);
    for (int64_t c = 0; c < 3; ++c) prefetch_plane(src + c * plane + i);
    const __m512i c0 = quantize16(src + i, lanes, k[0]);
    const __m512i c1 = quantize16(src + plane + i, lanes, k[1]);
    const __m512i c2 = quantize16(src + 2 * plane + i, lanes, k[2]);
    __m512i pixel = _mm512_or_si512(c0, _mm512_or_si512(_mm512_slli_epi32(c1, 8), _mm512_slli_epi32(c2, 16)));
    pixel = _mm512_permutexvar_epi32(drop_gaps, _mm512_shuffle_epi8(pixel, drop_zeros));
    _mm512_mask_storeu_epi8(dst + 3 * i, (uint64_t{1} << (3 * pixels)) - 1, pixel);
  }
}

}  // namespace octet
