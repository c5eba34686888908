// The tile kernel of dense convolutions, compiled once per ISA: up to 24 vectors of s32 sums, fed from one load of each
// vector of weights and one broadcast of each pixel's step.
//
// V names the ISA's vectors:
//   Int, Float            of kLanes s32 or f32
//   add_products          sum += the products of a step, in each lane
//   pack, unpack          4 vectors of s32 to and from a vector of bytes, whose order is that of DenseBlock's channels
//   load, store           up to 4 / kVectors pixels of `count` channels each, side by side in a vector of bytes
//   and what is called as the intrinsics that it is.
#pragma once

#include <immintrin.h>

#include <cstdint>
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

// What is done to sums, chosen once per strip: general does everything that the numbers ask for.
enum Epilogue { kSimple = 0, kResidual = 1, kZeroPoint = 2, kGeneral = 4 };

template <class V>
OCTET_INLINE typename V::Float add_residual(typename V::Float scaled, typename V::Int residual,
                                            const Requantization& r) {
  const auto offset = V::sub(residual, V::set1(r.residual_zero_point));
  return V::fmadd(V::to_float(offset), V::set1(r.residual_scale), scaled);
}

template <class V>
OCTET_INLINE typename V::Float scale(typename V::Int sum, const DenseBlock& block, int vector, bool bias_in_sum) {
  const auto multiplier = V::load(block.multiplier + vector * V::kLanes);
#if OCTET_ONEDNN_MAJOR >= 3
  (void)bias_in_sum;
  return V::add(V::mul(V::to_float(sum), multiplier), V::load(block.bias + vector * V::kLanes));
#else
  auto scaled = V::to_float(sum);
  if (!bias_in_sum) scaled = V::add(scaled, V::load(block.bias + vector * V::kLanes));
  return V::mul(scaled, multiplier);
#endif
}

template <class V>
OCTET_INLINE typename V::Float clamp(typename V::Float scaled, const Requantization& r) {
  return V::min(V::max(scaled, V::set1(r.clamp_min)), V::set1(r.clamp_max));
}

template <class V, int kEpilogue>
OCTET_INLINE typename V::Int requantize(typename V::Int sum, const DenseBlock& block, int vector,
                                        const Requantization& r, const typename V::Int* residual) {
  auto scaled = scale<V>(sum, block, vector, kEpilogue < kGeneral);
  if (residual != nullptr) scaled = add_residual<V>(scaled, *residual, r);
  const auto zero_point = V::set1(static_cast<float>(r.dst_zero_point));
  if constexpr (kEpilogue & kZeroPoint) scaled = V::add(scaled, zero_point);
  if constexpr (kEpilogue == kGeneral) {
    // Below 0 the packs saturate; above 255 they would too, but not above 2^31, where conversion fails.
    scaled = V::min(V::add(clamp<V>(scaled, r), zero_point), V::set1(255.0F));
  }
  return V::round(scaled);
}

// The f32 results of one pixel: a group of four lanes holds four neighbouring channels.
template <class V, int kVectors>
OCTET_INLINE void store_f32(const typename V::Int (&sums)[kVectors], const DenseBlock& block, const Requantization& r,
                            float* dst) {
  alignas(64) float lanes[kVectors][V::kLanes];
  unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
    V::store(lanes[q], clamp<V>(scale<V>(sums[q], block, q, false), r));
  });
  for (int64_t channel = 0; channel < block.count; ++channel) {
    const int64_t group = channel / (4 * kVectors), q = channel / 4 % kVectors;
    dst[channel] = lanes[q][group * 4 + channel % 4];
  }
}

