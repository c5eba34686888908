// Dense convolution of integers on tile kernels of our own: packs the constants, and cuts dst into strips.
#include "kernels/conv2d/dense.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/packed_constants.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

// Multiply-accumulates that make a second thread worth its fork and join: some 2 us.
constexpr int64_t kMacsPerThread = int64_t{1} << 21;
// Pixels of the tiles of most blocks.
constexpr int64_t kTilePixels = 6;
// What a strip over-reads at most: a run is read in whole quadruples.
constexpr int64_t kSlack = 4;

struct Plan {
  Conv2dSizes sizes;
  int64_t stride_h, stride_w, dilation_h, top, left;
  // A 1x1 convolution of stride 1 sees no rows: one row of all pixels of the batch.
  bool is_flat;
  // src is copied, band by band, to where its pads are pixels and where reading a little too far does no harm.
  bool copies;
  bool skips_pads;      // a run in the rows of the pads, where the zero point is 0, adds nothing
  int64_t band_width;   // pixels of a row of the copy
  int64_t band_rows;    // rows of dst whose src is copied, or worked on for all blocks, at a time
  int64_t band_pixels;  // the same for a flat dst
  uint8_t zero_point;
  int threads;
  DenseKernel kernel;
  DenseNumbers numbers;
  PackedBytes block_memory;
  std::span<const DenseBlock> blocks;
  int64_t block_taps;  // of an output channel, as they are packed
  PackedBytes weights;
  std::shared_ptr<Scratchpad> scratchpad;  // the copies, one per thread
  int64_t band_bytes;

  explicit Plan(const Problem<Conv2dParams>& problem) : sizes(problem) {}
};

// Blocks of 64 channels; the rest in blocks of 32 and 16 where that computes less in vain. With `sevens`, blocks of 48
// but for at most two.
std::vector<DenseBlock> cut_blocks(int64_t channels, int64_t block_taps, bool sevens) {
  std::vector<DenseBlock> blocks;
  int64_t weights = 0;
  for (int64_t channel = 0; channel < channels;) {
    const int64_t left = channels - channel;
    const int64_t width = sevens && left % 48 == 0 ? 48 : left > 48 ? 64 : left > 16 ? 32 : 16;
    blocks.push_back({.channel = channel, .width = width, .count = std::min(left, width), .weights = weights});
    weights += width * block_taps;
    channel += width;
  }
  return blocks;
}

int64_t channel_of_lane(const DenseBlock& block, int64_t vector, int64_t lane) {
  return lane / 4 * (block.width / 4) + vector * 4 + lane % 4;
}

// weights: [O, runs, run_bytes]; a run is padded with zeros to whole quadruples.
void pack_weights(std::span<const DenseBlock> blocks, int64_t runs, int64_t run_bytes, const int8_t* weights,
                  int8_t* packed) {
  for (const DenseBlock& block : blocks) {
    const int8_t* lanes[kDenseBlock];  // the run of a lane's channel; null: there is no such channel
    int8_t* to = packed + block.weights;
    for (int64_t run = 0; run < runs; ++run) {
      for (int64_t i = 0; i < block.width; ++i) {
        const int64_t channel = channel_of_lane(block, i / 16, i % 16);
        lanes[i] = channel < block.count ? weights + ((block.channel + channel) * runs + run) * run_bytes : nullptr;
      }
      for (int64_t k = 0; k < run_bytes; k += 4) {
        const size_t taps = static_cast<size_t>(std::min<int64_t>(run_bytes - k, 4));
        for (int64_t i = 0; i < block.width; ++i, to += 4) {
          int32_t quadruple = 0;
          if (lanes[i] != nullptr && taps == 4) std::memcpy(&quadruple, lanes[i] + k, 4);  // a load, not a call
          if (lanes[i] != nullptr && taps < 4) std::memcpy(&quadruple, lanes[i] + k, taps);
          std::memcpy(to, &quadruple, 4);
        }
      }
    }
  }
}

// Fills what a block knows of its channels. Returns whether they can be simple as DenseNumbers says.
bool fill_block(const Problem<Conv2dParams>& problem, std::span<const float> multipliers, DenseBlock& block) {
  const int64_t taps = Conv2dSizes(problem).taps();
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  bool is_simple = true;
  for (int64_t at = 0; at < block.width; ++at) {
    const int64_t offset = channel_of_lane(block, at / 16, at % 16);
    if (offset >= block.count) continue;
    const int64_t channel = block.channel + offset;
    int32_t sum = 0, magnitude = 0;  // check_types sees to it that 255 times as much fits
    for (int64_t i = 0; i < taps; ++i) {
      const int32_t weight = weights[channel * taps + i];
      sum += weight;
      magnitude += std::abs(weight);
    }
    const int64_t bias_value = bias.present ? bias.as<int32_t>()[channel] : 0;
    const float multiplier = multipliers[multipliers.size() == 1 ? 0 : static_cast<size_t>(channel)];
    block.start[at] = -problem.inputs[kConvSrc].quant().zero_point * sum;
    block.multiplier[at] = multiplier;
    block.bias[at] = static_cast<float>(bias_value);
#if OCTET_ONEDNN_MAJOR >= 3
    block.bias[at] *= multiplier;
#endif
    const int64_t largest = int64_t{255} * magnitude + std::abs(bias_value);
    is_simple &= largest < (1 << 24) && static_cast<float>(largest) * multiplier < 0x1p30F;
  }
  return is_simple;
}

