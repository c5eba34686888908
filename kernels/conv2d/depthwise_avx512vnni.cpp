// Depthwise convolution of integers with windows up to 5x5 and stride 1 or 2 along the width: what oneDNN runs at a
// tenth of the peak.
//
// Channels are taken in blocks of 64; a block of at most 32 or 16 channels fills the vector with 2 or 4 rows of dst at
// once. The rows of one column of the window are interleaved into quadruples (row 0, row 1, row 2, row 3) per channel,
// so that one vpdpbusd adds up to four taps of a channel to its s32 lane. Each column is interleaved once and serves
// all outputs that it is a column of, whose sums wait in registers. Unpacking scrambles the channels within each
// 128-bit lane, and packing the results puts them back, so only the taps and multipliers are stored scrambled.
#include <immintrin.h>

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "kernels/always_inline.h"
#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

constexpr int kQuads = 4;        // vectors of s32 that a vector of u8 widens to
constexpr int kBytes = 64;       // of a vector
constexpr int kMaxSegments = 4;  // rows of dst in one vector
constexpr int kMaxRows = 5, kMaxColumns = 5;

using Sums = __m512i[kQuads];

// Constants of one block of channels, in the scrambled order.
struct alignas(64) Block {
  std::array<int8_t, kMaxColumns * 2 * kQuads * kBytes> taps;  // [column][group of 4 rows][quad][lane][row]
  std::array<int32_t, kBytes> start;  // -src_zero_point * sum of the taps (+ the bias, see folds_bias)
  std::array<float, kBytes> multiplier;
  std::array<float, kBytes> bias;  // added before the multiplication (oneDNN 2) or after it (oneDNN 3)
  int64_t channel;                 // its first
  int segments;                    // rows of dst in one vector, each of kBytes / segments bytes
  uint64_t mask;                   // which bytes of the first segment are channels
  bool is_simple;                  // of the whole Plan
};

// Everything a call needs but the addresses.
struct Plan {
  int64_t images, h, w, channels, oh, ow;
  int64_t stride_h, stride_w, dilation_h, top, left, kh, kw;
  int threads;
  Requantization requantization;
  // dst_zero_point is 0, nothing clamps, and the bias is in `start`: f32 holds every sum exactly, with the bias and
  // without it, and no result leaves the range of s32.
  bool is_simple;
  PackedBytes zero_row;  // a row of src as pads are
  PackedBytes storage;   // of the blocks, which kernels of several sessions may share
  std::span<const Block> blocks;
  int64_t full_blocks;  // those of one segment; at most the last one has more
};

// Channel of byte lane `lane` of quad `quad`: unpacking works within 16 bytes, 4 channels a quad.
int channel_of(int quad, int lane) {
  return lane / 4 * 16 + quad * 4 + lane % 4;
}

// Addresses of column 0 of the window's rows, for each segment; rows beyond the image are the zero row.
template <int kSegments, int kRows>
struct Rows {
  const uint8_t* at[kRows][kSegments];
};

// The interleaved rows of one column: quads of rows 0-3, then of rows 4-7.
template <int kRows>
struct Column {
  __m512i quad[(kRows + 3) / 4][kQuads];
};

// A vector of kSegments rows of kBytes / kSegments bytes; of each, `mask` tells the bytes that are channels unless all
// are (kFull).
template <int kSegments, bool kFull>
OCTET_INLINE __m512i load_segments(const uint8_t* const (&at)[kSegments], int64_t offset, __mmask64 mask) {
  constexpr int kWidth = kBytes / kSegments;
  if constexpr (!kFull) {
    __m512i v = _mm512_maskz_loadu_epi8(mask, at[0] + offset);
#pragma GCC unroll 4
    for (int s = 1; s < kSegments; ++s) {
      v = _mm512_mask_loadu_epi8(v, mask << (s * kWidth), at[s] + offset - s * kWidth);
    }
    return v;
  } else if constexpr (kSegments == 1) {
    return _mm512_loadu_si512(at[0] + offset);
  } else if constexpr (kSegments == 2) {
    const auto load = [&](int s) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at[s] + offset)); };
    return _mm512_inserti64x4(_mm512_castsi256_si512(load(0)), load(1), 1);
  } else {
    const auto load = [&](int s) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[s] + offset)); };
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load(0)), load(1), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load(2)), load(3), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
}

