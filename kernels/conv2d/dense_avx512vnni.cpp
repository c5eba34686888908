// The tile kernel of dense convolutions: up to 24 vectors of s32 sums, fed by vpdpbusd from one load of each vector of
// weights and one broadcast of each pixel's quadruple.
#include <immintrin.h>

#include <utility>

#include "kernels/always_inline.h"
#include "kernels/conv2d/dense.h"

namespace octet {
namespace {

// Pixels of a tile are addressed in threes: base, base + step and base + 2 * step are one register and two.
constexpr int kPixelsPerBase = 3;

// f(0), f(1), ... f(kCount - 1) with constants for numbers: arrays that are only indexed so live in registers.
template <int kCount, class F>
OCTET_INLINE void unroll(const F& f) {
  [&]<int... kI>(std::integer_sequence<int, kI...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, kI>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

// sum += u8 * s8, four products a lane. In assembly: given the intrinsic, GCC 12 leaves half of the registers unused
// and the sums in memory, which takes 2.5 times as long.
OCTET_INLINE void add_products(__m512i& sum, __m512i u, __m512i s) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
}

// Four vectors of 16 results as bytes in the order of the channels: kVectors of them belong to a pixel.
template <int kVectors>
OCTET_INLINE __m512i pack(const __m512i (&r)[4]) {
  const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(r[0], r[1]), _mm512_packs_epi32(r[2], r[3]));
  if constexpr (kVectors == 4) {
    return bytes;
  } else if constexpr (kVectors == 3) {
    return _mm512_maskz_compress_epi32(0x7777, bytes);
  } else if constexpr (kVectors == 2) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
  } else {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, bytes);
  }
}

// The inverse for u8: four vectors of s32 from up to 4 / kVectors pixels of 16 * kVectors bytes.
template <int kVectors>
OCTET_INLINE void unpack(__m512i bytes, __m512i (&r)[4]) {
  if constexpr (kVectors == 3) {
    bytes = _mm512_maskz_expand_epi32(0x7777, bytes);
  } else if constexpr (kVectors == 2) {
    bytes = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), bytes);
  } else if constexpr (kVectors == 1) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    bytes = _mm512_permutexvar_epi32(order, bytes);
  }
  const __m512i zero = _mm512_setzero_si512();
  const __m512i low = _mm512_unpacklo_epi8(bytes, zero);
  const __m512i high = _mm512_unpackhi_epi8(bytes, zero);
  r[0] = _mm512_unpacklo_epi16(low, zero);
  r[1] = _mm512_unpackhi_epi16(low, zero);
  r[2] = _mm512_unpacklo_epi16(high, zero);
  r[3] = _mm512_unpackhi_epi16(high, zero);
}

// What is done to sums, chosen once per strip: general does everything that the numbers ask for.
enum Epilogue { kSimple = 0, kResidual = 1, kZeroPoint = 2, kGeneral = 4 };

OCTET_INLINE __m512 add_residual(__m512 scaled, __m512i residual, const Requantization& r) {
  const __m512i offset = _mm512_sub_epi32(residual, _mm512_set1_epi32(r.residual_zero_point));
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(offset), _mm512_set1_ps(r.residual_scale), scaled);
}

OCTET_INLINE __m512 scale(__m512i sum, const DenseBlock& block, int quad, bool bias_in_sum) {
  const __m512 multiplier = _mm512_load_ps(block.multiplier + quad * 16);
#if OCTET_ONEDNN_MAJOR >= 3
  (void)bias_in_sum;
  return _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), multiplier), _mm512_load_ps(block.bias + quad * 16));
#else
  __m512 scaled = _mm512_cvtepi32_ps(sum);
  if (!bias_in_sum) scaled = _mm512_add_ps(scaled, _mm512_load_ps(block.bias + quad * 16));
  return _mm512_mul_ps(scaled, multiplier);
#endif
}

OCTET_INLINE __m512 clamp(__m512 scaled, const Requantization& r) {
  return _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(r.clamp_min)), _mm512_set1_ps(r.clamp_max));
}

