// Dense convolution of integers on tile kernels of our own: packs the constants, and cuts dst into strips.
#include "kernels/conv2d/dense.h"

#include <algorithm>
#include <array>
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
// What a strip over-reads at most: a run is read in whole steps.
constexpr int64_t kSlack = 4;

struct Plan {
  Conv2dSizes sizes;
  int64_t stride_h = 0, stride_w = 0, dilation_h = 0, top = 0, left = 0;
  // A 1x1 convolution of stride 1 sees no rows: one row of all pixels of the batch.
  bool is_flat = false;
  // src is copied, band by band, to where its pads are pixels, its taps as wide as the tile kernel wants them, and
  // where reading a little too far does no harm.
  bool copies = false;
  bool skips_pads = false;  // a run in the rows of the pads, where the zero point is 0, adds nothing
  int64_t pixel_bytes = 0;  // of src as the tile kernel reads it
  int64_t band_width = 0;   // pixels of a row of the copy
  int64_t band_rows = 0;    // rows of dst whose src is copied, or worked on for all blocks, at a time
  int64_t band_pixels = 0;  // the same for a flat dst
  uint8_t zero_point = 0;
  int threads = 1;
  const DenseKernel& kernel;
  DenseNumbers numbers;
  PackedBytes block_memory;
  std::span<const ChannelBlock> blocks;
  int64_t channel_bytes = 0;  // of the weights of an output channel, as they are packed
  PackedBytes weights;
  std::shared_ptr<Scratchpad> scratchpad;  // the copies, one per thread
  int64_t band_bytes = 0;

  Plan(const Problem<Conv2dParams>& problem, const DenseKernel& tile_kernel)
      : sizes(problem), kernel(tile_kernel), numbers{.epilogue = Epilogue(problem)} {}
};

// The width of the next block where `left` channels are left: that of the first tile whose lanes they fill, but for
// less than a vector.
int64_t choose_width(const DenseKernel& kernel, int64_t left, bool sevens) {
  for (const DenseTile& tile : kernel.tiles) {
    if (tile.only_sevens ? sevens && left % tile.width == 0 : left > tile.width - kernel.lanes) return tile.width;
  }
  return kernel.tiles.back().width;
}

std::vector<ChannelBlock> cut_blocks(const DenseKernel& kernel, int64_t channels, int64_t channel_bytes, bool sevens) {
  std::vector<ChannelBlock> blocks;
  int64_t weights = 0;
  for (int64_t channel = 0; channel < channels;) {
    const int64_t left = channels - channel, width = choose_width(kernel, left, sevens);
    blocks.push_back({.channel = channel,
                      .width = width,
                      .lanes = kernel.lanes,
                      .count = std::min(left, width),
                      .weights = weights});
    weights += width * channel_bytes;
    channel += width;
  }
  return blocks;
}

// Tap is that of the tile kernel. weights: [O, runs, run_taps]; a run is padded with zeros to whole steps.
template <class Tap>
void pack_weights(std::span<const ChannelBlock> blocks, int64_t runs, int64_t run_taps, const int8_t* weights,
                  std::byte* packed) {
  constexpr int64_t kTaps = 4 / sizeof(Tap);  // of a step
  for (const ChannelBlock& block : blocks) {
    const int8_t* lanes[kMaxBlock];  // the run of a lane's channel; null: there is no such channel
    std::byte* to = packed + block.weights;
    for (int64_t run = 0; run < runs; ++run) {
      for (int64_t i = 0; i < block.width; ++i) {
        const int64_t channel = block.channel_of_lane(i);
        lanes[i] = channel < block.count ? weights + ((block.channel + channel) * runs + run) * run_taps : nullptr;
      }
      for (int64_t k = 0; k < run_taps; k += kTaps) {
        const int64_t count = std::min(run_taps - k, kTaps);
        for (int64_t i = 0; i < block.width; ++i, to += 4) {
          std::array<Tap, kTaps> step{};
          if (lanes[i] != nullptr && count == kTaps) std::copy_n(lanes[i] + k, kTaps, step.begin());  // no call
          if (lanes[i] != nullptr && count < kTaps) std::copy_n(lanes[i] + k, count, step.begin());
          std::memcpy(to, step.data(), 4);
        }
      }
    }
  }
}

