// One window of a pool over u8, compiled once per ISA.
#pragma once

#include <cstdint>

namespace octet {

// The taps of one window inside src: a grid of pixels of `channels` bytes. Steps are in bytes. At least one tap.
struct PoolTaps {
  const uint8_t* src;
  int64_t rows, columns;
  int64_t row_step, column_step;
  int64_t channels;
};

// What an average does to the sum of its taps: (f32(sum - zero) * factor), for u8 then rounded and dst_zero_point
// added.
struct PoolAverage {
  int32_t zero;
  float factor;
  int32_t dst_zero_point;
};

// dst: one pixel of `channels` elements. max ignores `average`.
using PoolWindow = void (*)(const PoolTaps& taps, const PoolAverage& average, void* dst);

struct PoolWindows {
  PoolWindow max, average_to_u8, average_to_f32;
};
extern const PoolWindows kPoolWindowsAvx2, kPoolWindowsAvx512;

}  // namespace octet
