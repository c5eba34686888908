// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include <cstring>

#include "kernels/binary/binary_u8.h"

namespace octet {
namespace {

struct Factors {
  __m256i a_zero_point, b_zero_point, dst_zero_point;
  __m256 a_factor, b_factor, offset, clamp_min, clamp_max;
};

inline __m256i widen(__m128i q, __m256i zero_point) {
  return _mm256_sub_epi32(_mm256_cvtepu8_epi32(q), zero_point);
}

// Eight bytes. max and min take their second operand for NaN: it stays until it becomes -1024, as in round_saturate_u8.
inline __m128i finish(__m256 x, const Factors& f) {
  x = _mm256_min_ps(f.clamp_max, _mm256_max_ps(f.clamp_min, x));
  x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-1024.0F)), _mm256_set1_ps(1024.0F));
  const __m256i q = _mm256_add_epi32(_mm256_cvtps_epi32(x), f.dst_zero_point);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  return _mm_packus_epi16(words, words);
}

struct Add {
  static __m128i of(__m128i a, __m128i b, const Factors& f) {
    const __m256 scaled_b = _mm256_fmadd_ps(_mm256_cvtepi32_ps(widen(b, f.b_zero_point)), f.b_factor, f.offset);
    return finish(_mm256_fmadd_ps(_mm256_cvtepi32_ps(widen(a, f.a_zero_point)), f.a_factor, scaled_b), f);
  }
};

struct Mul {
  static __m128i of(__m128i a, __m128i b, const Factors& f) {
    const __m256i product = _mm256_mullo_epi32(widen(a, f.a_zero_point), widen(b, f.b_zero_point));
    return finish(_mm256_mul_ps(_mm256_cvtepi32_ps(product), f.a_factor), f);
  }
};

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

template <class Op>
void row(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
         uint8_t* dst) {
  const Factors f{_mm256_set1_epi32(u8.a_zero_point),   _mm256_set1_epi32(u8.b_zero_point),
                  _mm256_set1_epi32(u8.dst_zero_point), _mm256_set1_ps(u8.a_factor),
                  _mm256_set1_ps(u8.b_factor),          _mm256_set1_ps(u8.offset),
                  _mm256_set1_ps(u8.clamp_min),         _mm256_set1_ps(u8.clamp_max)};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(dst + i), Op::of(load(a, a_step, i), load(b, b_step, i), f));
  }
  if (i < n) {
    uint8_t part[16];
    const __m128i sum = Op::of(load_part(a, a_step, i, n - i), load_part(b, b_step, i, n - i), f);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(part), sum);
    std::memcpy(dst + i, part, static_cast<size_t>(n - i));
  }
}

}  // namespace

void add_u8_row_avx2(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
                     uint8_t* dst) {
  row<Add>(a, a_step, b, b_step, n, u8, dst);
}

void mul_u8_row_avx2(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
                     uint8_t* dst) {
  row<Mul>(a, a_step, b, b_step, n, u8, dst);
}

}  // namespace octet
