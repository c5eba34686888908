// Depthwise convolution of integers on pairs of taps: packs the constants, and cuts dst into strips.
#include "kernels/conv2d/depthwise.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/packed_constants.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

using Tiles = std::span<const DepthwiseTile>;

// Bytes of pairs that stay in the first cache, beside src, taps and dst.
constexpr int64_t kPairsBytes = 24 << 10;
constexpr int64_t kPairBytes = 2 * sizeof(int16_t);
// Columns from a pixel's first tap to its last, beyond which a strip of widened pairs is mostly gaps.
constexpr int64_t kMaxWindowColumns = 512;

// The taps of a step; `second` is -1 where there is none.
struct TapPair {
  int64_t first, second;
};

struct Plan {
  Conv2dSizes sizes;
  DepthwiseNumbers numbers;
  int64_t stride_h = 0, top = 0, left = 0;
  int threads = 1;
  Tiles tiles;
  std::vector<TapPair> taps;
  std::vector<int64_t> steps;  // as in the numbers
  PackedBytes block_memory;
  std::span<const ChannelBlock> blocks;
  PackedBytes weights;
  std::vector<uint8_t> pad;
  int64_t strip_pixels = 0;
  std::shared_ptr<Scratchpad> scratchpad;  // the pairs of a strip, one per thread
  int64_t pairs_bytes = 0;

  explicit Plan(const Problem<Conv2dParams>& problem) : sizes(problem), numbers{.epilogue = Epilogue(problem)} {}
};

int64_t window_columns(const Problem<Conv2dParams>& problem) {
  return problem.params.dilations[1] * (Conv2dSizes(problem).kw - 1) + 1;
}

// The widest tile that wastes less than the narrowest one would.
const DepthwiseTile& choose_tile(Tiles tiles, int64_t channels_left) {
  const auto fits = [&](const DepthwiseTile& tile) { return channels_left + tiles.back().width > tile.width; };
  return *std::find_if(tiles.begin(), tiles.end(), fits);
}

const DepthwiseTile& tile_of(Tiles tiles, const ChannelBlock& block) {
  return *std::find_if(tiles.begin(), tiles.end(),
                       [&](const DepthwiseTile& tile) { return tile.width == block.width; });
}

std::vector<ChannelBlock> cut_blocks(Tiles tiles, int64_t channels, int64_t channel_bytes) {
  std::vector<ChannelBlock> blocks;
  int64_t weights = 0;
  for (int64_t channel = 0; channel < channels;) {
    const int64_t left = channels - channel;
    const DepthwiseTile& tile = choose_tile(tiles, left);
    blocks.push_back({.channel = channel,
                      .width = tile.width,
                      .lanes = tile.lanes,
                      .count = std::min(left, tile.width),
                      .weights = weights});
    weights += tile.width * channel_bytes;
    channel += tile.width;
  }
  return blocks;
}

// Where the pairs stand, and their taps.
void lay_out_pairs(Plan& plan) {
  const Conv2dSizes& s = plan.sizes;
  DepthwiseNumbers& n = plan.numbers;
  int64_t row = 0, plane = 0;
  for (; row + 1 < s.kh; row += 2, plane += n.columns) {
    for (int64_t j = 0; j < s.kw; ++j) {
      plan.steps.push_back(plane + j * n.dilation_w);
      plan.taps.push_back({row * s.kw + j, (row + 1) * s.kw + j});
    }
  }
  for (int64_t j = 0; row < s.kh && j < s.kw; j += 2) {
    plan.steps.push_back(plane + j * n.dilation_w);
    plan.taps.push_back({row * s.kw + j, j + 1 < s.kw ? row * s.kw + j + 1 : -1});
  }
  n.steps = plan.steps.data();
  n.step_count = static_cast<int64_t>(plan.steps.size());
}

// weights: [C, taps]
void pack_weights(const Plan& plan, std::span<const ChannelBlock> blocks, const TensorDesc& weights, int16_t* to) {
  const int64_t taps = plan.sizes.kh * plan.sizes.kw;
  for (const ChannelBlock& block : blocks) {
    for (const TapPair& pair : plan.taps) {
      for (int64_t at = 0; at < block.width; ++at) {
        const int64_t offset = block.channel_of_lane(at);
        const auto weight = [&](int64_t tap) {
          if (offset >= block.count || tap < 0) return int16_t{0};
          const int64_t channel = block.channel + offset;
          return static_cast<int16_t>(weights.as<int8_t>()[channel * taps + tap] - weight_zero_point(weights, channel));
        };
        *to++ = weight(pair.first);
        *to++ = weight(pair.second);
      }
    }
  }
}

struct Call {
  const uint8_t* src;
  uint8_t* dst;
  const uint8_t* residual;  // null: none
};

// Row `row` of dst, counted through all images.
void run_row(const Plan& plan, const Call& call, int64_t row, int16_t* pairs) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t element = plan.numbers.epilogue.to_f32 ? 4 : 1;
  for (const ChannelBlock& block : plan.blocks) {
    const DepthwiseTile& tile = tile_of(plan.tiles, block);
    for (int64_t x = 0; x < s.ow; x += plan.strip_pixels) {
      const int64_t offset = (row * s.ow + x) * s.c + block.channel;
      const auto* taps = reinterpret_cast<const int16_t*>(plan.weights.get() + block.weights);
      tile.run({.src = call.src + row / s.oh * s.h * s.w * s.c + block.channel,
                .pad = plan.pad.data(),
                .y = row % s.oh * plan.stride_h - plan.top,
                .x = x * plan.numbers.stride_w - plan.left,
                .pixels = std::min(plan.strip_pixels, s.ow - x),
                .taps = taps,
                .pairs = pairs,
                .dst = call.dst + offset * element,
                .residual = call.residual != nullptr ? call.residual + offset : nullptr},
               block, plan.numbers);
    }
  }
}