template <int kSegments, bool kFull>
OCTET_INLINE void store_segments(uint8_t* const (&at)[kSegments], int64_t offset, __mmask64 mask, __m512i v) {
  constexpr int kWidth = kBytes / kSegments;
  if constexpr (!kFull) {
#pragma GCC unroll 4
    for (int s = 0; s < kSegments; ++s) {
      _mm512_mask_storeu_epi8(at[s] + offset - s * kWidth, mask << (s * kWidth), v);
    }
  } else if constexpr (kSegments == 1) {
    _mm512_storeu_si512(at[0] + offset, v);
  } else if constexpr (kSegments == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at[0] + offset), _mm512_castsi512_si256(v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at[1] + offset), _mm512_extracti64x4_epi64(v, 1));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[0] + offset), _mm512_castsi512_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[1] + offset), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[2] + offset), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[3] + offset), _mm512_extracti32x4_epi32(v, 3));
  }
}

template <int kSegments, int kRows, bool kFull>
OCTET_INLINE Column<kRows> load_column(const Rows<kSegments, kRows>& rows, int64_t offset, __mmask64 mask) {
  __m512i r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) r[i] = load_segments<kSegments, kFull>(rows.at[i], offset, mask);
  Column<kRows> column;
#pragma GCC unroll 2
  for (int g = 0; g < (kRows + 3) / 4; ++g) {
    const __m512i low01 = _mm512_unpacklo_epi8(r[4 * g], r[4 * g + 1]);
    const __m512i high01 = _mm512_unpackhi_epi8(r[4 * g], r[4 * g + 1]);
    const __m512i low23 = _mm512_unpacklo_epi8(r[4 * g + 2], r[4 * g + 3]);
    const __m512i high23 = _mm512_unpackhi_epi8(r[4 * g + 2], r[4 * g + 3]);
    column.quad[g][0] = _mm512_unpacklo_epi16(low01, low23);
    column.quad[g][1] = _mm512_unpackhi_epi16(low01, low23);
    column.quad[g][2] = _mm512_unpacklo_epi16(high01, high23);
    column.quad[g][3] = _mm512_unpackhi_epi16(high01, high23);
  }
  return column;
}

// The bytes of one pixel of dst from its sums, in the order of the channels.
template <bool kSimple>
OCTET_INLINE __m512i requantize(const Sums& sums, const Block& block, const Requantization& r) {
  __m512i rounded[kQuads];
#pragma GCC unroll 4
  for (int q = 0; q < kQuads; ++q) {
    const __m512 multiplier = _mm512_load_ps(block.multiplier.data() + q * 16);
    __m512 scaled = _mm512_cvtepi32_ps(sums[q]);
#if OCTET_ONEDNN_MAJOR >= 3
    scaled = _mm512_add_ps(_mm512_mul_ps(scaled, multiplier), _mm512_load_ps(block.bias.data() + q * 16));
#else
    if constexpr (!kSimple) scaled = _mm512_add_ps(scaled, _mm512_load_ps(block.bias.data() + q * 16));
    scaled = _mm512_mul_ps(scaled, multiplier);
#endif
    if constexpr (!kSimple) {
      scaled = _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(r.clamp_min)), _mm512_set1_ps(r.clamp_max));
      // The two packs saturate at both ends, but above 2^31 conversion fails.
      scaled = _mm512_min_ps(scaled, _mm512_set1_ps(255.0F));
    }
    rounded[q] = _mm512_cvtps_epi32(scaled);
    if constexpr (!kSimple) rounded[q] = _mm512_add_epi32(rounded[q], _mm512_set1_epi32(r.dst_zero_point));
  }
  return _mm512_packus_epi16(_mm512_packs_epi32(rounded[0], rounded[1]), _mm512_packs_epi32(rounded[2], rounded[3]));
}

