// The vectors of the tile kernels (conv2d, matmul) where the CPU has SSE4.1.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/always_inline.h"

namespace octet {
namespace {

// a * b + c, rounded once, two lanes: f64 holds the product, and the sum rounded to odd, which rounds to f32 as the
// exact sum does (Boldo and Melquiond 2008, doi:10.1109/TC.2007.70819).
OCTET_INLINE __m128d fmadd_to_odd(__m128d a, __m128d b, __m128d c) {
  const __m128d product = _mm_mul_pd(a, b), sum = _mm_add_pd(product, c);
  const __m128d part = _mm_sub_pd(sum, product);
  const __m128d error = _mm_add_pd(_mm_sub_pd(product, _mm_sub_pd(sum, part)), _mm_sub_pd(c, part));
  // The neighbour on the error's side, where there is an error and the sum is even.
  const __m128i one = _mm_set1_epi64x(1), bits = _mm_castpd_si128(sum);
  const __m128i opposite = _mm_xor_si128(bits, _mm_castpd_si128(error));
  const __m128i is_opposite = _mm_srai_epi32(_mm_shuffle_epi32(opposite, _MM_SHUFFLE(3, 3, 1, 1)), 31);
  const __m128i step = _mm_or_si128(is_opposite, one);  // -1 or 1
  const __m128i is_even = _mm_cmpeq_epi64(_mm_and_si128(bits, one), _mm_setzero_si128());
  const __m128d zero = _mm_setzero_pd();  // an infinite sum has an error that is NaN, and stays
  const __m128i is_inexact = _mm_castpd_si128(_mm_or_pd(_mm_cmplt_pd(error, zero), _mm_cmpgt_pd(error, zero)));
  return _mm_castsi128_pd(_mm_add_epi64(bits, _mm_and_si128(step, _mm_and_si128(is_even, is_inexact))));
}

struct VectorsSse41 {
  using Int = __m128i;
  using Float = __m128;
  static constexpr int kLanes = 4;

  // sum += s16 * s16, two products a lane. In assembly, so that all sums of a tile stay in registers.
  static OCTET_INLINE void add_products(Int& sum, Int a, Int b) {
    Int products;
#if defined(__AVX__)
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=x"(products) : "x"(a), "x"(b));
#else
    asm("movdqa %2, %1\n\tpmaddwd %3, %1\n\tpaddd %1, %0" : "+x"(sum), "=&x"(products) : "x"(a), "x"(b));
#endif
  }

  static OCTET_INLINE Int load(const int32_t* from) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(from));
  }
  static OCTET_INLINE Int load(const int16_t* from) {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(from));
  }
  static OCTET_INLINE Float load(const float* from) {
    return _mm_load_ps(from);
  }
  static OCTET_INLINE void store(float* to, Float v) {
    _mm_store_ps(to, v);
  }
  static OCTET_INLINE Int set1(int32_t value) {
    return _mm_set1_epi32(value);
  }
  static OCTET_INLINE Float set1(float value) {
    return _mm_set1_ps(value);
  }
  static OCTET_INLINE Int add(Int a, Int b) {
    return _mm_add_epi32(a, b);
  }
  static OCTET_INLINE Int sub(Int a, Int b) {
    return _mm_sub_epi32(a, b);
  }
  static OCTET_INLINE Float add(Float a, Float b) {
    return _mm_add_ps(a, b);
  }
  static OCTET_INLINE Float mul(Float a, Float b) {
    return _mm_mul_ps(a, b);
  }
  static OCTET_INLINE Float min(Float a, Float b) {
    return _mm_min_ps(a, b);
  }
  static OCTET_INLINE Float max(Float a, Float b) {
    return _mm_max_ps(a, b);
  }
  static OCTET_INLINE Float to_float(Int v) {
    return _mm_cvtepi32_ps(v);
  }
  static OCTET_INLINE Int round(Float v) {
    return _mm_cvtps_epi32(v);
  }

  static OCTET_INLINE Float fmadd(Float a, Float b, Float c) {
    const auto half = [](Float x, Float y, Float z) __attribute__((always_inline)) {
      return _mm_cvtpd_ps(fmadd_to_odd(_mm_cvtps_pd(x), _mm_cvtps_pd(y), _mm_cvtps_pd(z)));
    };
    const auto high = [](Float v) __attribute__((always_inline)) {
      return _mm_movehl_ps(v, v);
    };
    return _mm_movelh_ps(half(a, b, c), half(high(a), high(b), high(c)));
  }

  static OCTET_INLINE void store(int16_t* to, Int v) {
    _mm_store_si128(reinterpret_cast<__m128i*>(to), v);
  }
  // From a byte of `a` and one of `b` for each channel to pairs of s16, in the order of a ChannelBlock.
  static OCTET_INLINE void widen_pairs(Int a, Int b, Int (&r)[4]) {
    const Int zero = _mm_setzero_si128();
    const Int low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    r[0] = _mm_unpacklo_epi8(low, zero);
    r[1] = _mm_unpackhi_epi8(low, zero);
    r[2] = _mm_unpacklo_epi8(high, zero);
    r[3] = _mm_unpackhi_epi8(high, zero);
  }

  // The channels of a pixel are in order already.
  template <int kVectors>
  static OCTET_INLINE Int pack(const Int (&r)[4]) {
    return _mm_packus_epi16(_mm_packs_epi32(r[0], r[1]), _mm_packs_epi32(r[2], r[3]));
  }

  template <int kVectors>
  static OCTET_INLINE void unpack(Int bytes, Int (&r)[4]) {
    r[0] = _mm_cvtepu8_epi32(bytes);
    r[1] = _mm_cvtepu8_epi32(_mm_srli_si128(bytes, 4));
    r[2] = _mm_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    r[3] = _mm_cvtepu8_epi32(_mm_srli_si128(bytes, 12));
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE Int load_pixels(const uint8_t* from, int64_t step, int64_t count) {
    constexpr int kWidth = kVectors * kLanes;
    alignas(16) uint8_t pixels[16] = {};
    for (int p = 0; p < kPixels; ++p) copy<kWidth>(pixels + p * kWidth, from + p * step, count);
    return _mm_load_si128(reinterpret_cast<const __m128i*>(pixels));
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE void store_pixels(uint8_t* to, int64_t step, int64_t count, Int bytes) {
    constexpr int kWidth = kVectors * kLanes;
    alignas(16) uint8_t pixels[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(pixels), bytes);
    for (int p = 0; p < kPixels; ++p) copy<kWidth>(to + p * step, pixels + p * kWidth, count);
  }

 private:
  // A load and a store, no call, where the pixel is whole.
  template <int kWidth>
  static OCTET_INLINE void copy(uint8_t* to, const uint8_t* from, int64_t count) {
    if (count == kWidth) {
      std::memcpy(to, from, kWidth);
    } else {
      std::memcpy(to, from, static_cast<size_t>(count));
    }
  }
};

}  // namespace
}  // namespace octet
