// Dense convolution of integers as a product of matrices, without patches copied from src: what a tile kernel of an ISA
// computes, and the constants that it reads.
//
// Output channels are taken in blocks of up to 64; pixels of dst in strips, of which a tile kernel keeps a few pixels
// times one block in registers. The taps of a pixel are `runs` stretches of contiguous bytes of src (a row of the
// window, as its pixels lie side by side), each padded to whole steps with weights of 0. A step is what one s32 lane
// takes at once, 4 bytes: 4 taps of u8 * s8 where the CPU has VNNI, else 2 taps of s16 * s16, whose src is widened when
// it is copied. (Without VNNI, sums of two products u8 * s8 saturate at 16 bits.)
#pragma once

#include <cstdint>
#include <span>

#include "kernels/conv2d/channel_block.h"

namespace octet {

// What is the same for all blocks. Their weights: [run][step][vector][lane][taps of a step].
struct DenseNumbers {
  Epilogue epilogue;
  int64_t steps;     // of a run
  int64_t run_step;  // bytes of src from a run to the next
};

// Consecutive pixels of one row of dst, of one block.
struct DenseStrip {
  const uint8_t* src;  // the first tap of the first run of the first pixel
  int64_t src_step;    // bytes from pixel to pixel
  int64_t pixels;
  const int8_t* weights;  // of the block's first run
  int64_t runs;
  // Weights of the next block, which a tile fetches into the second cache meanwhile, 64 bytes for each step. They
  // were far away: a net's weights do not stay in that cache from one inference to the next.
  const int8_t* ahead;
  const int8_t* ahead_end;
  uint8_t* dst;             // of the first pixel and the block's first channel; f32 as Epilogue says
  int64_t dst_step;         // in elements
  const uint8_t* residual;  // like dst, or null
};

// The tiles that a kernel keeps in registers: `pixels` times a block of `width` channels.
struct DenseTile {
  int64_t width, pixels;
  bool only_sevens;  // for rows of 7 or 14 pixels, where its width divides the channels
};

struct DenseKernel {
  void (*run)(const DenseStrip& strip, const ChannelBlock& block, const DenseNumbers& numbers);
  int64_t lanes;                     // s32 sums in a vector
  int64_t tap_bytes;                 // of src and of the weights as `run` reads them: 1 (u8, s8) or 2 (s16)
  std::span<const DenseTile> tiles;  // the first that fits is taken; the last one fits always

  int64_t taps_of_step() const { return 4 / tap_bytes; }
};

extern const DenseKernel kDenseSse41, kDenseAvx2, kDenseAvx512, kDenseAvx512Vnni;

}  // namespace octet