template <int kEpilogue>
OCTET_INLINE __m512i requantize(__m512i sum, const DenseBlock& block, int quad, const Requantization& r,
                                const __m512i* residual) {
  __m512 scaled = scale(sum, block, quad, kEpilogue < kGeneral);
  if (residual != nullptr) scaled = add_residual(scaled, *residual, r);
  const __m512 zero_point = _mm512_set1_ps(static_cast<float>(r.dst_zero_point));
  if constexpr (kEpilogue & kZeroPoint) scaled = _mm512_add_ps(scaled, zero_point);
  if constexpr (kEpilogue == kGeneral) {
    // Below 0 the packs saturate; above 255 they would too, but not above 2^31, where conversion fails.
    scaled = _mm512_min_ps(_mm512_add_ps(clamp(scaled, r), zero_point), _mm512_set1_ps(255.0F));
  }
  return _mm512_cvtps_epi32(scaled);
}

// The f32 results of one pixel: a group of four lanes holds four neighbouring channels.
template <int kVectors>
OCTET_INLINE void store_f32(const __m512i (&sums)[kVectors], const DenseBlock& block, const Requantization& r,
                            float* dst) {
  alignas(64) float lanes[kVectors][16];
  unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
    _mm512_store_ps(lanes[q], clamp(scale(sums[q], block, q, false), r));
  });
  for (int64_t channel = 0; channel < block.count; ++channel) {
    const int64_t group = channel / (4 * kVectors), q = channel / 4 % kVectors;
    dst[channel] = lanes[q][group * 4 + channel % 4];
  }
}

// kPixels pixels from strip.src and strip.dst on.
template <int kVectors, int kPixels, int kEpilogue>
OCTET_INLINE void run_tile(const DenseStrip& strip, int64_t pixel, const int8_t* ahead, const DenseBlock& block,
                           const DenseNumbers& numbers) {
  constexpr int kBases = (kPixels + kPixelsPerBase - 1) / kPixelsPerBase;
  __m512i sums[kPixels][kVectors];
  unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
    const __m512i start = _mm512_load_si512(block.start + q * 16);
    unroll<kPixels>([&](auto p) __attribute__((always_inline)) { sums[p][q] = start; });
  });
  const int64_t step = strip.src_step;
  const uint8_t* run = strip.src + pixel * step;
  const int8_t* weights = strip.weights;
  for (int64_t i = 0; i < strip.runs; ++i, run += numbers.run_step) {
    const uint8_t* bases[kBases];
    unroll<kBases>([&](auto b) __attribute__((always_inline)) { bases[b] = run + b * kPixelsPerBase * step; });
    for (int64_t k = 0; k < numbers.quadruples; ++k) {
      __m512i w[kVectors];
      unroll<kVectors>([&](auto q) __attribute__((always_inline)) { w[q] = _mm512_load_si512(weights + q * 64); });
      weights += kVectors * 64;
      _mm_prefetch(ahead, _MM_HINT_T1);
      ahead += 64;
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        int32_t taps;
        __builtin_memcpy(&taps, bases[p / kPixelsPerBase] + p % kPixelsPerBase * step, 4);
        const __m512i broadcast = _mm512_set1_epi32(taps);
        unroll<kVectors>([&](auto q) __attribute__((always_inline)) { add_products(sums[p][q], broadcast, w[q]); });
      });
      unroll<kBases>([&](auto b) __attribute__((always_inline)) { bases[b] += 4; });
    }
  }

  if constexpr (kEpilogue == kGeneral) {
    if (numbers.to_f32) {
      float* dst = reinterpret_cast<float*>(strip.dst) + pixel * strip.dst_step;
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        store_f32(sums[p], block, numbers.requantization, dst + p * strip.dst_step);
      });
      return;
    }
  }
  constexpr int kGroup = 4 / kVectors;  // pixels packed at once
  const __mmask64 channels = block.count == 64 ? ~uint64_t{0} : (uint64_t{1} << block.count) - 1;
  const bool adds = kEpilogue == kGeneral ? strip.residual != nullptr : (kEpilogue & kResidual) != 0;
  unroll<(kPixels + kGroup - 1) / kGroup>([&](auto group) __attribute__((always_inline)) {
    constexpr int kFirst = group * kGroup;
    constexpr int kCount = kFirst + kGroup <= kPixels ? kGroup : kPixels - kFirst;
    const int64_t offset = (pixel + kFirst) * strip.dst_step;
    __m512i old[4];
    if (adds) {
      __m512i bytes = _mm512_setzero_si512();
      unroll<kCount>([&](auto g) __attribute__((always_inline)) {
        const uint8_t* at = strip.residual + offset + g * strip.dst_step;
        bytes = _mm512_mask_loadu_epi8(bytes, channels << (g * kVectors * 16), at - g * kVectors * 16);
      });
      unpack<kVectors>(bytes, old);
    }
    __m512i rounded[4];
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      constexpr int kPixel = kFirst + i / kVectors, kQuad = i % kVectors;
      if constexpr (kPixel >= kPixels || i >= kGroup * kVectors) {
        rounded[i] = _mm512_setzero_si512();
      } else {
        rounded[i] =
            requantize<kEpilogue>(sums[kPixel][kQuad], block, kQuad, numbers.requantization, adds ? &old[i] : nullptr);
      }
    });
    const __m512i bytes = pack<kVectors>(rounded);
    unroll<kCount>([&](auto g) __attribute__((always_inline)) {
      uint8_t* at = strip.dst + offset + g * strip.dst_step;
      _mm512_mask_storeu_epi8(at - g * kVectors * 16, channels << (g * kVectors * 16), bytes);
    });
  });
}

