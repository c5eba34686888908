// Depthwise convolution of integers with windows up to 5x5 and stride 1 or 2 along the width, where the CPU has VNNI:
// what oneDNN runs at a tenth of the peak. What the kernel computes, and the constants that it reads.
//
// Channels are taken in blocks of 64; a block of at most 32 or 16 channels fills the vector with 2 or 4 rows of dst at
// once. The rows of one column of the window are interleaved into quadruples (row 0, row 1, row 2, row 3) per channel,
// so that one vpdpbusd adds up to four taps of a channel to its s32 lane. Each column is interleaved once and serves
// all outputs that it is a column of, whose sums wait in registers. Unpacking scrambles the channels within each
// 128-bit lane, and packing the results puts them back, so only the taps and multipliers are stored scrambled.
#pragma once

#include <cstdint>

#include "kernels/quantization.h"

namespace octet {

inline constexpr int kVnniQuads = 4;        // vectors of s32 that a vector of u8 widens to
inline constexpr int kVnniBytes = 64;       // of a vector
inline constexpr int kVnniMaxSegments = 4;  // rows of dst in one vector
inline constexpr int kVnniMaxRows = 5, kVnniMaxColumns = 5;

// Constants of one block of channels, in the scrambled order.
struct alignas(64) DepthwiseVnniBlock {
  int8_t taps[kVnniMaxColumns * 2 * kVnniQuads * kVnniBytes];  // [column][group of 4 rows][quad][lane][row]
  int32_t start[kVnniBytes];  // -src_zero_point * sum of the taps (+ the bias, see is_simple)
  float multiplier[kVnniBytes];
  float bias[kVnniBytes];  // added before the multiplication
  int64_t channel;         // its first
  int segments;            // rows of dst in one vector, each of kVnniBytes / segments bytes
  uint64_t mask;           // which bytes of the first segment are channels
  bool is_simple;          // of all blocks
};

// Everything a call needs but the addresses of activations.
struct DepthwiseVnniNumbers {
  int64_t images, h, w, channels, oh, ow;
  int64_t stride_h, dilation_h, top, left, kh;
  Requantization requantization;
  // dst_zero_point is 0, nothing clamps, and the bias is in `start`: f32 holds every sum exactly, with the bias and
  // without it, and no result leaves the range of s32.
  bool is_simple;
  const uint8_t* zero_row;  // a row of src as pads are, and kVnniBytes more
  const DepthwiseVnniBlock* blocks;
  int64_t full_blocks;             // those of one segment
  const DepthwiseVnniBlock* rest;  // the block after them, of more segments, or null
};

// Rows [begin, end) of dst, counted through all images; `begin` is a multiple of kVnniMaxSegments.
using DepthwiseVnniRows = void (*)(const DepthwiseVnniNumbers& numbers, const uint8_t* src, uint8_t* dst, int64_t begin,
                                   int64_t end);

// [window up to 3x3 or up to 5x5][stride along the width]
extern const DepthwiseVnniRows kDepthwiseVnni[2][2];

}  // namespace octet
