// The inner loops of resizing u8 images, one set per ISA.
#pragma once

#include <cstdint>

namespace octet {

// One row of dst by nearest neighbour: pixel x is pixel columns[x] of src; n bytes a pixel.
using NearestRow = void (*)(const uint8_t* src, const int64_t* columns, int64_t width, int64_t n, uint8_t* dst);
void resize_nearest_row_avx512(const uint8_t* src, const int64_t* columns, int64_t width, int64_t n, uint8_t* dst);

// The four neighbours of a pixel, and how far it lies across from left to right and down from above to below.
struct LinearTaps {
  const uint8_t* above_left;
  const uint8_t* above_right;
  const uint8_t* below_left;
  const uint8_t* below_right;
  float across, down;
  int32_t zero_point;
};

// One pixel of n channels: saturate_u8(round_half_even(above * (1 - down) + below * down) + zero_point),
// above = (above_left - zero_point) * (1 - across) + (above_right - zero_point) * across, each product and sum rounded
// to f32.
using LinearPixel = void (*)(const LinearTaps& taps, int64_t n, uint8_t* dst);
void resize_linear_pixel_avx2(const LinearTaps& taps, int64_t n, uint8_t* dst);
void resize_linear_pixel_avx512(const LinearTaps& taps, int64_t n, uint8_t* dst);

}  // namespace octet
