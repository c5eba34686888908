// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/resize_rows.h"

namespace octet {
namespace {

struct Weights {
  __m256 left, right, up, down;
  __m256i zero_point;
};

inline __m256 load(const uint8_t* src, const Weights& w) {
  const __m256i q = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(src)));
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(q, w.zero_point));
}

// Eight channels.
inline void eight(const LinearTaps& taps, const Weights& w, int64_t i, uint8_t* dst) {
  const __m256 above = _mm256_add_ps(_mm256_mul_ps(load(taps.above_left + i, w), w.left),
                                     _mm256_mul_ps(load(taps.above_right + i, w), w.right));
  const __m256 below = _mm256_add_ps(_mm256_mul_ps(load(taps.below_left + i, w), w.left),
                                     _mm256_mul_ps(load(taps.below_right + i, w), w.right));
  const __m256 x = _mm256_add_ps(_mm256_mul_ps(above, w.up), _mm256_mul_ps(below, w.down));
  const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(x), w.zero_point);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(dst + i), _mm_packus_epi16(words, words));
}

}  // namespace

void resize_linear_pixel_avx2(const LinearTaps& taps, int64_t n, uint8_t* dst) {
  const Weights w{_mm256_set1_ps(1.0F - taps.across), _mm256_set1_ps(taps.across), _mm256_set1_ps(1.0F - taps.down),
                  _mm256_set1_ps(taps.down), _mm256_set1_epi32(taps.zero_point)};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) eight(taps, w, i, dst);
  if (i == n) return;
  const auto rest = static_cast<size_t>(n - i);
  uint8_t part[5][8] = {};
  std::memcpy(part[0], taps.above_left + i, rest);
  std::memcpy(part[1], taps.above_right + i, rest);
  std::memcpy(part[2], taps.below_left + i, rest);
  std::memcpy(part[3], taps.below_right + i, rest);
  eight({part[0], part[1], part[2], part[3], taps.across, taps.down, taps.zero_point}, w, 0, part[4]);
  std::memcpy(dst + i, part[4], rest);
}

}  // namespace octet