// Names how the weights are packed.
std::string weights_key(const DenseKernel& kernel, bool sevens) {
  return "dense " + std::to_string(kernel.lanes) + " lanes, " + std::to_string(kernel.tap_bytes) + " bytes a tap" +
         (sevens ? ", sevens" : "");
}

// Copies `count` values of src, widened as the tile kernel wants them. Returns the end of the copy.
uint8_t* copy_taps(const Plan& plan, const uint8_t* src, int64_t count, uint8_t* to) {
  if (plan.kernel.tap_bytes == 1) {
    std::memcpy(to, src, static_cast<size_t>(count));
    return to + count;
  }
  auto* wide = reinterpret_cast<int16_t*>(to);
  return reinterpret_cast<uint8_t*>(std::copy_n(src, count, wide));
}

uint8_t* fill_taps(const Plan& plan, int64_t count, uint8_t* to) {
  if (plan.kernel.tap_bytes == 1) return std::fill_n(to, count, plan.zero_point);
  return reinterpret_cast<uint8_t*>(std::fill_n(reinterpret_cast<int16_t*>(to), count, plan.zero_point));
}

// The src of rows [first, first + rows) of dst, in image `n`, with its pads.
const uint8_t* copy_band(const Plan& plan, const uint8_t* src, int64_t n, int64_t first, int64_t rows, uint8_t* band) {
  const Conv2dSizes& s = plan.sizes;
  // Columns of the band right of what any window sees may be missing: the window of the last pixel ends the row.
  const int64_t left = plan.left * s.c, copied = std::min(s.w, plan.band_width - plan.left) * s.c;
  const int64_t right = plan.band_width * s.c - left - copied;
  const int64_t begin = first * plan.stride_h - plan.top;
  const int64_t end = (first + rows - 1) * plan.stride_h - plan.top + plan.dilation_h * (s.kh - 1) + 1;
  uint8_t* to = band;
  for (int64_t y = begin; y < end; ++y) {
    if (y < 0 || y >= s.h) {
      to = fill_taps(plan, plan.band_width * s.c, to);
      continue;
    }
    to = fill_taps(plan, left, to);
    to = copy_taps(plan, src + (n * s.h + y) * s.w * s.c, copied, to);
    to = fill_taps(plan, right, to);
  }
  return band;
}

// Into how many tiles a strip of a block is cut, about.
int64_t count_tiles(const DenseKernel& kernel, int64_t pixels, int64_t width) {
  const auto tile = std::find_if(kernel.tiles.begin(), kernel.tiles.end(),
                                 [width](const DenseTile& candidate) { return candidate.width == width; });
  return (pixels + tile->pixels - 1) / tile->pixels;
}

struct Call {
  const uint8_t* src;
  uint8_t* dst;
  const uint8_t* residual;
};

// `tiles_before` are those of the block's strips before this one: each tile fetches its share of the next block's
// weights.
DenseStrip strip_at(const Plan& plan, const Call& call, std::span<const ChannelBlock> blocks, size_t i,
                    int64_t tiles_before, int64_t pixel, int64_t pixels) {
  const ChannelBlock& block = blocks[i];
  const int64_t offset = pixel * plan.sizes.o + block.channel;
  const auto* weights = reinterpret_cast<const int8_t*>(plan.weights.get());
  const int8_t* ahead = weights + (i + 1 < blocks.size() ? blocks[i + 1].weights : 0);
  const int8_t* ahead_end = i + 1 < blocks.size() ? ahead + blocks[i + 1].width * plan.channel_bytes : weights;
  return {.src = call.src,
          .src_step = plan.stride_w * plan.pixel_bytes,
          .pixels = pixels,
          .weights = weights + block.weights,
          .runs = plan.sizes.kh,
          .ahead = ahead + tiles_before * plan.sizes.kh * plan.numbers.steps * 64,
          .ahead_end = ahead_end,
          .dst = call.dst + offset * (plan.numbers.epilogue.to_f32 ? 4 : 1),
          .dst_step = plan.sizes.o,
          .residual = call.residual != nullptr ? call.residual + offset : nullptr};
}

