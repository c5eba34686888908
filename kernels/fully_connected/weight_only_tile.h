// The tile kernel of layers whose weights alone are integers, compiled once per ISA.
//
// V names the ISA's vectors:
//   Float, kLanes, load, store, set1, add, fmadd
//   weights_s8(from)           kLanes s8 as f32
//   weights_nibbles<i>(from)   half byte i of kLanes u32 as f32
//   factors(from)              kLanes u8 as f32
#pragma once

#include <utility>

#include "kernels/always_inline.h"
#include "kernels/fully_connected/weight_only.h"

namespace octet {
namespace {

constexpr int kNibbles = 8;  // of a u32

// The sums of a run, of kRows rows times kVectors vectors of outputs.
template <class V, int kRows, int kVectors>
struct RunSums {
  typename V::Float sums[kRows][kVectors];

  OCTET_INLINE void clear() {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int q = 0; q < kVectors; ++q) sums[r][q] = V::set1(0.0F);
    }
  }

  // sums += src[k] * w, where weights(q) are those of vector q at tap k
  template <class Weights>
  OCTET_INLINE void add(const float* src, int64_t src_step, const Weights& weights) {
#pragma GCC unroll 8
    for (int q = 0; q < kVectors; ++q) {
      const auto w = weights(q);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r][q] = V::fmadd(V::set1(src[r * src_step]), w, sums[r][q]);
    }
  }

  // totals[r][q] += sums * factors
  OCTET_INLINE void add_to(float* totals, const uint8_t* factors) const {
#pragma GCC unroll 8
    for (int q = 0; q < kVectors; ++q) {
      const auto factor = factors == nullptr ? V::set1(1.0F) : V::factors(factors + q * V::kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        float* total = totals + (r * kVectors + q) * V::kLanes;
        V::store(total, V::fmadd(sums[r][q], factor, V::load(total)));
      }
    }
  }
};

// Taps i, i + 1, ... of 8 whose half bytes lie at `words`, as many as `count` says.
template <class V, int kRows, int kVectors, int... i>
OCTET_INLINE void add_nibbles(RunSums<V, kRows, kVectors>& sums, const float* src, int64_t src_step,
                              const std::byte* words, int64_t count, std::integer_sequence<int, i...>) {
  const auto add = [&]<int tap>(std::integral_constant<int, tap>) __attribute__((always_inline)) {
    if (tap < count) {
      sums.add(
          src + tap, src_step, [&](int q) __attribute__((always_inline)) {
            return V::template weights_nibbles<tap>(words + q * V::kLanes * 4);
          });
    }
  };
  (add(std::integral_constant<int, i>()), ...);
}

template <class V, int kRows, int kVectors, bool is_nibbles>
OCTET_INLINE void run_rows(const WeightOnlyTile& tile, int64_t row) {
  constexpr int64_t kWidth = kVectors * V::kLanes;
  constexpr auto kTaps = std::make_integer_sequence<int, kNibbles>();
  alignas(64) float totals[kRows * kWidth] = {};
  RunSums<V, kRows, kVectors> sums;
  const float* src = tile.src + row * tile.src_step;
  const std::byte* weights = tile.weights;
  const uint8_t* factors = tile.factors;
  for (int64_t first = 0; first < tile.taps; first += tile.run) {
    const int64_t taps = tile.taps - first < tile.run ? tile.taps - first : tile.run;
    sums.clear();
    if constexpr (is_nibbles) {
      int64_t k = 0;
      for (; k + kNibbles <= taps; k += kNibbles, weights += 4 * kWidth) {
        add_nibbles(sums, src + first + k, tile.src_step, weights, kNibbles, kTaps);
      }
      if (k < taps) {
        add_nibbles(sums, src + first + k, tile.src_step, weights, taps - k, kTaps);
        weights += 4 * kWidth;
      }
    } else {
      for (int64_t k = 0; k < taps; ++k, weights += kWidth) {
        sums.add(
            src + first + k, tile.src_step, [&](int q) __attribute__((always_inline)) {
              return V::weights_s8(weights + q * V::kLanes);
            });
      }
    }
    sums.add_to(totals, factors);
    if (factors != nullptr) factors += kWidth;
  }
  for (int r = 0; r < kRows; ++r) {
    float* dst = tile.dst + (row + r) * tile.dst_step;
    for (int64_t j = 0; j < tile.columns; ++j) {
      const float value = __builtin_fmaf(totals[r * kWidth + j], tile.scales[j], tile.bias[j]);
      dst[j] = value < tile.clamp.min ? tile.clamp.min : value > tile.clamp.max ? tile.clamp.max : value;
    }
  }
}

template <class V, int kRows, int kVectors, bool is_nibbles>
void run_tile(const WeightOnlyTile& tile) {
  int64_t row = 0;
  for (; row + kRows <= tile.rows; row += kRows) run_rows<V, kRows, kVectors, is_nibbles>(tile, row);
  for (; row < tile.rows; ++row) run_rows<V, 1, kVectors, is_nibbles>(tile, row);
}

template <class V, int kRows, int kVectors>
constexpr WeightOnlyKernel::Panel kPanelOf{kVectors * V::kLanes, run_tile<V, kRows, kVectors, false>,
                                           run_tile<V, kRows, kVectors, true>};

}  // namespace
}  // namespace octet
