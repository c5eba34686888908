// Dense convolution of integers as a product of matrices, without a copy of src: what a tile kernel of an ISA computes,
// and the constants that it reads.
//
// Output channels are taken in blocks of up to 64; pixels of dst in strips, of which a tile kernel keeps a few pixels
// times one block in registers. The taps of a pixel are `runs` stretches of contiguous bytes of src (a row of the
// window, as its pixels lie side by side), each padded to whole quadruples with weights of 0.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/quantization.h"

namespace octet {

inline constexpr int64_t kDenseBlock = 64;

// Constants of one block of output channels, stored in the order of a tile kernel's lanes: channel
// (lane / 4) * width / 4 + quad * 4 + lane % 4 of the block is lane `lane` of vector `quad`, so that packing the
// sums of width / 16 vectors (and, for narrow blocks, of 64 / width pixels) restores the order of the channels.
struct alignas(64) DenseBlock {
  int32_t start[kDenseBlock];  // -src_zero_point * sum of the weights (+ the bias, see DenseNumbers::is_simple)
  float multiplier[kDenseBlock];
  float bias[kDenseBlock];  // added before the multiplication (oneDNN 2) or after it (oneDNN 3)
  int64_t channel;          // its first
  int64_t width;            // 16, 32, 48 or 64
  int64_t count;            // channels of dst in it, at most width
  int64_t weights;          // offset: [run][quadruple][vector of 16 lanes][lane][4 taps]
  bool is_simple;           // the bias is in `start`, of this and all other blocks
};

// What is the same for all blocks.
struct DenseNumbers {
  Requantization requantization;
  // Nothing clamps, the bias is in `start`, f32 holds every sum exactly, with the bias and without it, and no result
  // leaves the range of s32.
  bool is_simple;
  bool to_f32;         // dst is f32: no zero point, no residual
  int64_t quadruples;  // of a run
  int64_t run_step;    // bytes of src from a run to the next
};

// Consecutive pixels of one row of dst, of one block.
struct DenseStrip {
  const uint8_t* src;  // the first tap of the first run of the first pixel
  int64_t src_step;    // bytes from pixel to pixel
  int64_t pixels;
  const int8_t* weights;  // of the block's first run
  int64_t runs;
  // Weights of the next block, which a tile fetches into the second cache meanwhile, 64 bytes for each quadruple. They
  // were far away: a net's weights do not stay in that cache from one inference to the next.
  const int8_t* ahead;
  const int8_t* ahead_end;
  uint8_t* dst;             // of the first pixel and the block's first channel; f32 as DenseNumbers says
  int64_t dst_step;         // in elements
  const uint8_t* residual;  // like dst, or null
};

using DenseKernel = void (*)(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers);

void dense_strip_avx512vnni(const DenseStrip& strip, const DenseBlock& block, const DenseNumbers& numbers);

}  // namespace octet
