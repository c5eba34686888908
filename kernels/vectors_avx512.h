// The vectors of the tile kernels (conv2d, matmul) where the CPU has AVX-512 (F, BW, VL, DQ).
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/always_inline.h"

namespace octet {
namespace {

struct VectorsAvx512 {
  using Int = __m512i;
  using Float = __m512;
  static constexpr int kLanes = 16;

  // sum += s16 * s16, two products a lane. In assembly: given the intrinsic, GCC 12 leaves half of the registers unused
  // and the sums in memory, which takes 2.5 times as long.
  static OCTET_INLINE void add_products(__m512i& sum, __m512i a, __m512i b) {
    __m512i products;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sum), "=v"(products) : "v"(a), "v"(b));
  }

  static OCTET_INLINE Int load(const int32_t* from) { return _mm512_load_si512(from); }
  static OCTET_INLINE Int load(const int16_t* from) { return _mm512_load_si512(from); }
  static OCTET_INLINE Float load(const float* from) { return _mm512_load_ps(from); }
  static OCTET_INLINE void store(float* to, Float v) { _mm512_store_ps(to, v); }
  static OCTET_INLINE Int set1(int32_t value) { return _mm512_set1_epi32(value); }
  static OCTET_INLINE Float set1(float value) { return _mm512_set1_ps(value); }
  static OCTET_INLINE Int add(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static OCTET_INLINE Int sub(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static OCTET_INLINE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static OCTET_INLINE Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static OCTET_INLINE Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static OCTET_INLINE Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static OCTET_INLINE Float fmadd(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static OCTET_INLINE Float to_float(Int v) { return _mm512_cvtepi32_ps(v); }
  static OCTET_INLINE Int round(Float v) { return _mm512_cvtps_epi32(v); }

  static OCTET_INLINE void store(int16_t* to, Int v) { _mm512_store_si512(to, v); }
  // From a byte of `a` and one of `b` for each channel to pairs of s16, in the order of a ChannelBlock.
  static OCTET_INLINE void widen_pairs(Int a, Int b, Int (&r)[4]) {
    const Int zero = _mm512_setzero_si512();
    const Int low = _mm512_unpacklo_epi8(a, b), high = _mm512_unpackhi_epi8(a, b);
    r[0] = _mm512_unpacklo_epi8(low, zero);
    r[1] = _mm512_unpackhi_epi8(low, zero);
    r[2] = _mm512_unpacklo_epi8(high, zero);
    r[3] = _mm512_unpackhi_epi8(high, zero);
  }

  template <int kVectors>
  static OCTET_INLINE Int pack(const Int (&r)[4]) {
    const Int bytes = _mm512_packus_epi16(_mm512_packs_epi32(r[0], r[1]), _mm512_packs_epi32(r[2], r[3]));
    if constexpr (kVectors == 4) {
      return bytes;
    } else if constexpr (kVectors == 3) {
      return _mm512_maskz_compress_epi32(0x7777, bytes);
    } else if constexpr (kVectors == 2) {
      return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
    } else {
      return _mm512_permutexvar_epi32(transposed(), bytes);
    }
  }

  template <int kVectors>
  static OCTET_INLINE void unpack(Int bytes, Int (&r)[4]) {
    if constexpr (kVectors == 3) {
      bytes = _mm512_maskz_expand_epi32(0x7777, bytes);
    } else if constexpr (kVectors == 2) {
      bytes = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), bytes);
    } else if constexpr (kVectors == 1) {
      bytes = _mm512_permutexvar_epi32(transposed(), bytes);
    }
    const Int zero = _mm512_setzero_si512();
    const Int low = _mm512_unpacklo_epi8(bytes, zero), high = _mm512_unpackhi_epi8(bytes, zero);
    r[0] = _mm512_unpacklo_epi16(low, zero);
    r[1] = _mm512_unpackhi_epi16(low, zero);
    r[2] = _mm512_unpacklo_epi16(high, zero);
    r[3] = _mm512_unpackhi_epi16(high, zero);
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE Int load_pixels(const uint8_t* from, int64_t step, int64_t count) {
    constexpr int kWidth = kVectors * kLanes;
    Int bytes = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      bytes = _mm512_mask_loadu_epi8(bytes, channels(count) << (p * kWidth), from + p * step - p * kWidth);
    }
    return bytes;
  }

  template <int kVectors, int kPixels>
  static OCTET_INLINE void store_pixels(uint8_t* to, int64_t step, int64_t count, Int bytes) {
    constexpr int kWidth = kVectors * kLanes;
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      _mm512_mask_storeu_epi8(to + p * step - p * kWidth, channels(count) << (p * kWidth), bytes);
    }
  }

 private:
  static OCTET_INLINE __mmask64 channels(int64_t count) {
    return count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  }
  // A 4x4 matrix of groups of 4 bytes.
  static OCTET_INLINE Int transposed() {
    return _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  }
};

}  // namespace
}  // namespace octet