// kSegments rows of dst, of one block of channels.
template <int kSegments, int kRows, int kColumns, int kStride, bool kFull, bool kSimple>
void run_rows(const Plan& plan, const Block& block, const Rows<kSegments, kRows>& rows,
              uint8_t* const (&dst)[kSegments]) {
  constexpr int kWaiting = (kColumns + kStride - 1) / kStride;  // outputs that a column belongs to
  constexpr int kGroups = (kRows + 3) / 4;
  const __mmask64 mask = block.mask;
  const int64_t channels = plan.channels;
  const auto* pad = reinterpret_cast<const uint8_t*>(plan.zero_row.get());
  Rows<kSegments, kRows> pads;
  for (int s = 0; s < kSegments; ++s) {
    for (int i = 0; i < kRows; ++i) pads.at[i][s] = pad;
  }
  // The taps of small windows stay in registers: reading them for each pixel would take longer than the sums.
  constexpr bool kTapsInRegisters = kColumns * kGroups <= 3;
  __m512i held[kTapsInRegisters ? kColumns * kQuads : 1];
  if constexpr (kTapsInRegisters) {
#pragma GCC unroll 16
    for (int i = 0; i < kColumns * kQuads; ++i) {
      held[i] = _mm512_load_si512(block.taps.data() + (i / kQuads * 2 * kQuads + i % kQuads) * kBytes);
    }
  }
  Sums sums[kWaiting];
  const auto start = [&](Sums & sum) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; ++q) sum[q] = _mm512_load_si512(block.start.data() + q * 16);
  };
  const auto add = [&](const Column<kRows>& column, int tap, Sums& sum) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) {
        const int8_t* at = block.taps.data() + ((tap * 2 + g) * kQuads + q) * kBytes;
        const __m512i taps = kTapsInRegisters ? held[tap * kQuads + q] : _mm512_load_si512(at);
        sum[q] = _mm512_dpbusd_epi32(sum[q], column.quad[g][q], taps);
      }
    }
  };
  const auto checked_column = [&](int64_t x) __attribute__((always_inline)) {
    return x >= 0 && x < plan.w ? load_column<kSegments, kRows, kFull>(rows, x * channels, mask)
                                : load_column<kSegments, kRows, kFull>(pads, 0, mask);
  };
  const auto store = [&](int64_t x, Sums & sum) __attribute__((always_inline)) {
    const __m512i bytes = requantize<kSimple>(sum, block, plan.requantization);
    store_segments<kSegments, kFull>(dst, x * channels, mask, bytes);
    start(sum);
  };
  // One output: adds the kStride columns that are new to it to all outputs that wait for them. Its own sum is
  // sums[phase]; the sums of the next ones follow, around the end.
  const auto step = [&](int64_t x, int phase, auto column_at) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int t = 0; t < kStride; ++t) {
      const Column<kRows> column = column_at(x * kStride + kColumns - kStride + t - plan.left);
#pragma GCC unroll 8
      for (int a = 0; a < kWaiting; ++a) {
        const int tap = kColumns - kStride + t - a * kStride;
        if (tap >= 0) add(column, tap, sums[(phase + a) % kWaiting]);
      }
    }
    store(x, sums[phase]);
  };

#pragma GCC unroll 8
  for (int a = 0; a < kWaiting; ++a) start(sums[a]);
#pragma GCC unroll 8
  for (int c = 0; c < kColumns - kStride; ++c) {
    const Column<kRows> column = checked_column(c - plan.left);
#pragma GCC unroll 8
    for (int a = 0; a < kWaiting; ++a) {
      if (c - a * kStride >= 0) add(column, c - a * kStride, sums[a]);
    }
  }
  // Outputs [inner, inner_end) see new columns inside the image only.
  const int64_t inner = std::clamp<int64_t>((plan.left - kColumns + 2 * kStride - 1) / kStride, 0, plan.ow);
  const int64_t inner_end = std::clamp<int64_t>((plan.w + plan.left - kColumns + kStride) / kStride, inner, plan.ow);
  const auto inner_column = [&](int64_t x) __attribute__((always_inline)) {
    return load_column<kSegments, kRows, kFull>(rows, x * channels, mask);
  };
  // The sums take turns, so that none of them moves.
  const auto turn = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int a = 0; a + 1 < kWaiting; ++a) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) std::swap(sums[a][q], sums[a + 1][q]);
    }
  };
  for (int64_t x = 0; x < inner; ++x, turn()) step(x, 0, checked_column);
  int64_t x = inner;
  for (; x + kWaiting <= inner_end; x += kWaiting) {
#pragma GCC unroll 8
    for (int phase = 0; phase < kWaiting; ++phase) step(x + phase, phase, inner_column);
  }
  for (; x < plan.ow; ++x, turn()) step(x, 0, checked_column);
}