// Where a strip stands.
struct Position {
  int64_t pixel;
  const int8_t* ahead;
};

// Tiles, as many as fit before `end`. Not inlined: compilers place registers well only in small functions.
template <int kVectors, int kPixels, int kEpilogue>
__attribute__((noinline)) void run_tiles(const DenseStrip& strip, Position& at, int64_t end, const DenseBlock& block,
                                         const DenseNumbers& numbers) {
  for (; at.pixel + kPixels <= end; at.pixel += kPixels) {
    const bool fetches = at.ahead < strip.ahead_end;
    run_tile<kVectors, kPixels, kEpilogue>(strip, at.pixel, fetches ? at.ahead : strip.weights, block, numbers);
    at.ahead += strip.runs * numbers.quadruples * 64;
  }
}

// The rest of a strip, by ever smaller tiles.
template <int kVectors, int kPixels>
void run_tail(const DenseStrip& strip, Position& at, const DenseBlock& block, const DenseNumbers& numbers) {
  if constexpr (kPixels > 0) {
    if (at.pixel + kPixels <= strip.pixels) {
      run_tiles<kVectors, kPixels, kGeneral>(strip, at, at.pixel + kPixels, block, numbers);
    }
    run_tail<kVectors, kVectors >= 3 ? kPixels - 1 : kPixels / 2>(strip, at, block, numbers);
  }
}

template <int kVectors, int kPixels>
constexpr decltype(&run_tiles<kVectors, kPixels, kGeneral>) kSimpleTiles[] = {
    run_tiles<kVectors, kPixels, kSimple>, run_tiles<kVectors, kPixels, kResidual>,
    run_tiles<kVectors, kPixels, kZeroPoint>, run_tiles<kVectors, kPixels, kZeroPoint | kResidual>};

// Whole tiles, of which the last one shares its pixels with a tail of fewer than kMinTail: sums of so few pixels wait
// for one another.
template <int kVectors, int kPixels, int kMinTail>
void run_strip(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers) {
  const int64_t tail = strip.pixels % kPixels;
  const bool shares = tail > 0 && tail < kMinTail && strip.pixels > kPixels;
  const int64_t end = strip.pixels - tail - (shares ? kPixels : 0);
  Position at{0, strip.ahead};
  const size_t epilogue =
      (strip.residual != nullptr ? kResidual : 0) | (numbers.requantization.dst_zero_point != 0 ? kZeroPoint : 0);
  const auto tiles =
      numbers.is_simple ? kSimpleTiles<kVectors, kPixels>[epilogue] : run_tiles<kVectors, kPixels, kGeneral>;
  tiles(strip, at, end, block, numbers);
  if constexpr (kMinTail > 1) {
    constexpr int kShared = (kPixels + kMinTail) / 2;
    if (shares) run_tiles<kVectors, kShared, kGeneral>(strip, at, at.pixel + kShared, block, numbers);
  }
  run_tail<kVectors, kVectors >= 3 ? kPixels - 1 : 8>(strip, at, block, numbers);
}

}  // namespace

void dense_strip_avx512vnni(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers) {
  switch (block.width) {
    case 64:
      return run_strip<4, 6, 3>(strip, block, numbers);
    case 48:
      return run_strip<3, 7, 1>(strip, block, numbers);
    case 32:
      return run_strip<2, 12, 4>(strip, block, numbers);
    default:
      return run_strip<1, 16, 8>(strip, block, numbers);
  }
}

}  // namespace octet