void move_bias_to_start(DenseBlock& block) {
#if OCTET_ONEDNN_MAJOR < 3
  for (int64_t i = 0; i < block.width; ++i) block.start[i] += static_cast<int32_t>(std::exchange(block.bias[i], 0.0F));
#else
  (void)block;
#endif
}

// `may_be_simple`: as far as the clamp and the types of the problem tell.
void fill_blocks(const Problem<Conv2dParams>& problem, bool may_be_simple, std::span<DenseBlock> blocks) {
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  bool is_simple = may_be_simple;
  for (DenseBlock& block : blocks) is_simple &= fill_block(problem, multipliers, block);
  for (DenseBlock& block : blocks) {
    block.is_simple = is_simple;
    if (is_simple) move_bias_to_start(block);
  }
}

// Names everything that goes into the blocks besides the weights.
std::string blocks_key(const Problem<Conv2dParams>& problem, bool sevens, bool may_be_simple) {
  const QuantParams src = problem.inputs[kConvSrc].quant();
  const float dst_scale = problem.outputs[0].quant().scale;
  const void* bias = input_or_absent(problem.inputs, kConvBias).data;
  std::string key = "dense blocks";
  const auto add = [&key](const auto& value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  add(src.scale), add(src.zero_point), add(dst_scale), add(bias), add(sevens), add(may_be_simple);
  return key;
}

// The src of rows [first, first + rows) of dst, in image `n`, with its pads.
const uint8_t* copy_band(const Plan& plan, const uint8_t* src, int64_t n, int64_t first, int64_t rows, uint8_t* band) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t row_bytes = s.w * s.c, band_row_bytes = plan.band_width * s.c;
  const int64_t begin = first * plan.stride_h - plan.top;
  const int64_t end = (first + rows - 1) * plan.stride_h - plan.top + plan.dilation_h * (s.kh - 1) + 1;
  for (int64_t y = begin; y < end; ++y) {
    uint8_t* to = band + (y - begin) * band_row_bytes;
    if (y < 0 || y >= s.h) {
      std::memset(to, plan.zero_point, static_cast<size_t>(band_row_bytes));
      continue;
    }
    // Columns of the band right of what any window sees may be missing: the window of the last pixel ends the row.
    const int64_t copied = std::min(row_bytes, band_row_bytes - plan.left * s.c);
    const int64_t right = band_row_bytes - plan.left * s.c - copied;
    std::memset(to, plan.zero_point, static_cast<size_t>(plan.left * s.c));
    std::memcpy(to + plan.left * s.c, src + (n * s.h + y) * row_bytes, static_cast<size_t>(copied));
    std::memset(to + plan.left * s.c + copied, plan.zero_point, static_cast<size_t>(right));
  }
  return band;
}

// Into how many tiles a strip of a block is cut, about.
int64_t count_tiles(int64_t pixels, int64_t width) {
  const int64_t tile = width == 64 ? 6 : width == 48 ? 7 : width == 32 ? 12 : 16;
  return (pixels + tile - 1) / tile;
}

struct Call {
  const uint8_t* src;
  uint8_t* dst;
  const uint8_t* residual;
};

// `piece` counts the strips of one block in the order of their work, each of which fetches its share of the next
// block's weights.
DenseStrip strip_at(const Plan& plan, const Call& call, std::span<const DenseBlock> blocks, size_t i, int64_t piece,
                    int64_t pixel, int64_t pixels) {
  const DenseBlock& block = blocks[i];
  const int64_t offset = pixel * plan.sizes.o + block.channel;
  const auto* weights = reinterpret_cast<const int8_t*>(plan.weights.get());
  const int8_t* ahead = weights + (i + 1 < blocks.size() ? blocks[i + 1].weights : 0);
  const int8_t* ahead_end = i + 1 < blocks.size() ? ahead + blocks[i + 1].width * plan.block_taps : weights;
  return {.src = call.src,
          .src_step = plan.stride_w * plan.sizes.c,
          .pixels = pixels,
          .weights = weights + block.weights,
          .runs = plan.sizes.kh,
          .ahead = ahead + piece * count_tiles(pixels, block.width) * plan.sizes.kh * plan.numbers.quadruples * 64,
          .ahead_end = ahead_end,
          .dst = call.dst + offset * (plan.numbers.to_f32 ? 4 : 1),
          .dst_step = plan.sizes.o,
          .residual = call.residual != nullptr ? call.residual + offset : nullptr};
}