// kPixels pixels from strip.src and strip.dst on.
template <class V, int kVectors, int kPixels, int kEpilogue>
OCTET_INLINE void run_tile(const DenseStrip& strip, int64_t pixel, const int8_t* ahead, const DenseBlock& block,
                           const DenseNumbers& numbers) {
  using Int = typename V::Int;
  constexpr int kBases = (kPixels + kPixelsPerBase - 1) / kPixelsPerBase;
  Int sums[kPixels][kVectors];
  unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
    const Int start = V::load(block.start + q * V::kLanes);
    unroll<kPixels>([&](auto p) __attribute__((always_inline)) { sums[p][q] = start; });
  });
  const int64_t step = strip.src_step;
  const uint8_t* run = strip.src + pixel * step;
  const int8_t* weights = strip.weights;
  for (int64_t i = 0; i < strip.runs; ++i, run += numbers.run_step) {
    const uint8_t* bases[kBases];
    unroll<kBases>([&](auto b) __attribute__((always_inline)) { bases[b] = run + b * kPixelsPerBase * step; });
    for (int64_t k = 0; k < numbers.steps; ++k) {
      Int w[kVectors];
      unroll<kVectors>([&](auto q) __attribute__((always_inline)) {
        w[q] = V::load(reinterpret_cast<const int32_t*>(weights) + q * V::kLanes);
      });
      weights += kVectors * V::kLanes * 4;
      _mm_prefetch(ahead, _MM_HINT_T1);
      ahead += 64;
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        int32_t taps;
        __builtin_memcpy(&taps, bases[p / kPixelsPerBase] + p % kPixelsPerBase * step, 4);
        const Int broadcast = V::set1(taps);
        unroll<kVectors>([&](auto q) __attribute__((always_inline)) { V::add_products(sums[p][q], broadcast, w[q]); });
      });
      unroll<kBases>([&](auto b) __attribute__((always_inline)) { bases[b] += 4; });
    }
  }

  if constexpr (kEpilogue == kGeneral) {
    if (numbers.to_f32) {
      float* dst = reinterpret_cast<float*>(strip.dst) + pixel * strip.dst_step;
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        store_f32<V>(sums[p], block, numbers.requantization, dst + p * strip.dst_step);
      });
      return;
    }
  }
  constexpr int kGroup = 4 / kVectors;  // pixels packed at once
  const bool adds = kEpilogue == kGeneral ? strip.residual != nullptr : (kEpilogue & kResidual) != 0;
  unroll<(kPixels + kGroup - 1) / kGroup>([&](auto group) __attribute__((always_inline)) {
    constexpr int kFirst = group * kGroup;
    constexpr int kCount = kFirst + kGroup <= kPixels ? kGroup : kPixels - kFirst;
    const int64_t offset = (pixel + kFirst) * strip.dst_step;
    Int old[4];
    if (adds) {
      const Int bytes = V::template load_pixels<kVectors, kCount>(strip.residual + offset, strip.dst_step, block.count);
      V::template unpack<kVectors>(bytes, old);
    }
    Int rounded[4];
    unroll<4>([&](auto i) __attribute__((always_inline)) {
      constexpr int kPixel = kFirst + i / kVectors, kVector = i % kVectors;
      if constexpr (kPixel >= kPixels || i >= kGroup * kVectors) {
        rounded[i] = V::set1(0);
      } else {
        rounded[i] = requantize<V, kEpilogue>(sums[kPixel][kVector], block, kVector, numbers.requantization,
                                              adds ? &old[i] : nullptr);
      }
    });
    const Int bytes = V::template pack<kVectors>(rounded);
    V::template store_pixels<kVectors, kCount>(strip.dst + offset, strip.dst_step, block.count, bytes);
  });
}

// Where a strip stands.
struct Position {
  int64_t pixel;
  const int8_t* ahead;
};

// Tiles, as many as fit before `end`. Not inlined: compilers place registers well only in small functions.
template <class V, int kVectors, int kPixels, int kEpilogue>
__attribute__((noinline)) void run_tiles(const DenseStrip& strip, Position& at, int64_t end, const DenseBlock& block,
                                         const DenseNumbers& numbers) {
  for (; at.pixel + kPixels <= end; at.pixel += kPixels) {
    const bool fetches = at.ahead < strip.ahead_end;
    run_tile<V, kVectors, kPixels, kEpilogue>(strip, at.pixel, fetches ? at.ahead : strip.weights, block, numbers);
    at.ahead += strip.runs * numbers.steps * 64;
  }
}

// The rest of a strip, by ever smaller tiles: each size there is, or (kHalves) powers of two.
template <class V, int kVectors, int kPixels, bool kHalves>
void run_tail(const DenseStrip& strip, Position& at, const DenseBlock& block, const DenseNumbers& numbers) {
  if constexpr (kPixels > 0) {
    if (at.pixel + kPixels <= strip.pixels) {
      run_tiles<V, kVectors, kPixels, kGeneral>(strip, at, at.pixel + kPixels, block, numbers);
    }
    run_tail<V, kVectors, kHalves ? kPixels / 2 : kPixels - 1, kHalves>(strip, at, block, numbers);
  }
}

template <class V, int kVectors, int kPixels>
constexpr decltype(&run_tiles<V, kVectors, kPixels, kGeneral>) kSimpleTiles[] = {
    run_tiles<V, kVectors, kPixels, kSimple>, run_tiles<V, kVectors, kPixels, kResidual>,
    run_tiles<V, kVectors, kPixels, kZeroPoint>, run_tiles<V, kVectors, kPixels, kZeroPoint | kResidual>};

// Whole tiles, of which the last one shares its pixels with a tail of fewer than kMinTail: sums of so few pixels wait
// for one another, or for their weights.
template <class V, int kVectors, int kPixels, int kMinTail>
void run_strip(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers) {
  const int64_t tail = strip.pixels % kPixels;
  const bool shares = tail > 0 && tail < kMinTail && strip.pixels > kPixels;
  const int64_t end = strip.pixels - tail - (shares ? kPixels : 0);
  Position at{0, strip.ahead};
  const size_t epilogue =
      (strip.residual != nullptr ? kResidual : 0) | (numbers.requantization.dst_zero_point != 0 ? kZeroPoint : 0);
  const auto tiles =
      numbers.is_simple ? kSimpleTiles<V, kVectors, kPixels>[epilogue] : run_tiles<V, kVectors, kPixels, kGeneral>;
  tiles(strip, at, end, block, numbers);
  if constexpr (kMinTail > 1) {
    constexpr int kShared = (kPixels + kMinTail) / 2;
    if (shares) run_tiles<V, kVectors, kShared, kGeneral>(strip, at, at.pixel + kShared, block, numbers);
  }
  constexpr bool kHalves = kPixels > 8;
  run_tail<V, kVectors, kHalves ? 8 : kPixels - 1, kHalves>(strip, at, block, numbers);
}

}  // namespace
}  // namespace octet
