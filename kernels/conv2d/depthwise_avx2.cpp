// Depthwise convolution of integers without VNNI, for any window, strides and dilations: taps in pairs, which vpmaddwd
// multiplies and adds exactly in 16 and 32 bits.
#include <immintrin.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernels/always_inline.h"
#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/packed_constants.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

constexpr int64_t kWidth = 16;    // channels of a block
constexpr int64_t kMaxTaps = 64;  // of a window

// What a block of channels knows but its taps.
struct alignas(32) Block {
  int32_t start[kWidth];  // -src_zero_point * sum of the taps
  float multiplier[kWidth];
  float bias[kWidth];  // added before the multiplication (oneDNN 2) or after it (oneDNN 3)
};

struct Plan {
  Conv2dSizes sizes;
  Conv2dParams params;
  int64_t pairs;  // of taps; the last one may have a tap of zeros
  int threads;
  Requantization requantization;
  PackedBytes taps;  // [block][pair][channel][2] s16
  std::vector<Block> blocks;
  std::vector<uint8_t> outside;  // a pixel of zero points
};

// `count` bytes, at most kWidth; the others are 0.
template <bool kPartial>
OCTET_INLINE __m128i load_channels(const uint8_t* at, int64_t count) {
  if constexpr (!kPartial) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  uint8_t bytes[kWidth] = {};
  std::memcpy(bytes, at, static_cast<size_t>(count));
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

OCTET_INLINE __m256i requantize(__m256i sum, const Block& block, int64_t channel, const Requantization& r) {
  const __m256 multiplier = _mm256_load_ps(block.multiplier + channel), bias = _mm256_load_ps(block.bias + channel);
#if OCTET_ONEDNN_MAJOR >= 3
  __m256 scaled = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), multiplier), bias);
#else
  __m256 scaled = _mm256_mul_ps(_mm256_add_ps(_mm256_cvtepi32_ps(sum), bias), multiplier);
#endif
  scaled = _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(r.clamp_min)), _mm256_set1_ps(r.clamp_max));
  scaled = _mm256_add_ps(scaled, _mm256_set1_ps(static_cast<float>(r.dst_zero_point)));
  // Below 0 the packs saturate; above 255 they would too, but not above 2^31, where conversion fails.
  return _mm256_cvtps_epi32(_mm256_min_ps(scaled, _mm256_set1_ps(255.0F)));
}

// One pixel of dst and one block of channels, from the addresses of its taps.
template <bool kPartial>
OCTET_INLINE void run_block(const Plan& plan, const uint8_t* const* taps, int64_t channel, uint8_t* dst) {
  const int64_t pairs = plan.pairs;
  const Block& block = plan.blocks[static_cast<size_t>(channel / kWidth)];
  const auto* weights = reinterpret_cast<const __m256i*>(plan.taps.get()) + channel / kWidth * pairs * 2;
  const int64_t count = std::min(plan.sizes.c - channel, kWidth);
  __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(block.start));
  __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(block.start + 8));
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const __m128i a = load_channels<kPartial>(taps[2 * pair] + channel, count);
    const __m128i b = load_channels<kPartial>(taps[2 * pair + 1] + channel, count);
    const __m256i low_pairs = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i high_pairs = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(low_pairs, _mm256_load_si256(weights + 2 * pair)));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(high_pairs, _mm256_load_si256(weights + 2 * pair + 1)));
  }
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(requantize(low, block, 0, plan.requantization),
                                                                    requantize(high, block, 8, plan.requantization)),
                                                 _MM_SHUFFLE(3, 1, 2, 0));
  const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  if constexpr (!kPartial) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + channel), bytes);
  } else {
    alignas(16) uint8_t some[kWidth];
    _mm_store_si128(reinterpret_cast<__m128i*>(some), bytes);
    std::memcpy(dst + channel, some, static_cast<size_t>(count));
  }
}

void run_pixel(const Plan& plan, const uint8_t* const* taps, uint8_t* dst) {
  int64_t channel = 0;
  for (; channel + kWidth <= plan.sizes.c; channel += kWidth) run_block<false>(plan, taps, channel, dst);
  if (channel < plan.sizes.c) run_block<true>(plan, taps, channel, dst);
}