// Takes the runs of row y of dst that lie above or below the image out of the strip.
void skip_pads(const Plan& plan, int64_t y, const DenseBlock& block, DenseStrip& strip) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t first_row = y * plan.stride_h - plan.top, dilation = plan.dilation_h;
  const int64_t begin = std::clamp<int64_t>((dilation - 1 - first_row) / dilation, 0, s.kh);
  const int64_t end = std::clamp<int64_t>((s.h - first_row + dilation - 1) / dilation, begin, s.kh);
  strip.src += begin * plan.numbers.run_step;
  strip.weights += begin * plan.numbers.quadruples * 4 * block.width;
  strip.runs = end - begin;
}

void run_flat(const Plan& plan, const Call& call, int64_t begin, int64_t end, std::span<const DenseBlock> blocks) {
  for (int64_t pixel = begin; pixel < end; pixel += plan.band_pixels) {
    for (size_t b = 0; b < blocks.size(); ++b) {
      DenseStrip strip = strip_at(plan, call, blocks, b, 0, pixel, std::min(plan.band_pixels, end - pixel));
      strip.src += pixel * plan.sizes.c;
      plan.kernel(strip, blocks[b], plan.numbers);
    }
  }
}

// Rows [begin, end) of dst, counted through all images.
void run_rows(const Plan& plan, const Call& call, int64_t begin, int64_t end, std::span<const DenseBlock> blocks,
              uint8_t* band) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t row_step = plan.stride_h * (plan.copies ? plan.band_width : s.w) * s.c;
  for (int64_t row = begin; row < end;) {
    const int64_t n = row / s.oh, y = row % s.oh;
    const int64_t rows = std::min({plan.band_rows, end - row, s.oh - y});
    const uint8_t* src = plan.copies ? copy_band(plan, call.src, n, y, rows, band)
                                     : call.src + (n * s.h + y * plan.stride_h) * s.w * s.c;
    for (size_t b = 0; b < blocks.size(); ++b) {
      for (int64_t i = 0; i < rows; ++i) {
        DenseStrip strip = strip_at(plan, call, blocks, b, i, (row + i) * s.ow, s.ow);
        strip.src = src + i * row_step;
        if (plan.skips_pads) skip_pads(plan, y + i, blocks[b], strip);
        plan.kernel(strip, blocks[b], plan.numbers);
      }
    }
    row += rows;
  }
}