void run(const Plan& plan, const Call& call) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t grain = kElementsPerThread / (s.ow * s.c) + 1;
  parallel_for(plan.threads, s.n * s.oh, grain, 1, [&](int64_t begin, int64_t end) {
    std::byte* pairs = plan.scratchpad->data() + thread_index() * plan.pairs_bytes;
    for (int64_t row = begin; row < end; ++row) run_row(plan, call, row, reinterpret_cast<int16_t*>(pairs));
  });
}

// How many pixels of dst a strip has, and the room for its pairs.
void choose_strips(Plan& plan) {
  const Conv2dSizes& s = plan.sizes;
  DepthwiseNumbers& n = plan.numbers;
  const int64_t width = choose_tile(plan.tiles, s.c).width, planes = (s.kh + 1) / 2;
  const int64_t columns = kPairsBytes / (planes * width * kPairBytes);
  constexpr int64_t kTilePixels = 6;
  const int64_t tiles = std::max<int64_t>((columns - n.window_columns) / (n.stride_w * kTilePixels), 1);
  plan.strip_pixels = std::min(tiles * kTilePixels, s.ow);
  n.columns = (plan.strip_pixels - 1) * n.stride_w + n.window_columns;
  plan.pairs_bytes = planes * n.columns * width * kPairBytes;
}

Result<Kernel> prepare(const Problem<Conv2dParams>& problem, const char* name, Tiles tiles) {
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>(problem);
  const Conv2dSizes& s = plan->sizes;
  plan->stride_h = params.strides[0];
  plan->top = params.pads[0], plan->left = params.pads[1];
  plan->threads = problem.threads;
  plan->tiles = tiles;
  plan->pad.assign(kMaxBlock, static_cast<uint8_t>(problem.inputs[kConvSrc].quant().zero_point));

  DepthwiseNumbers& n = plan->numbers;
  n.h = s.h, n.w = s.w, n.channels = s.c, n.kh = s.kh;
  n.dilation_h = params.dilations[0], n.dilation_w = params.dilations[1], n.stride_w = params.strides[1];
  n.window_columns = window_columns(problem);
  n.pair_step = std::gcd(n.stride_w, s.kw > 1 ? n.dilation_w : 0);
  n.last_step = std::gcd(n.stride_w, s.kw > 2 ? 2 * n.dilation_w : 0);
  choose_strips(*plan);
  lay_out_pairs(*plan);
  plan->scratchpad = problem.scratchpad != nullptr ? problem.scratchpad : std::make_shared<Scratchpad>();
  plan->scratchpad->reserve(static_cast<size_t>(plan->pairs_bytes * plan->threads));

  const TensorDesc& weights = problem.inputs[kConvWeights];
  const int64_t channel_bytes = static_cast<int64_t>(plan->taps.size()) * kPairBytes;
  const std::vector<ChannelBlock> cut = cut_blocks(tiles, s.c, channel_bytes);
  ChannelBlocks filled = fill_channel_blocks(problem, n.epilogue, name, cut);
  plan->block_memory = std::move(filled.memory);
  plan->blocks = filled.blocks;
  n.epilogue.is_simple = plan->blocks[0].is_simple;
  const size_t bytes = static_cast<size_t>(cut.back().weights + cut.back().width * channel_bytes);
  plan->weights = pack_constant(problem.packed, weights.data, name, bytes, [&](std::byte* to) {
    pack_weights(*plan, cut, weights, reinterpret_cast<int16_t*>(to));
  });
  const bool adds = input_or_absent(problem.inputs, kConvResidual).present;
  return Kernel([plan, adds](const Buffers& buffers) {
    run(*plan, {static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]),
                adds ? static_cast<const uint8_t*>(buffers.src[kConvResidual]) : nullptr});
  });
}

}  // namespace

bool depthwise_supports(const Problem<Conv2dParams>& problem) {
  return problem.inputs[kConvSrc].type == DataType::kU8 && Conv2dSizes(problem).is_depthwise() &&
         problem.params.strides[1] <= kMaxWindowColumns && window_columns(problem) <= kMaxWindowColumns &&
         problem.outputs[0].shape.element_count() > 0 && problem.inputs[kConvSrc].shape.element_count() > 0;
}

Result<Kernel> prepare_depthwise_avx512(const Problem<Conv2dParams>& problem) {
  return prepare(problem, "depthwise_avx512", kDepthwiseAvx512);
}

Result<Kernel> prepare_depthwise_avx2(const Problem<Conv2dParams>& problem) {
  return prepare(problem, "depthwise_avx2", kDepthwiseAvx2);
}

Result<Kernel> prepare_depthwise_sse41(const Problem<Conv2dParams>& problem) {
  return prepare(problem, "depthwise_sse41", kDepthwiseSse41);
}

}  // namespace octet
