// The tile kernel of dense convolutions, compiled once per ISA: up to 24 vectors of s32 sums, fed from one load of each
// vector of weights and one broadcast of each pixel's step.
//
// V names the ISA's vectors as for tile_epilogue.h, and
//   add_products          sum += the products of a step, in each lane
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/always_inline.h"
#include "kernels/conv2d/dense.h"
#include "kernels/conv2d/tile_epilogue.h"

namespace octet {
namespace {

// Pixels of a tile are addressed in threes: base, base + step and base + 2 * step are one register and two.
constexpr int kPixelsPerBase = 3;

// kPixels pixels from strip.src and strip.dst on.
template <class V, int kVectors, int kPixels, int kEpilogue>
OCTET_INLINE void run_tile(const DenseStrip& strip, int64_t pixel, const int8_t* ahead, const ChannelBlock& block,
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

  store_tile<V, kVectors, kPixels, kEpilogue>(sums, block, numbers.epilogue,
                                              {strip.dst, strip.dst_step, strip.residual}, pixel);
}

// Where a strip stands.
struct Position {
  int64_t pixel;
  const int8_t* ahead;
};

// Tiles, as many as fit before `end`. Not inlined: compilers place registers well only in small functions.
template <class V, int kVectors, int kPixels, int kEpilogue>
__attribute__((noinline)) void run_tiles(const DenseStrip& strip, Position& at, int64_t end, const ChannelBlock& block,
                                         const DenseNumbers& numbers) {
  for (; at.pixel + kPixels <= end; at.pixel += kPixels) {
    const bool fetches = at.ahead < strip.ahead_end;
    run_tile<V, kVectors, kPixels, kEpilogue>(strip, at.pixel, fetches ? at.ahead : strip.weights, block, numbers);
    at.ahead += strip.runs * numbers.steps * 64;
  }
}

// The rest of a strip, by ever smaller tiles: each size there is, or (kHalves) powers of two.
template <class V, int kVectors, int kPixels, bool kHalves>
void run_tail(const DenseStrip& strip, Position& at, const ChannelBlock& block, const DenseNumbers& numbers) {
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
void run_strip(const DenseStrip& strip, const ChannelBlock& block, const DenseNumbers& numbers) {
  const int64_t tail = strip.pixels % kPixels;
  const bool shares = tail > 0 && tail < kMinTail && strip.pixels > kPixels;
  const int64_t end = strip.pixels - tail - (shares ? kPixels : 0);
  Position at{0, strip.ahead};
  const int kind = simple_kind(numbers.epilogue, strip.residual != nullptr);
  const auto tiles =
      numbers.epilogue.is_simple ? kSimpleTiles<V, kVectors, kPixels>[kind] : run_tiles<V, kVectors, kPixels, kGeneral>;
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
