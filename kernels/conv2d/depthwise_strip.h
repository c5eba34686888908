// The kernel of depthwise convolutions on pairs of taps, compiled once per ISA.
//
// V names the ISA's vectors as for tile_epilogue.h, and
//   add_products   sum += the products of a pair, in each lane
//   widen_pairs    bytes of two pixels to 4 vectors of pairs of s16, in the order of a ChannelBlock
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/always_inline.h"
#include "kernels/conv2d/depthwise.h"
#include "kernels/conv2d/tile_epilogue.h"

namespace octet {
namespace {

// s16 of a column of pairs.
template <class V>
constexpr int64_t kPairs = int64_t{4} * V::kLanes * 2;

// Pairs of pixel x of row a and pixel x + shift of row b, for each step-th x from `first` on; rows may be null:
// outside.
template <class V>
OCTET_INLINE void widen_plane(const DepthwiseStrip& strip, const DepthwiseNumbers& numbers, const uint8_t* a,
                              const uint8_t* b, int64_t shift, int64_t columns, int64_t step, int64_t count,
                              int16_t* to) {
  const auto pixel = [&](const uint8_t* row, int64_t x) __attribute__((always_inline)) {
    const bool inside = row != nullptr && x >= 0 && x < numbers.w;
    return V::template load_pixels<4, 1>(inside ? row + x * numbers.channels : strip.pad, 0, count);
  };
  for (int64_t i = 0; i < columns; i += step) {
    typename V::Int pairs[4];
    V::widen_pairs(pixel(a, strip.x + i), pixel(b, strip.x + i + shift), pairs);
    unroll<4>([&](auto q)
                  __attribute__((always_inline)) { V::store(to + i * kPairs<V> + q * V::kLanes * 2, pairs[q]); });
  }
}

// The columns that `columns` of each plane need.
template <class V, bool kFull>
__attribute__((noinline)) void widen(const DepthwiseStrip& strip, const DepthwiseNumbers& numbers, int64_t columns,
                                     int64_t channels) {
  const int64_t count = kFull ? 4 * V::kLanes : channels;
  const auto row = [&](int64_t i) {
    const int64_t y = strip.y + i * numbers.dilation_h;
    return y >= 0 && y < numbers.h ? strip.src + y * numbers.w * numbers.channels : nullptr;
  };
  int16_t* to = strip.pairs;
  int64_t i = 0;
  for (; i + 1 < numbers.kh; i += 2, to += numbers.columns * kPairs<V>) {
    widen_plane<V>(strip, numbers, row(i), row(i + 1), 0, columns, numbers.pair_step, count, to);
  }
  if (i < numbers.kh) {
    widen_plane<V>(strip, numbers, row(i), row(i), numbers.dilation_w, columns, numbers.last_step, count, to);
  }
}

// kPixels pixels from number `pixel` on.
template <class V, int kPixels, int kEpilogue>
OCTET_INLINE void run_tile(const DepthwiseStrip& strip, int64_t pixel, const ChannelBlock& block,
                           const DepthwiseNumbers& numbers) {
  typename V::Int sums[kPixels][4];
  unroll<4>([&](auto q) __attribute__((always_inline)) {
    const auto start = V::load(block.start + q * V::kLanes);
    unroll<kPixels>([&](auto p) __attribute__((always_inline)) { sums[p][q] = start; });
  });
  const int64_t pixel_step = numbers.stride_w * kPairs<V>;
  const int16_t* pairs = strip.pairs + pixel * pixel_step;
  const int16_t* taps = strip.taps;
  for (int64_t step = 0; step < numbers.step_count; ++step) {
    const int16_t* at = pairs + numbers.steps[step] * kPairs<V>;
    unroll<4>([&](auto q) __attribute__((always_inline)) {
      const auto weights = V::load(taps + q * V::kLanes * 2);
      unroll<kPixels>([&](auto p) __attribute__((always_inline)) {
        V::add_products(sums[p][q], V::load(at + p * pixel_step + q * V::kLanes * 2), weights);
      });
    });
    taps += kPairs<V>;
  }
  store_tile<V, 4, kPixels, kEpilogue>(sums, block, numbers.epilogue, {strip.dst, numbers.channels, strip.residual},
                                       pixel);
}

// Tiles, as many as fit, then the rest in ever smaller ones. Not inlined: compilers place registers well only in small
// functions.
template <class V, int kPixels, int kEpilogue>
__attribute__((noinline)) void run_tiles(const DepthwiseStrip& strip, int64_t pixel, const ChannelBlock& block,
                                         const DepthwiseNumbers& numbers) {
  for (; pixel + kPixels <= strip.pixels; pixel += kPixels) {
    run_tile<V, kPixels, kEpilogue>(strip, pixel, block, numbers);
  }
  if constexpr (kPixels > 1) {
    if (pixel < strip.pixels) run_tiles<V, kPixels - 1, kEpilogue>(strip, pixel, block, numbers);
  }
}

template <class V, int kPixels>
void run_strip(const DepthwiseStrip& strip, const ChannelBlock& block, const DepthwiseNumbers& numbers) {
  const int64_t wanted = (strip.pixels - 1) * numbers.stride_w + numbers.window_columns;
  const int64_t columns = wanted < numbers.columns ? wanted : numbers.columns;
  block.count == 4 * V::kLanes ? widen<V, true>(strip, numbers, columns, block.count)
                               : widen<V, false>(strip, numbers, columns, block.count);
  if (!numbers.epilogue.is_simple || strip.residual != nullptr) {
    run_tiles<V, kPixels, kGeneral>(strip, 0, block, numbers);
  } else if (simple_kind(numbers.epilogue, false) == kZeroPoint) {
    run_tiles<V, kPixels, kZeroPoint>(strip, 0, block, numbers);
  } else {
    run_tiles<V, kPixels, kSimple>(strip, 0, block, numbers);
  }
}

}  // namespace
}  // namespace octet