// Takes the runs of row y of dst that lie above or below the image out of the strip.
void skip_pads(const Plan& plan, int64_t y, const ChannelBlock& block, DenseStrip& strip) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t first_row = y * plan.stride_h - plan.top, dilation = plan.dilation_h;
  const int64_t begin = std::clamp<int64_t>((dilation - 1 - first_row) / dilation, 0, s.kh);
  const int64_t end = std::clamp<int64_t>((s.h - first_row + dilation - 1) / dilation, begin, s.kh);
  strip.src += begin * plan.numbers.run_step;
  strip.weights += begin * plan.numbers.steps * 4 * block.width;
  strip.runs = end - begin;
}

// Pixels [begin, end) of dst.
void run_flat(const Plan& plan, const Call& call, int64_t begin, int64_t end, std::span<const ChannelBlock> blocks,
              uint8_t* band) {
  for (int64_t pixel = begin; pixel < end; pixel += plan.band_pixels) {
    const int64_t pixels = std::min(plan.band_pixels, end - pixel);
    const uint8_t* src = call.src + pixel * plan.sizes.c;
    if (plan.copies) {
      copy_taps(plan, src, pixels * plan.sizes.c, band);
      src = band;
    }
    for (size_t b = 0; b < blocks.size(); ++b) {
      DenseStrip strip = strip_at(plan, call, blocks, b, 0, pixel, pixels);
      strip.src = src;
      plan.kernel.run(strip, blocks[b], plan.numbers);
    }
  }
}

// Rows [begin, end) of dst, counted through all images.
void run_rows(const Plan& plan, const Call& call, int64_t begin, int64_t end, std::span<const ChannelBlock> blocks,
              uint8_t* band) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t row_step = plan.stride_h * (plan.copies ? plan.band_width : s.w) * plan.pixel_bytes;
  for (int64_t row = begin; row < end;) {
    const int64_t n = row / s.oh, y = row % s.oh;
    const int64_t rows = std::min({plan.band_rows, end - row, s.oh - y});
    const uint8_t* src = plan.copies ? copy_band(plan, call.src, n, y, rows, band)
                                     : call.src + (n * s.h + y * plan.stride_h) * s.w * s.c;
    for (size_t b = 0; b < blocks.size(); ++b) {
      const int64_t tiles = count_tiles(plan.kernel, s.ow, blocks[b].width);
      for (int64_t i = 0; i < rows; ++i) {
        DenseStrip strip = strip_at(plan, call, blocks, b, i * tiles, (row + i) * s.ow, s.ow);
        strip.src = src + i * row_step;
        if (plan.skips_pads) skip_pads(plan, y + i, blocks[b], strip);
        plan.kernel.run(strip, blocks[b], plan.numbers);
      }
    }
    row += rows;
  }
}

