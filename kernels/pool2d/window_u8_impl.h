// The bodies of PoolWindows: plain loops over blocks of channels, which the compiler turns into that ISA's vectors.
#pragma once

#include <cstdint>

#include "kernels/always_inline.h"
#include "kernels/pool2d/window_u8.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

// Calls block(first channel) for blocks of kWidth that cover all channels; the last one may overlap the one before.
template <int64_t kWidth, class F>
OCTET_INLINE void for_each_block(int64_t channels, const F& block) {
  for (int64_t c = 0; c < channels; c += kWidth) block(c < channels - kWidth ? c : channels - kWidth);
}

template <class F>
OCTET_INLINE void for_each_tap(const PoolTaps& taps, int64_t channel, const F& tap) {
  for (int64_t i = 0; i < taps.rows; ++i) {
    const uint8_t* row = taps.src + i * taps.row_step + channel;
    for (int64_t j = 0; j < taps.columns; ++j) tap(row + j * taps.column_step);
  }
}

// kColumns: the columns of the window, or 0 for any number: the windows of real nets are worth a loop of their own.
template <int64_t kWidth, int64_t kColumns>
OCTET_INLINE void max_block(const PoolTaps& taps, int64_t channel, uint8_t* dst) {
  typedef uint8_t Vector __attribute__((vector_size(kWidth), aligned(1), may_alias));
  const int64_t columns = kColumns > 0 ? kColumns : taps.columns;
  Vector max{};
  for (int64_t i = 0; i < taps.rows; ++i) {
    const uint8_t* row = taps.src + i * taps.row_step + channel;
    for (int64_t j = 0; j < columns; ++j) {
      const Vector value = *reinterpret_cast<const Vector*>(row + j * taps.column_step);
      max = value > max ? value : max;
    }
  }
  *reinterpret_cast<Vector*>(dst + channel) = max;
}

template <int64_t kWidth, int64_t kColumns>
OCTET_INLINE void max_blocks(const PoolTaps& taps, uint8_t* dst) {
  for_each_block<kWidth>(
      taps.channels, [&](int64_t c) __attribute__((always_inline)) { max_block<kWidth, kColumns>(taps, c, dst); });
}

void max_window(const PoolTaps& taps, const PoolAverage&, void* dst) {
  uint8_t* out = static_cast<uint8_t*>(dst);
  const auto run = [&]<int64_t kWidth>() __attribute__((always_inline)) {
    if (taps.columns == 3) return max_blocks<kWidth, 3>(taps, out);
    if (taps.columns == 2) return max_blocks<kWidth, 2>(taps, out);
    max_blocks<kWidth, 0>(taps, out);
  };
  if (taps.channels >= 64) return run.template operator()<64>();
  if (taps.channels >= 32) return run.template operator()<32>();
  if (taps.channels >= 16) return run.template operator()<16>();
  if (taps.channels >= 4) return run.template operator()<4>();
  run.template operator()<1>();
}

template <int64_t kWidth, class T>
OCTET_INLINE void average_block(const PoolTaps& taps, const PoolAverage& average, int64_t channel, T* dst) {
  int32_t sums[kWidth] = {};
  for_each_tap(
      taps, channel, [&](const uint8_t* tap) __attribute__((always_inline)) {
        for (int64_t c = 0; c < kWidth; ++c) sums[c] += tap[c];
      });
  for (int64_t c = 0; c < kWidth; ++c) {
    const float scaled = static_cast<float>(sums[c] - average.zero) * average.factor;
    if constexpr (sizeof(T) == sizeof(float)) {
      dst[channel + c] = scaled;
    } else {
      dst[channel + c] = round_saturate_u8(scaled, average.dst_zero_point);
    }
  }
}

template <class T>
void average_window(const PoolTaps& taps, const PoolAverage& average, void* dst) {
  T* out = static_cast<T*>(dst);
  const auto run = [&]<int64_t kWidth>() __attribute__((always_inline)) {
    for_each_block<kWidth>(
        taps.channels, [&](int64_t c) __attribute__((always_inline)) { average_block<kWidth>(taps, average, c, out); });
  };
  if (taps.channels >= 64) return run.template operator()<64>();
  if (taps.channels >= 16) return run.template operator()<16>();
  if (taps.channels >= 4) return run.template operator()<4>();
  run.template operator()<1>();
}

constexpr PoolWindows kWindows{max_window, average_window<uint8_t>, average_window<float>};

}  // namespace
}  // namespace octet