void run_row(const Plan& plan, const uint8_t* image, int64_t y, uint8_t* dst) {
  const Conv2dSizes& s = plan.sizes;
  const Conv2dParams& p = plan.params;
  const uint8_t* taps[kMaxTaps + 1];
  taps[2 * plan.pairs - 1] = plan.outside.data();  // the tap of zeros, if there is one
  for (int64_t x = 0; x < s.ow; ++x) {
    int64_t tap = 0;
    for (int64_t i = 0; i < s.kh; ++i) {
      const int64_t row = y * p.strides[0] - p.pads[0] + i * p.dilations[0];
      for (int64_t j = 0; j < s.kw; ++j) {
        const int64_t column = x * p.strides[1] - p.pads[1] + j * p.dilations[1];
        const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w;
        taps[tap++] = inside ? image + (row * s.w + column) * s.c : plan.outside.data();
      }
    }
    run_pixel(plan, taps, dst + x * s.c);
  }
}

void run(const Plan& plan, const uint8_t* src, uint8_t* dst) {
  const Conv2dSizes& s = plan.sizes;
  const int64_t grain = kElementsPerThread / (s.ow * s.c) + 1;
  parallel_for(plan.threads, s.n * s.oh, grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      run_row(plan, src + row / s.oh * s.h * s.w * s.c, row % s.oh, dst + row * s.ow * s.c);
    }
  });
}

// weights: [C, taps]
void pack_taps(const Plan& plan, const int8_t* weights, int16_t* packed) {
  const int64_t taps = plan.sizes.kh * plan.sizes.kw;
  for (int64_t first = 0; first < plan.sizes.c; first += kWidth) {
    for (int64_t tap = 0; tap < 2 * plan.pairs; tap += 2) {
      for (int64_t i = 0; i < kWidth; ++i) {
        const int64_t channel = first + i;
        for (int64_t t = tap; t < tap + 2; ++t) {
          *packed++ = channel < plan.sizes.c && t < taps ? weights[channel * taps + t] : int16_t{0};
        }
      }
    }
  }
}

void fill_blocks(const Problem<Conv2dParams>& problem, std::vector<Block>& blocks) {
  const Conv2dSizes s(problem);
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  for (int64_t c = 0; c < s.c; ++c) {
    Block& block = blocks[static_cast<size_t>(c / kWidth)];
    const int64_t at = c % kWidth, taps = s.kh * s.kw;
    int32_t sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += weights[c * taps + t];
    block.start[at] = -problem.inputs[kConvSrc].quant().zero_point * sum;
    block.multiplier[at] = multipliers[multipliers.size() == 1 ? 0 : static_cast<size_t>(c)];
    block.bias[at] = bias.present ? static_cast<float>(bias.as<int32_t>()[c]) : 0.0F;
#if OCTET_ONEDNN_MAJOR >= 3
    block.bias[at] *= block.multiplier[at];
#endif
  }
}

}  // namespace

bool depthwise_avx2_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  return problem.inputs[kConvSrc].type == DataType::kU8 && problem.outputs[0].type == DataType::kU8 &&
         !input_or_absent(problem.inputs, kConvResidual).present && sizes.is_depthwise() &&
         sizes.kh * sizes.kw <= kMaxTaps && problem.outputs[0].shape.element_count() > 0;
}

Result<Kernel> prepare_depthwise_avx2(const Problem<Conv2dParams>& problem) {
  auto plan = std::make_shared<Plan>(Plan{.sizes = Conv2dSizes(problem), .params = problem.params});
  const Conv2dSizes& s = plan->sizes;
  plan->pairs = (s.kh * s.kw + 1) / 2;
  plan->threads = problem.threads;
  plan->requantization = conv2d_requantization(problem.params, problem.inputs, problem.outputs[0]);
  plan->outside.assign(static_cast<size_t>(s.c), static_cast<uint8_t>(problem.inputs[kConvSrc].quant().zero_point));
  plan->blocks.resize(static_cast<size_t>((s.c + kWidth - 1) / kWidth), Block{});
  fill_blocks(problem, plan->blocks);
  const TensorDesc& weights = problem.inputs[kConvWeights];
  const size_t bytes = plan->blocks.size() * static_cast<size_t>(plan->pairs * kWidth * 2) * sizeof(int16_t);
  plan->taps = pack_constant(problem.packed, weights.data, "depthwise_avx2", bytes, [&](std::byte* packed) {
    pack_taps(*plan, weights.as<int8_t>(), reinterpret_cast<int16_t*>(packed));
  });
  return Kernel([plan](const Buffers& buffers) {
    run(*plan, static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]));
  });
}

}  // namespace octet