// Rows [begin, end) of dst, counted through all images, of one block: at most kMaxSegments of them.
template <int kSegments, int kRows, int kColumns, int kStride>
void run_block(const Plan& plan, const Block& block, const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end) {
  const int64_t row_bytes = plan.w * plan.channels;
  for (int64_t first = begin; first < end; first += kSegments) {
    Rows<kSegments, kRows> rows;
    uint8_t* out[kSegments];
    for (int s = 0; s < kSegments; ++s) {
      const int64_t row = std::min(first + s, end - 1);  // what there is too much makes the last row again
      const uint8_t* image = src + row / plan.oh * plan.h * row_bytes;
      for (int i = 0; i < kRows; ++i) {
        const int64_t y = row % plan.oh * plan.stride_h - plan.top + i * plan.dilation_h;
        const bool inside = i < plan.kh && y >= 0 && y < plan.h;
        rows.at[i][s] =
            inside ? image + y * row_bytes + block.channel : reinterpret_cast<const uint8_t*>(plan.zero_row.get());
      }
      out[s] = dst + row * plan.ow * plan.channels + block.channel;
    }
    const bool full = block.mask == (~uint64_t{0} >> (kBytes - kBytes / kSegments));
    if (plan.is_simple) {
      full ? run_rows<kSegments, kRows, kColumns, kStride, true, true>(plan, block, rows, out)
           : run_rows<kSegments, kRows, kColumns, kStride, false, true>(plan, block, rows, out);
    } else {
      run_rows<kSegments, kRows, kColumns, kStride, false, false>(plan, block, rows, out);
    }
  }
}

template <int kRows, int kColumns, int kStride>
void run(const Plan& plan, const uint8_t* src, uint8_t* dst) {
  const int64_t grain = kElementsPerThread / (plan.ow * plan.channels) + 1;
  parallel_for(plan.threads, plan.images * plan.oh, grain, kMaxSegments, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kMaxSegments) {
      const int64_t last = std::min(first + kMaxSegments, end);
      // Row by row, so that the rows of src that the next row of dst reads again are still in the first cache.
      for (int64_t row = first; row < last; ++row) {
        for (int64_t i = 0; i < plan.full_blocks; ++i) {
          run_block<1, kRows, kColumns, kStride>(plan, plan.blocks[static_cast<size_t>(i)], src, dst, row, row + 1);
        }
      }
      const Block& rest = plan.blocks.back();
      if (rest.segments == 2) run_block<2, kRows, kColumns, kStride>(plan, rest, src, dst, first, last);
      if (rest.segments == 4) run_block<4, kRows, kColumns, kStride>(plan, rest, src, dst, first, last);
    }
  });
}

Block make_block(const Problem<Conv2dParams>& problem, int64_t channel, bool& is_simple) {
  const Conv2dSizes sizes(problem);
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const int32_t zero_point = problem.inputs[kConvSrc].quant().zero_point;
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  Block block{};
  block.channel = channel;
  const int count = static_cast<int>(std::min<int64_t>(sizes.c - channel, kBytes));
  block.segments = count > 32 ? 1 : count > 16 ? 2 : 4;
  block.mask = count == kBytes ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  for (int q = 0; q < kQuads; ++q) {
    for (int lane = 0; lane < 16; ++lane) {
      const int offset = channel_of(q, lane) % (kBytes / block.segments);
      if (offset >= count) continue;
      const int64_t c = channel + offset;
      const auto at = static_cast<size_t>(q * 16 + lane);
      int64_t sum = 0, magnitude = 0;
      for (int64_t row = 0; row < sizes.kh; ++row) {
        for (int64_t column = 0; column < sizes.kw; ++column) {
          const int8_t tap = weights[(c * sizes.kh + row) * sizes.kw + column];
          const size_t group = static_cast<size_t>(column * 2 + row / 4);
          block.taps[((group * kQuads + static_cast<size_t>(q)) * 16 + static_cast<size_t>(lane)) * 4 +
                     static_cast<size_t>(row % 4)] = tap;
          sum += tap;
          magnitude += std::abs(tap) * 255;
        }
      }
      const int64_t bias_value = bias.present ? bias.as<int32_t>()[c] : 0;
      const float multiplier = multipliers[multipliers.size() == 1 ? 0 : static_cast<size_t>(c)];
      block.start[at] = static_cast<int32_t>(-zero_point * sum);
      block.multiplier[at] = multiplier;
      block.bias[at] = static_cast<float>(bias_value);
#if OCTET_ONEDNN_MAJOR >= 3
      block.bias[at] *= multiplier;
#endif
      const int64_t largest = magnitude + std::abs(bias_value);
      is_simple &= largest < (1 << 24) && static_cast<float>(largest) * multiplier < 0x1p30F;
    }
  }
  return block;
}

