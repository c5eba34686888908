// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include <cstring>

#include "kernels/quantize/quantize_rows.h"

namespace octet {
namespace {

struct Constants {
  __m256 scale, shift;  // of the normalization
  __m256 step;
  __m256i zero_point;
};

// 8 results as s32, already in [0, 255]. Clamped before the conversion, which has no answer beyond s32; +-512 lies
// outside u8 whatever the zero point. NaN becomes the zero point.
inline __m256i quantize8(const float* src, const Constants& k) {
  const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(src), k.scale);
  __m256 x = _mm256_div_ps(_mm256_add_ps(product, k.shift), k.step);
  x = _mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q));
  x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-512.0F)), _mm256_set1_ps(512.0F));
  const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(x), k.zero_point);
  return _mm256_min_epi32(_mm256_max_epi32(q, _mm256_setzero_si256()), _mm256_set1_epi32(255));
}

inline void row8(const float* src, const Constants& k, uint8_t* dst) {
  const __m256i q = quantize8(src, k);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(dst), _mm_packus_epi16(words, words));
}

// Eight pixels, 24 bytes.
inline void pixels8(const float* src, int64_t plane, const Constants* k, uint8_t* dst) {
  const __m256i drop_zeros = _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,  //
                                              0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const __m256i drop_gaps = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
  const __m256i c0 = quantize8(src, k[0]);
  const __m256i c1 = quantize8(src + plane, k[1]);
  const __m256i c2 = quantize8(src + 2 * plane, k[2]);
  const __m256i pixel = _mm256_or_si256(c0, _mm256_or_si256(_mm256_slli_epi32(c1, 8), _mm256_slli_epi32(c2, 16)));
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(pixel, drop_zeros), drop_gaps);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm256_castsi256_si128(bytes));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(dst + 16), _mm256_extracti128_si256(bytes, 1));
}

// The CPU's own prefetching of the three planes stops at the end of each page: ask for what comes a page later. Nothing
// happens for addresses behind the end.
inline void prefetch_plane(const float* src) {
  constexpr int64_t kPageFloats = 1024;
  _mm_prefetch(reinterpret_cast<const char*>(src + kPageFloats), _MM_HINT_T0);
}

}  // namespace

void quantize_row_avx2(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                       uint8_t* dst) {
  Constants k{{}, {}, _mm256_set1_ps(quant.scale), _mm256_set1_epi32(quant.zero_point)};
  int64_t at = 0;  // i % kPeriod
  const auto next_constants = [&] {
    k.scale = _mm256_load_ps(normalization.scale + at);
    k.shift = _mm256_load_ps(normalization.shift + at);
    at = at + 8 == Normalization::kPeriod ? 0 : at + 8;
  };
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    next_constants();
    row8(src + i, k, dst + i);
  }
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    float from[8] = {};
    uint8_t to[8];
    std::memcpy(from, src + i, rest * sizeof(float));
    next_constants();
    row8(from, k, to);
    std::memcpy(dst + i, to, rest);
  }
}

void quantize_three_planes_avx2(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                QuantParams quant, uint8_t* dst) {
  Constants k[3];
  for (int64_t c = 0; c < 3; ++c) {
    k[c] = {_mm256_load_ps(planes[c].scale), _mm256_load_ps(planes[c].shift), _mm256_set1_ps(quant.scale),
            _mm256_set1_epi32(quant.zero_point)};
  }
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t c = 0; c < 3; ++c) prefetch_plane(src + c * plane + i);
    pixels8(src + i, plane, k, dst + 3 * i);
  }
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    float from[24] = {};
    uint8_t to[24];
    for (int64_t c = 0; c < 3; ++c) std::memcpy(from + 8 * c, src + c * plane + i, rest * sizeof(float));
    pixels8(from, 8, k, to);
    std::memcpy(dst + 3 * i, to, 3 * rest);
  }
}

}  // namespace octet
