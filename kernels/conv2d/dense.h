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

#include "kernels/quantization.h"

namespace octet {

inline constexpr int64_t kDenseBlock = 64;

// Constants of one block of output channels, stored in the order of a tile kernel's lanes: of `vectors` vectors,
// channel lane / 4 * 4 * vectors + vector * 4 + lane % 4 of the block is lane `lane` of vector `vector`, so that
// packing the sums of all of them (and, where they are fewer than 4, of 4 / vectors pixels) restores the order of the
// channels.
struct alignas(64) DenseBlock {
  int32_t start[kDenseBlock];  // -src_zero_point * sum of the weights (+ the bias, see DenseNumbers::is_simple)
  float multiplier[kDenseBlock];
  float bias[kDenseBlock];  // added before the multiplication (oneDNN 2) or after it (oneDNN 3)
  int64_t channel;          // its first
  int64_t width;            // that of a tile, see DenseKernel
  int64_t count;            // channels of dst in it, at most width
  int64_t weights;          // offset: [run][step][vector][lane][taps of a step]
  bool is_simple;           // the bias is in `start`, of this and all other blocks
};

// What is the same for all blocks.
struct DenseNumbers {
  Requantization requantization;
  // Nothing clamps, the bias is in `start`, f32 holds every sum exactly, with the bias and without it, and no result
  // leaves the range of s32.
  bool is_simple;
  bool to_f32;       // dst is f32: no zero point, no residual
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
  uint8_t* dst;             // of the first pixel and the block's first channel; f32 as DenseNumbers says
  int64_t dst_step;         // in elements
  const uint8_t* residual;  // like dst, or null
};

// The tiles that a kernel keeps in registers: `pixels` times a block of `width` channels.
struct DenseTile {
  int64_t width, pixels;
  bool only_sevens;  // for rows of 7 or 14 pixels, where its width divides the channels
};

struct DenseKernel {
  void (*run)(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers);
  int64_t lanes;                     // s32 sums in a vector
  int64_t tap_bytes;                 // of src and of the weights as `run` reads them: 1 (u8, s8) or 2 (s16)
  std::span<const DenseTile> tiles;  // the first that fits is taken; the last one fits always

  int64_t taps_of_step() const { return 4 / tap_bytes; }
};

extern const DenseKernel kDenseSse41, kDenseAvx2, kDenseAvx512, kDenseAvx512Vnni;

}  // namespace octet