void run(Plan& plan, const Call& call) {
  const Conv2dSizes& s = plan.sizes;
  const auto part = [&](int64_t begin, int64_t end, std::span<const ChannelBlock> blocks) {
    uint8_t* band = nullptr;
    if (plan.copies) band = reinterpret_cast<uint8_t*>(plan.scratchpad->data()) + thread_index() * plan.band_bytes;
    plan.is_flat ? run_flat(plan, call, begin, end, blocks, band) : run_rows(plan, call, begin, end, blocks, band);
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
  const int64_t bytes = std::clamp(2 * s.o * s.taps() * plan.kernel.tap_bytes, kSmallest, kLargest);
  plan.band_pixels = std::max<int64_t>(bytes / plan.pixel_bytes / 48, 1) * 48;
  plan.band_width = std::max(plan.left + s.w, (s.ow - 1) * plan.stride_w + s.kw);
  plan.band_rows = std::clamp<int64_t>(bytes / (plan.band_width * plan.pixel_bytes * plan.stride_h), 1, s.oh);
  const int64_t rows = (plan.band_rows - 1) * plan.stride_h + plan.dilation_h * (s.kh - 1) + 1;
  const int64_t pixels = plan.is_flat ? std::min(plan.band_pixels, s.n * s.oh * s.ow) : rows * plan.band_width;
  plan.band_bytes = (pixels * plan.pixel_bytes + kSlack + 63) / 64 * 64;
}

Result<Kernel> prepare(const Problem<Conv2dParams>& problem, const DenseKernel& kernel) {
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>(problem, kernel);
  const Conv2dSizes& s = plan->sizes;
  plan->stride_h = params.strides[0], plan->stride_w = params.strides[1];
  plan->dilation_h = params.dilations[0];
  plan->top = params.pads[0], plan->left = params.pads[1];
  plan->threads = problem.threads;
  plan->zero_point = static_cast<uint8_t>(problem.inputs[kConvSrc].quant().zero_point);
  plan->pixel_bytes = s.c * kernel.tap_bytes;
  const bool has_pads = std::any_of(params.pads.begin(), params.pads.end(), [](int64_t pad) { return pad > 0; });
  const int64_t run_taps = s.kw * s.c;
  plan->copies = has_pads || run_taps % 4 != 0 || kernel.tap_bytes > 1;
  plan->skips_pads = plan->zero_point == 0 && (params.pads[0] > 0 || params.pads[2] > 0);
  plan->is_flat = s.kh == 1 && s.kw == 1 && plan->stride_h == 1 && plan->stride_w == 1 && !has_pads;
  choose_bands(*plan);
  if (plan->copies) {
    plan->scratchpad = problem.scratchpad != nullptr ? problem.scratchpad : std::make_shared<Scratchpad>();
    plan->scratchpad->reserve(static_cast<size_t>(plan->band_bytes * plan->threads));
  }

  DenseNumbers& numbers = plan->numbers;
  numbers.steps = (run_taps + kernel.taps_of_step() - 1) / kernel.taps_of_step();
  numbers.run_step = plan->dilation_h * (plan->copies ? plan->band_width : s.w) * plan->pixel_bytes;
  plan->channel_bytes = s.kh * numbers.steps * 4;
  // Rows of 7 or 14 pixels fill tiles of 7 pixels times 48 channels, which read their weights half as often as the 4 +
  // 3 pixels times 64 channels that they would be else.
  const bool sevens = !plan->is_flat && s.ow % 7 == 0 && s.ow <= 14 && s.o % 16 == 0 && s.o >= 128;
  const std::vector<ChannelBlock> cut = cut_blocks(kernel, s.o, plan->channel_bytes, sevens);
  const TensorDesc& weights = problem.inputs[kConvWeights];
  ChannelBlocks filled = fill_channel_blocks(problem, numbers.epilogue, weights_key(kernel, sevens), cut);
  plan->block_memory = std::move(filled.memory);
  plan->blocks = filled.blocks;
  numbers.epilogue.is_simple = plan->blocks[0].is_simple;
  const size_t bytes = static_cast<size_t>(cut.back().weights + cut.back().width * plan->channel_bytes);
  const auto pack = kernel.tap_bytes == 1 ? pack_weights<int8_t> : pack_weights<int16_t>;
  plan->weights = pack_constant(problem.packed, weights.data, weights_key(kernel, sevens), bytes,
                                [&](std::byte* to) { pack(cut, s.kh, run_taps, weights.as<int8_t>(), to); });
  const bool adds = input_or_absent(problem.inputs, kConvResidual).present;
  return Kernel([plan, adds](const Buffers& buffers) {
    run(*plan, {static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]),
                adds ? static_cast<const uint8_t*>(buffers.src[kConvResidual]) : nullptr});
  });
}

}  // namespace

bool dense_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  return problem.inputs[kConvSrc].type == DataType::kU8 && !has_weight_zero_points(problem.inputs) &&
         sizes.groups == 1 && (problem.params.dilations[1] == 1 || sizes.kw == 1) &&
         problem.outputs[0].shape.element_count() > 0 && problem.inputs[kConvSrc].shape.element_count() > 0;
}

Result<Kernel> prepare_dense_avx512vnni(const Problem<Conv2dParams>& problem) {
  return prepare(problem, kDenseAvx512Vnni);
}

Result<Kernel> prepare_dense_avx512(const Problem<Conv2dParams>& problem) {
  return prepare(problem, kDenseAvx512);
}

Result<Kernel> prepare_dense_avx2(const Problem<Conv2dParams>& problem) {
  return prepare(problem, kDenseAvx2);
}

Result<Kernel> prepare_dense_sse41(const Problem<Conv2dParams>& problem) {
  return prepare(problem, kDenseSse41);
}

}  // namespace octet