void run(Plan& plan, const Call& call) {
  const Conv2dSizes& s = plan.sizes;
  const auto part = [&](int64_t begin, int64_t end, std::span<const DenseBlock> blocks) {
    if (plan.is_flat) return run_flat(plan, call, begin, end, blocks);
    run_rows(
        plan, call, begin, end, blocks,
        plan.copies ? reinterpret_cast<uint8_t*>(plan.scratchpad->data()) + thread_index() * plan.band_bytes : nullptr);
  };
  const int64_t units = plan.is_flat ? s.n * s.oh * s.ow : s.n * s.oh;
  const int64_t macs = s.n * s.oh * s.ow * s.o * s.taps();
  const int64_t block_count = static_cast<int64_t>(plan.blocks.size());
  if (block_count >= 4 * plan.threads && s.n * s.oh * s.ow < s.o) {
    // Few pixels and many channels: each thread takes its own weights.
    const int64_t grain = kMacsPerThread * block_count / macs + 1;
    parallel_for(plan.threads, block_count, grain, 1, [&](int64_t begin, int64_t end) {
      part(0, units, plan.blocks.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    });
  } else {
    parallel_for(plan.threads, units, kMacsPerThread * units / macs + 1, plan.is_flat ? kTilePixels : 1,
                 [&](int64_t begin, int64_t end) { part(begin, end, plan.blocks); });
  }
}

// Rows or pixels of dst to work on at a time: their src shall stay in a near cache while all blocks pass over it, and
// the weights, read once each time, shall be worth it.
void choose_bands(Plan& plan) {
  const Conv2dSizes& s = plan.sizes;
  constexpr int64_t kSmallest = 24 << 10, kLargest = 256 << 10;
  const int64_t bytes = std::clamp(2 * s.o * s.taps(), kSmallest, kLargest);
  plan.band_pixels = std::max<int64_t>(bytes / s.c / 48, 1) * 48;
  plan.band_width = std::max(plan.left + s.w, (s.ow - 1) * plan.stride_w + s.kw);
  plan.band_rows = std::clamp<int64_t>(bytes / (plan.band_width * s.c * plan.stride_h), 1, s.oh);
  const int64_t rows = (plan.band_rows - 1) * plan.stride_h + plan.dilation_h * (s.kh - 1) + 1;
  plan.band_bytes = (rows * plan.band_width * s.c + kSlack + 63) / 64 * 64;
}

Result<Kernel> prepare(const Problem<Conv2dParams>& problem, DenseKernel kernel) {
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>(problem);
  const Conv2dSizes& s = plan->sizes;
  plan->stride_h = params.strides[0], plan->stride_w = params.strides[1];
  plan->dilation_h = params.dilations[0];
  plan->top = params.pads[0], plan->left = params.pads[1];
  plan->threads = problem.threads;
  plan->zero_point = static_cast<uint8_t>(problem.inputs[kConvSrc].quant().zero_point);
  const bool has_pads = std::any_of(params.pads.begin(), params.pads.end(), [](int64_t pad) { return pad > 0; });
  const int64_t run_bytes = s.kw * s.c;
  plan->copies = has_pads || run_bytes % 4 != 0;
  plan->skips_pads = plan->zero_point == 0 && (params.pads[0] > 0 || params.pads[2] > 0);
  plan->is_flat = s.kh == 1 && s.kw == 1 && plan->stride_h == 1 && plan->stride_w == 1 && !plan->copies;
  choose_bands(*plan);
  if (plan->copies) {
    plan->scratchpad = problem.scratchpad != nullptr ? problem.scratchpad : std::make_shared<Scratchpad>();
    plan->scratchpad->reserve(static_cast<size_t>(plan->band_bytes * plan->threads));
  }

  DenseNumbers& numbers = plan->numbers;
  numbers.quadruples = (run_bytes + 3) / 4;
  numbers.run_step = plan->dilation_h * (plan->copies ? plan->band_width : s.w) * s.c;
  numbers.to_f32 = problem.outputs[0].type == DataType::kF32;
  Requantization& r = numbers.requantization;
  if (numbers.to_f32) {
    r.clamp_min = params.clamp.min, r.clamp_max = params.clamp.max;
  } else {
    r = conv2d_requantization(params, problem.inputs, problem.outputs[0]);
  }
  const bool may_be_simple =
      !numbers.to_f32 && !std::isfinite(r.clamp_min) && !std::isfinite(r.clamp_max) && r.residual_scale < 0x1p20F;
  plan->block_taps = s.kh * numbers.quadruples * 4;
  // Rows of 7 or 14 pixels fill tiles of 7 pixels times 48 channels, which read their weights half as often as the 4 +
  // 3 pixels times 64 channels that they would be else.
  const bool sevens = !plan->is_flat && s.ow % 7 == 0 && s.ow <= 14 && s.o % 16 == 0 && s.o >= 128;
  const std::vector<DenseBlock> cut = cut_blocks(s.o, plan->block_taps, sevens);
  const TensorDesc& weights = problem.inputs[kConvWeights];
  plan->block_memory = pack_constant(problem.packed, weights.data, blocks_key(problem, sevens, may_be_simple),
                                     cut.size() * sizeof(DenseBlock), [&](std::byte* memory) {
                                       auto* blocks = new (memory) DenseBlock[cut.size()];
                                       std::copy(cut.begin(), cut.end(), blocks);
                                       fill_blocks(problem, may_be_simple, {blocks, cut.size()});
                                     });
  plan->blocks = {std::launder(reinterpret_cast<const DenseBlock*>(plan->block_memory.get())), cut.size()};
  numbers.is_simple = plan->blocks[0].is_simple;
  const size_t bytes = static_cast<size_t>(cut.back().weights + cut.back().width * plan->block_taps);
  plan->weights =
      pack_constant(problem.packed, weights.data, sevens ? "dense 48" : "dense 64", bytes, [&](std::byte* packed) {
        pack_weights(cut, s.kh, run_bytes, weights.as<int8_t>(), reinterpret_cast<int8_t*>(packed));
      });
  plan->kernel = kernel;
  const bool adds = input_or_absent(problem.inputs, kConvResidual).present;
  return Kernel([plan, adds](const Buffers& buffers) {
    run(*plan, {static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]),
                adds ? static_cast<const uint8_t*>(buffers.src[kConvResidual]) : nullptr});
  });
}

}  // namespace

bool dense_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  return problem.inputs[kConvSrc].type == DataType::kU8 && sizes.groups == 1 &&
         (problem.params.dilations[1] == 1 || sizes.kw == 1) && problem.outputs[0].shape.element_count() > 0 &&
         problem.inputs[kConvSrc].shape.element_count() > 0;
}

Result<Kernel> prepare_dense_avx512vnni(const Problem<Conv2dParams>& problem) {
  return prepare(problem, dense_strip_avx512vnni);
}

}  // namespace octet
