// Depthwise convolution of integers where the CPU has no VNNI, or for windows that the kernel with VNNI does not take:
// what a kernel of an ISA computes, and the constants that it reads.
//
// Taps are multiplied in pairs, which pmaddwd adds exactly. Channels are taken in blocks; of a block, a stretch of the
// window's rows is first widened to pairs of s16, each column once for all pixels of dst that it is a tap of: two rows
// of the window make one plane of pairs, and an odd last row makes a plane of its own, of columns and their neighbours.
// Then a few pixels times one block stay in registers while the pairs pass by.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/conv2d/channel_block.h"

namespace octet {

// What is the same for all blocks.
struct DepthwiseNumbers {
  Epilogue epilogue;
  int64_t h, w, channels;  // of src
  int64_t kh;              // rows of the window
  int64_t dilation_h, dilation_w, stride_w;
  int64_t window_columns;        // from the first tap of a row of the window to its last
  int64_t columns;               // of a plane
  int64_t pair_step, last_step;  // widen every such column: of planes of two rows, of the last one of one row
  const int64_t* steps;          // a pair's column for the first pixel, counted through all planes
  int64_t step_count;
};

// Consecutive pixels of one row of dst, of one block.
struct DepthwiseStrip {
  const uint8_t* src;  // the image, at the block's first channel
  const uint8_t* pad;  // what a pixel outside holds
  int64_t y, x;        // of the first pixel's first tap
  int64_t pixels;
  const int16_t* taps;      // of the block: [step][vector][lane][2]
  int16_t* pairs;           // room for all planes: [plane][column][vector][lane][2]
  uint8_t* dst;             // of the first pixel and the block's first channel; f32 as Epilogue says
  const uint8_t* residual;  // like dst, or null
};

// Takes blocks of `width` channels, 4 vectors of `lanes`.
struct DepthwiseTile {
  void (*run)(const DepthwiseStrip& strip, const ChannelBlock& block, const DepthwiseNumbers& numbers);
  int64_t width, lanes;
};

// Widest first.
extern const std::span<const DepthwiseTile> kDepthwiseSse41, kDepthwiseAvx2, kDepthwiseAvx512;

}  // namespace octet
