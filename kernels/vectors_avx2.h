// The vectors of the tile kernels (conv2d, matmul) where the CPU has AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/always_inline.h"

namespace octet {
namespace {

struct VectorsAvx2 {
  using Int = __m256i;
  using Float = __m256;
  static constexpr int kLanes = 8;

  // sum += s16 * s16, two products a lane. In assembly, so that all sums of a tile stay in registers.
  static OCTET_INLINE void add_products(Int& sum, Int a, Int b) {
    Int products;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=x"(products) : "x"(a), "x"(b));
  }

  static OCTET_INLINE Int load(const int32_t* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static OCTET_INLINE Int load(const int16_t* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static OCTET_INLINE Float load(const float* from) { return _mm256_load_ps(from); }
  static OCTET_INLINE void store(float* to, Float v) { _mm256_store_ps(to, v); }
  static OCTET_INLINE Int set1(int32_t value) { return _mm256_set1_epi32(value); }
  static OCTET_INLINE Float set1(float value) { return _mm256_set1_ps(value); }
  static OCTET_INLINE Int add(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static OCTET_INLINE Int sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static OCTET_INLINE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static OCTET_INLINE Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static OCTET_INLINE Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static OCTET_INLINE Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static OCTET_INLINE Float fmadd(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static OCTET_INLINE Float to_float(Int v) { return _mm256_cvtepi32_ps(v); }
  static OCTET_INLINE Int round(Float v) { return _mm256_cvtps_epi32(v); }

  static OCTET_INLINE void store(int16_t* to, Int v) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), v); }
  // From a byte of `a` and one of `b` for each channel to pairs of s16, in the order of a ChannelBlock.
  static OCTET_INLINE void widen_pairs(Int a, Int b, Int (&r)[4]) {
    const Int zero = _mm256_setzero_si256();
    const Int low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
    r[0] = _mm256_unpacklo_epi8(low, zero);
    r[1] = _mm256_unpackhi_epi8(low, zero);
    r[2] = _mm256_unpacklo_epi8(high, zero);
    r[3] = _mm256_unpackhi_epi8(high, zero);
  }

  template <int kVectors>
  static OCTET_INLINE Int pack(const Int (&r)[4]) {
    const Int bytes = _mm256_packus_epi16(_mm256_packs_epi32(r[0], r[1]), _mm256_packs_epi32(r[2], r[3]));
    if constexpr (kVectors == 4) {
      return bytes;
    } else if constexpr (kVectors == 2) {
      return _mm256_permute4x64_epi64(bytes, 0b11'01'10'00);
    } else {
      return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
  }

  template <int kVectors>
  static OCTET_INLINE void unpack(Int bytes, Int (&r)[4]) {
    if constexpr (kVectors == 2) {
      bytes = _mm256_permute4x64_epi64(bytes, 0b11'01'10'00);
    } else if constexpr (kVectors == 1) {
      bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    }
    const Int zero = _mm256_setzero_si256();
    const Int low = _mm256_unpacklo_epi8(bytes, zero), high = _mm256_unpackhi_epi8(bytes, zero);
    r[0] = _mm256_unpacklo_epi16(low, zero);
    r[1] = _mm256_unpackhi_epi16(low, zero);
    r[2] = _mm256_unpacklo_epi16(high, zero);
    r[3] = _mm256_unpackhi_epi16(high, zero);
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE Int load_pixels(const uint8_t* from, int64_t step, int64_t count) {
    constexpr int kWidth = kVectors * kLanes;
    if (count == 32 && kWidth == 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    if (count == kWidth && kWidth == 16) {
      const auto load16 = [](const uint8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); };
      return _mm256_setr_m128i(load16(from), kPixels > 1 ? load16(from + step) : _mm_setzero_si128());
    }
    alignas(32) uint8_t pixels[32] = {};
    const auto bytes = static_cast<size_t>(count);
    for (int p = 0; p < kPixels; ++p) std::memcpy(pixels + p * kWidth, from + p * step, bytes);
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(pixels));
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE void store_pixels(uint8_t* to, int64_t step, int64_t count, Int bytes) {
    constexpr int kWidth = kVectors * kLanes;
    if (count == 32 && kWidth == 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
      return;
    }
    if (count == kWidth && kWidth == 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(bytes));
      if (kPixels > 1) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + step), _mm256_extracti128_si256(bytes, 1));
      return;
    }
    alignas(32) uint8_t pixels[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(pixels), bytes);
    if (count == 8 && kWidth == 8) {
      for (int p = 0; p < kPixels; ++p) std::memcpy(to + p * step, pixels + p * kWidth, 8);
    } else {
      for (int p = 0; p < kPixels; ++p) {
        std::memcpy(to + p * step, pixels + p * kWidth, static_cast<size_t>(count));
      }
    }
  }
};

}  // namespace
}  // namespace octet