// `is_simple`: as far as the requantization tells.
void make_blocks(const Problem<Conv2dParams>& problem, bool is_simple, std::span<Block> blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = make_block(problem, static_cast<int64_t>(i) * kBytes, is_simple);
  }
  for (Block& block : blocks) {
    block.is_simple = is_simple;
#if OCTET_ONEDNN_MAJOR < 3
    for (size_t i = 0; is_simple && i < kBytes; ++i) block.start[i] += static_cast<int32_t>(block.bias[i]);
#endif
  }
}

// All that blocks are made of, but the weights and their scales.
std::string blocks_key(const Problem<Conv2dParams>& problem, const Plan& plan) {
  const QuantParams src = problem.inputs[kConvSrc].quant();
  const float dst_scale = problem.outputs[0].quant().scale;
  const void* bias = input_or_absent(problem.inputs, kConvBias).data;
  std::string key = "depthwise_avx512vnni";
  const auto add = [&key](const auto& value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  add(src.scale), add(src.zero_point), add(dst_scale), add(bias), add(plan.kh), add(plan.kw), add(plan.is_simple);
  return key;
}

using Run = void (*)(const Plan&, const uint8_t*, uint8_t*);

// [window up to 3x3 or up to 5x5][stride along the width]
constexpr Run kRuns[2][2] = {{run<3, 3, 1>, run<3, 3, 2>}, {run<5, 5, 1>, run<5, 5, 2>}};

}  // namespace

bool depthwise_avx512vnni_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  const Conv2dParams& params = problem.params;
  const TensorDesc& dst = problem.outputs[0];
  return problem.inputs[kConvSrc].type == DataType::kU8 && !has_weight_zero_points(problem.inputs) &&
         dst.type == DataType::kU8 && !input_or_absent(problem.inputs, kConvResidual).present && sizes.is_depthwise() &&
         sizes.kh <= kMaxRows && sizes.kw <= kMaxColumns && params.dilations[1] == 1 && params.strides[1] <= 2 &&
         dst.shape.element_count() > 0 && sizes.h > 0 && sizes.w > 0;
}

Result<Kernel> prepare_depthwise_avx512vnni(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>();
  plan->images = sizes.n;
  plan->h = sizes.h, plan->w = sizes.w, plan->channels = sizes.c;
  plan->oh = sizes.oh, plan->ow = sizes.ow, plan->kh = sizes.kh;
  plan->stride_h = params.strides[0], plan->stride_w = params.strides[1];
  plan->dilation_h = params.dilations[0];
  plan->top = params.pads[0], plan->left = params.pads[1];
  plan->threads = problem.threads;
  const Requantization& r = plan->requantization = conv2d_requantization(params, problem.inputs, problem.outputs[0]);
  // Shared by all problems of this size and zero point, whatever their weights: it has no source.
  const int zero_point = problem.inputs[kConvSrc].quant().zero_point;
  const size_t row_bytes = static_cast<size_t>(sizes.w * sizes.c + kBytes);
  plan->zero_row = pack_constant(problem.packed, nullptr,
                                 "row of " + std::to_string(row_bytes) + " times " + std::to_string(zero_point),
                                 row_bytes, [&](std::byte* row) { std::memset(row, zero_point, row_bytes); });
  plan->is_simple = r.dst_zero_point == 0 && !std::isfinite(r.clamp_min) && !std::isfinite(r.clamp_max);
  const size_t count = static_cast<size_t>((sizes.c + kBytes - 1) / kBytes);
  plan->storage = pack_constant(problem.packed, problem.inputs[kConvWeights].data, blocks_key(problem, *plan),
                                count * sizeof(Block), [&](std::byte* memory) {
                                  make_blocks(problem, plan->is_simple, {new (memory) Block[count], count});
                                });
  plan->blocks = {std::launder(reinterpret_cast<const Block*>(plan->storage.get())), count};
  plan->is_simple = plan->blocks.back().is_simple;
  plan->full_blocks = static_cast<int64_t>(plan->blocks.size()) - (plan->blocks.back().segments > 1 ? 1 : 0);
  const Run run_plan = kRuns[sizes.kh > 3 || sizes.kw > 3][params.strides[1] - 1];
  return Kernel([plan, run_plan](const Buffers& buffers) {
    run_plan(*plan, static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]));
  });
}

}  // namespace octet
