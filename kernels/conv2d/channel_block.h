// Constants of the output channels of an integer convolution, in blocks, as its vectorized kernels read them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/packed_constants.h"

namespace octet {

inline constexpr int64_t kMaxBlock = 64;  // channels

// Constants of one block of output channels, stored in the order of a kernel's lanes: of `vectors` vectors, channel
// lane / 4 * 4 * vectors + vector * 4 + lane % 4 of the block is lane `lane` of vector `vector`, so that packing the
// sums of all of them (and, where they are fewer than 4, of 4 / vectors pixels) restores the order of the channels.
struct alignas(64) ChannelBlock {
  int32_t start[kMaxBlock];  // -src_zero_point * sum of the weights (+ the bias, see is_simple)
  float multiplier[kMaxBlock];
  float bias[kMaxBlock];  // added before the multiplication
  int64_t channel;        // its first
  int64_t width;          // lanes of all its vectors
  int64_t lanes;          // of a vector
  int64_t count;          // channels of dst in it, at most width
  int64_t weights;        // offset of its weights, in bytes
  // Of this and all other blocks: nothing clamps, the bias is in `start`, f32 holds every sum exactly, with the bias
  // and without it, and no result leaves the range of s32.
  bool is_simple;

  // The channel of a lane, counted through all vectors; it is one of dst if it is less than `count`.
  int64_t channel_of_lane(int64_t at) const {
    const int64_t vector = at / lanes, lane = at % lanes;
    return lane / 4 * 4 * (width / lanes) + vector * 4 + lane % 4;
  }
};

// What is done to the sums of all blocks.
struct Epilogue {
  Requantization requantization;  // of an f32 dst: its clamp alone
  bool to_f32;                    // dst is f32: no zero point, no residual
  bool is_simple;                 // as of the blocks

  // is_simple says what is known without the blocks.
  explicit Epilogue(const Problem<Conv2dParams>& problem);
};

// The blocks `cut`, filled; they live as long as `memory`. `layout` names how they are cut.
struct ChannelBlocks {
  PackedBytes memory;
  std::span<const ChannelBlock> blocks;
};
ChannelBlocks fill_channel_blocks(const Problem<Conv2dParams>& problem, const Epilogue& epilogue,
                                  const std::string& layout, std::span<const ChannelBlock> cut);

}  // namespace octet
