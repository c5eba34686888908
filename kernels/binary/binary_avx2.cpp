// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include <cstring>

#include "kernels/binary/binary_u8.h"

namespace octet {
namespace {

struct Factors {
  __m256i a_zero_point, b_zero_point;
  __m256 a_factor, b_factor, clamp_min, clamp_max, dst_zero_point;
};

inline __m256 widen(__m128i q, __m256i zero_point) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(q), zero_point));
}

// In the low 8 bytes. max and min take their second operand for NaN, as fmax, fmin and the saturation do with a NaN in
// the first.
inline __m128i add8(__m128i a, __m128i b, const Factors& f) {
  __m256 x = _mm256_mul_ps(widen(b, f.b_zero_point), f.b_factor);
  x = _mm256_fmadd_ps(widen(a, f.a_zero_point), f.a_factor, x);
  x = _mm256_min_ps(_mm256_max_ps(x, f.clamp_min), f.clamp_max);
  x = _mm256_max_ps(_mm256_add_ps(x, f.dst_zero_point), _mm256_setzero_ps());
  const __m256i q = _mm256_cvtps_epi32(_mm256_min_ps(x, _mm256_set1_ps(255.0F)));
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  return _mm_packus_epi16(words, words);
}

inline __m128i load(const uint8_t* src, int64_t step, int64_t i) {
  return step == 0 ? _mm_set1_epi8(static_cast<char>(*src))
                   : _mm_loadl_epi64(reinterpret_cast<const __m128i*>(src + i));
}

inline __m128i load_part(const uint8_t* src, int64_t step, int64_t i, int64_t n) {
  if (step == 0) return _mm_set1_epi8(static_cast<char>(*src));
  uint8_t part[16] = {};
  std::memcpy(part, src + i, static_cast<size_t>(n));
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(part));
}

}  // namespace

void add_u8_row_avx2(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
                     uint8_t* dst) {
  const Factors f{_mm256_set1_epi32(u8.a_zero_point),
                  _mm256_set1_epi32(u8.b_zero_point),
                  _mm256_set1_ps(u8.a_factor),
                  _mm256_set1_ps(u8.b_factor),
                  _mm256_set1_ps(u8.clamp_min),
                  _mm256_set1_ps(u8.clamp_max),
                  _mm256_set1_ps(static_cast<float>(u8.dst_zero_point))};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(dst + i), add8(load(a, a_step, i), load(b, b_step, i), f));
  }
  if (i < n) {
    uint8_t part[16];
    const __m128i sum = add8(load_part(a, a_step, i, n - i), load_part(b, b_step, i, n - i), f);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(part), sum);
    std::memcpy(dst + i, part, static_cast<size_t>(n - i));
  }
}

}  // namespace octet
