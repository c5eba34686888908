// Depthwise 3x3 convolution of integers, stride 1 or 2 along the width: what oneDNN runs at a tenth of the peak.
//
// Channels are taken in blocks of 64, 32 or 16 bytes. The three rows of one column are interleaved once into quadruples
// (row 0, row 1, row 2, 0) per channel, so that one vpdpbusd adds three taps of a channel to its s32 lane; the
// interleaved column serves the three outputs that it is a left, middle or right column of. Unpacking scrambles the
// channels within each 128-bit lane, and packing the results puts them back, so only the weights and multipliers are
// stored scrambled.
#include <immintrin.h>

#include <array>
#include <memory>
#include <vector>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

constexpr int kQuads = 4;  // vectors of s32 that a vector of u8 widens to

#define OCTET_INLINE inline __attribute__((always_inline))

// One vector width: W bytes of channels.
struct Zmm {
  using Int = __m512i;
  using Real = __m512;
  using Mask = __mmask64;
  static constexpr int kBytes = 64;
  static OCTET_INLINE Int load(const void* p) { return _mm512_loadu_si512(p); }
  static OCTET_INLINE Int load(const void* p, Mask mask) { return _mm512_maskz_loadu_epi8(mask, p); }
  static OCTET_INLINE void store(void* p, Mask mask, Int v) { _mm512_mask_storeu_epi8(p, mask, v); }
  static OCTET_INLINE Int zero() { return _mm512_setzero_si512(); }
  static OCTET_INLINE Int low8(Int a, Int b) { return _mm512_unpacklo_epi8(a, b); }
  static OCTET_INLINE Int high8(Int a, Int b) { return _mm512_unpackhi_epi8(a, b); }
  static OCTET_INLINE Int low16(Int a, Int b) { return _mm512_unpacklo_epi16(a, b); }
  static OCTET_INLINE Int high16(Int a, Int b) { return _mm512_unpackhi_epi16(a, b); }
  static OCTET_INLINE Int dot(Int acc, Int u, Int s) { return _mm512_dpbusd_epi32(acc, u, s); }
  static OCTET_INLINE Int pack32(Int a, Int b) { return _mm512_packs_epi32(a, b); }
  static OCTET_INLINE Int pack16(Int a, Int b) { return _mm512_packus_epi16(a, b); }
  static OCTET_INLINE Real to_real(Int v) { return _mm512_cvtepi32_ps(v); }
  static OCTET_INLINE Int to_int(Real v) { return _mm512_cvtps_epi32(v); }
  static OCTET_INLINE Real load_real(const float* p) { return _mm512_loadu_ps(p); }
  static OCTET_INLINE Real set(float v) { return _mm512_set1_ps(v); }
  static OCTET_INLINE Real add(Real a, Real b) { return _mm512_add_ps(a, b); }
  static OCTET_INLINE Real mul(Real a, Real b) { return _mm512_mul_ps(a, b); }
  static OCTET_INLINE Real min(Real a, Real b) { return _mm512_min_ps(a, b); }
  static OCTET_INLINE Real max(Real a, Real b) { return _mm512_max_ps(a, b); }
};

struct Ymm {
  using Int = __m256i;
  using Real = __m256;
  using Mask = __mmask32;
  static constexpr int kBytes = 32;
  static OCTET_INLINE Int load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static OCTET_INLINE Int load(const void* p, Mask mask) { return _mm256_maskz_loadu_epi8(mask, p); }
  static OCTET_INLINE void store(void* p, Mask mask, Int v) { _mm256_mask_storeu_epi8(p, mask, v); }
  static OCTET_INLINE Int zero() { return _mm256_setzero_si256(); }
  static OCTET_INLINE Int low8(Int a, Int b) { return _mm256_unpacklo_epi8(a, b); }
  static OCTET_INLINE Int high8(Int a, Int b) { return _mm256_unpackhi_epi8(a, b); }
  static OCTET_INLINE Int low16(Int a, Int b) { return _mm256_unpacklo_epi16(a, b); }
  static OCTET_INLINE Int high16(Int a, Int b) { return _mm256_unpackhi_epi16(a, b); }
  static OCTET_INLINE Int dot(Int acc, Int u, Int s) { return _mm256_dpbusd_epi32(acc, u, s); }
  static OCTET_INLINE Int pack32(Int a, Int b) { return _mm256_packs_epi32(a, b); }
  static OCTET_INLINE Int pack16(Int a, Int b) { return _mm256_packus_epi16(a, b); }
  static OCTET_INLINE Real to_real(Int v) { return _mm256_cvtepi32_ps(v); }
  static OCTET_INLINE Int to_int(Real v) { return _mm256_cvtps_epi32(v); }
  static OCTET_INLINE Real load_real(const float* p) { return _mm256_loadu_ps(p); }
  static OCTET_INLINE Real set(float v) { return _mm256_set1_ps(v); }
  static OCTET_INLINE Real add(Real a, Real b) { return _mm256_add_ps(a, b); }
  static OCTET_INLINE Real mul(Real a, Real b) { return _mm256_mul_ps(a, b); }
  static OCTET_INLINE Real min(Real a, Real b) { return _mm256_min_ps(a, b); }
  static OCTET_INLINE Real max(Real a, Real b) { return _mm256_max_ps(a, b); }
};

struct Xmm {
  using Int = __m128i;
  using Real = __m128;
  using Mask = __mmask16;
  static constexpr int kBytes = 16;
  static OCTET_INLINE Int load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static OCTET_INLINE Int load(const void* p, Mask mask) { return _mm_maskz_loadu_epi8(mask, p); }
  static OCTET_INLINE void store(void* p, Mask mask, Int v) { _mm_mask_storeu_epi8(p, mask, v); }
  static OCTET_INLINE Int zero() { return _mm_setzero_si128(); }
  static OCTET_INLINE Int low8(Int a, Int b) { return _mm_unpacklo_epi8(a, b); }
  static OCTET_INLINE Int high8(Int a, Int b) { return _mm_unpackhi_epi8(a, b); }
  static OCTET_INLINE Int low16(Int a, Int b) { return _mm_unpacklo_epi16(a, b); }
  static OCTET_INLINE Int high16(Int a, Int b) { return _mm_unpackhi_epi16(a, b); }
  static OCTET_INLINE Int dot(Int acc, Int u, Int s) { return _mm_dpbusd_epi32(acc, u, s); }
  static OCTET_INLINE Int pack32(Int a, Int b) { return _mm_packs_epi32(a, b); }
  static OCTET_INLINE Int pack16(Int a, Int b) { return _mm_packus_epi16(a, b); }
  static OCTET_INLINE Real to_real(Int v) { return _mm_cvtepi32_ps(v); }
  static OCTET_INLINE Int to_int(Real v) { return _mm_cvtps_epi32(v); }
  static OCTET_INLINE Real load_real(const float* p) { return _mm_loadu_ps(p); }
  static OCTET_INLINE Real set(float v) { return _mm_set1_ps(v); }
  static OCTET_INLINE Real add(Real a, Real b) { return _mm_add_ps(a, b); }
  static OCTET_INLINE Real mul(Real a, Real b) { return _mm_mul_ps(a, b); }
  static OCTET_INLINE Real min(Real a, Real b) { return _mm_min_ps(a, b); }
  static OCTET_INLINE Real max(Real a, Real b) { return _mm_max_ps(a, b); }
};

// Constants of one block of channels, in the scrambled order.
struct Block {
  int64_t channel;                   // its first
  int bytes;                         // vector width: 16, 32 or 64
  uint64_t mask;                     // which bytes are channels
  std::array<int8_t, 3 * 256> taps;  // per column, per lane (row 0, row 1, row 2, 0)
  std::array<int32_t, 64> start;     // -src_zero_point * sum of the taps
  std::array<float, 64> multiplier;
  std::array<float, 64> bias;  // added before the multiplication (oneDNN 2) or after it (oneDNN 3)
};

// Everything a call needs but the addresses.
struct Plan {
  int64_t images, h, w, channels, oh, ow, stride_h, stride_w, top, left;
  int threads;
  Requantization requantization;
  bool clamps;
  std::array<uint8_t, 64> zero_points;  // what pads read
  std::vector<Block> blocks;
};

// Channel of byte lane `lane` of quad `quad`: unpacking works within 16 bytes, 4 channels a quad.
int channel_of(int quad, int lane) {
  return lane / 4 * 16 + quad * 4 + lane % 4;
}

template <class V>
struct Column {
  typename V::Int quad[kQuads];
};

// Three rows of one column: their address at column 0 and the bytes to the next column (0 for a row of pads).
struct Rows {
  const uint8_t* at[3];
  int64_t stride[3];
};

template <class V, bool kMasked>
OCTET_INLINE Column<V> load_column(const Rows& rows, int64_t x, const Plan& plan, typename V::Mask mask) {
  typename V::Int r[3];
  for (int i = 0; i < 3; ++i) {
    const uint8_t* p = x >= 0 && x < plan.w ? rows.at[i] + x * rows.stride[i] : plan.zero_points.data();
    r[i] = kMasked ? V::load(p, mask) : V::load(p);
  }
  const auto low01 = V::low8(r[0], r[1]);
  const auto high01 = V::high8(r[0], r[1]);
  const auto low2 = V::low8(r[2], V::zero());
  const auto high2 = V::high8(r[2], V::zero());
  return {{V::low16(low01, low2), V::high16(low01, low2), V::low16(high01, high2), V::high16(high01, high2)}};
}

template <class V, bool kClamps>
OCTET_INLINE void store_output(const typename V::Int (&acc)[kQuads], const Block& block, const Plan& plan, uint8_t* dst,
                               typename V::Mask mask) {
  constexpr int kLanes = V::kBytes / 4;
  const auto zero_point = V::set(static_cast<float>(plan.requantization.dst_zero_point));
  typename V::Int rounded[kQuads];
  for (int q = 0; q < kQuads; ++q) {
    auto scaled = V::to_real(acc[q]);
    const auto bias = V::load_real(block.bias.data() + q * kLanes);
    const auto multiplier = V::load_real(block.multiplier.data() + q * kLanes);
#if OCTET_ONEDNN_MAJOR >= 3
    scaled = V::add(V::mul(scaled, multiplier), bias);
#else
    scaled = V::mul(V::add(scaled, bias), multiplier);
#endif
    if (kClamps) {
      scaled = V::max(scaled, V::set(plan.requantization.clamp_min));
      scaled = V::min(scaled, V::set(plan.requantization.clamp_max));
    }
    // Below 0 the two packs saturate; above 255 they would too, but not above 2^31, where conversion fails.
    rounded[q] = V::to_int(V::min(V::add(scaled, zero_point), V::set(255.0F)));
  }
  V::store(dst, mask, V::pack16(V::pack32(rounded[0], rounded[1]), V::pack32(rounded[2], rounded[3])));
}

template <class V>
OCTET_INLINE void add_taps(typename V::Int (&acc)[kQuads], const Column<V>& column, const Block& block,
                           int tap_column) {
  for (int q = 0; q < kQuads; ++q) {
    acc[q] = V::dot(acc[q], column.quad[q], V::load(block.taps.data() + tap_column * 256 + q * V::kBytes));
  }
}

template <class V>
OCTET_INLINE void start_output(typename V::Int (&acc)[kQuads], const Block& block) {
  for (int q = 0; q < kQuads; ++q) acc[q] = V::load(block.start.data() + q * (V::kBytes / 4));
}

// One row of one block of channels. Stride 1: each column is loaded once and added to three running outputs.
template <class V, bool kMasked, bool kClamps>
void run_row_stride1(const Plan& plan, const Block& block, const Rows& rows, uint8_t* dst) {
  const auto mask = static_cast<typename V::Mask>(block.mask);
  typename V::Int first[kQuads];
  typename V::Int second[kQuads];
  typename V::Int third[kQuads];
  start_output<V>(first, block);
  start_output<V>(second, block);
  const Column<V> left = load_column<V, kMasked>(rows, -plan.left, plan, mask);
  add_taps(first, left, block, 0);
  const Column<V> middle = load_column<V, kMasked>(rows, 1 - plan.left, plan, mask);
  add_taps(first, middle, block, 1);
  add_taps(second, middle, block, 0);
  for (int64_t x = 0; x < plan.ow; ++x) {
    const Column<V> right = load_column<V, kMasked>(rows, x + 2 - plan.left, plan, mask);
    start_output<V>(third, block);
    add_taps(first, right, block, 2);
    add_taps(second, right, block, 1);
    add_taps(third, right, block, 0);
    store_output<V, kClamps>(first, block, plan, dst + x * plan.channels, mask);
    for (int q = 0; q < kQuads; ++q) {
      first[q] = second[q];
      second[q] = third[q];
    }
  }
}

// Stride 2: two new columns an output; its right column is the next one's left.
template <class V, bool kMasked, bool kClamps>
void run_row_stride2(const Plan& plan, const Block& block, const Rows& rows, uint8_t* dst) {
  const auto mask = static_cast<typename V::Mask>(block.mask);
  Column<V> left = load_column<V, kMasked>(rows, -plan.left, plan, mask);
  for (int64_t x = 0; x < plan.ow; ++x) {
    typename V::Int acc[kQuads];
    start_output<V>(acc, block);
    const Column<V> middle = load_column<V, kMasked>(rows, 2 * x + 1 - plan.left, plan, mask);
    const Column<V> right = load_column<V, kMasked>(rows, 2 * x + 2 - plan.left, plan, mask);
    add_taps(acc, left, block, 0);
    add_taps(acc, middle, block, 1);
    add_taps(acc, right, block, 2);
    store_output<V, kClamps>(acc, block, plan, dst + x * plan.channels, mask);
    left = right;
  }
}

template <class V, bool kMasked>
OCTET_INLINE void run_row(const Plan& plan, const Block& block, const Rows& rows, uint8_t* dst) {
  if (plan.stride_w == 1) {
    plan.clamps ? run_row_stride1<V, kMasked, true>(plan, block, rows, dst)
                : run_row_stride1<V, kMasked, false>(plan, block, rows, dst);
  } else {
    plan.clamps ? run_row_stride2<V, kMasked, true>(plan, block, rows, dst)
                : run_row_stride2<V, kMasked, false>(plan, block, rows, dst);
  }
}

void run_block_row(const Plan& plan, const Block& block, const Rows& rows, uint8_t* dst) {
  switch (block.bytes) {
    case 64:
      block.mask == ~uint64_t{0} ? run_row<Zmm, false>(plan, block, rows, dst)
                                 : run_row<Zmm, true>(plan, block, rows, dst);
      break;
    case 32:
      block.mask == 0xFFFFFFFFU ? run_row<Ymm, false>(plan, block, rows, dst)
                                : run_row<Ymm, true>(plan, block, rows, dst);
      break;
    default:
      block.mask == 0xFFFFU ? run_row<Xmm, false>(plan, block, rows, dst) : run_row<Xmm, true>(plan, block, rows, dst);
  }
}

void run(const Plan& plan, const uint8_t* src, uint8_t* dst) {
  const int64_t row_bytes = plan.w * plan.channels;
  const int64_t grain = kElementsPerThread / (plan.ow * plan.channels) + 1;
  parallel_for(plan.threads, plan.images * plan.oh, grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* image = src + row / plan.oh * plan.h * row_bytes;
      for (const Block& block : plan.blocks) {
        Rows rows{};
        for (int i = 0; i < 3; ++i) {
          const int64_t y = row % plan.oh * plan.stride_h - plan.top + i;
          const bool inside = y >= 0 && y < plan.h;
          rows.at[i] = inside ? image + y * row_bytes + block.channel : plan.zero_points.data();
          rows.stride[i] = inside ? plan.channels : 0;
        }
        run_block_row(plan, block, rows, dst + row * plan.ow * plan.channels + block.channel);
      }
    }
  });
}

Block make_block(const Problem<Conv2dParams>& problem, int64_t channel, int bytes) {
  const TensorDesc& src = problem.inputs[kConvSrc];
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  const int64_t channels = src.shape[3];
  const int count = static_cast<int>(std::min<int64_t>(channels - channel, bytes));
  Block block{.channel = channel, .bytes = bytes, .mask = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1};
  const int lanes = bytes / 4;
  for (int q = 0; q < kQuads; ++q) {
    for (int lane = 0; lane < lanes; ++lane) {
      const int offset = channel_of(q, lane);
      if (offset >= count) continue;
      const int64_t c = channel + offset;
      const auto at = static_cast<size_t>(q * lanes + lane);
      int32_t sum = 0;
      for (int row = 0; row < 3; ++row) {
        for (int column = 0; column < 3; ++column) {
          const int8_t tap = weights[c * 9 + row * 3 + column];
          block.taps[static_cast<size_t>(column * 256) + 4 * at + static_cast<size_t>(row)] = tap;
          sum += tap;
        }
      }
      block.start[at] = -src.quant().zero_point * sum;
      block.multiplier[at] = multipliers[multipliers.size() == 1 ? 0 : static_cast<size_t>(c)];
      block.bias[at] = bias.present ? static_cast<float>(bias.as<int32_t>()[c]) : 0.0F;
#if OCTET_ONEDNN_MAJOR >= 3
      block.bias[at] *= block.multiplier[at];
#endif
    }
  }
  return block;
}

}  // namespace

bool depthwise_3x3_avx512vnni_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  const Conv2dParams& params = problem.params;
  const TensorDesc& dst = problem.outputs[0];
  return problem.inputs[kConvSrc].type == DataType::kU8 && dst.type == DataType::kU8 &&
         !input_or_absent(problem.inputs, kConvResidual).present && sizes.is_depthwise() && sizes.kh == 3 &&
         sizes.kw == 3 && params.dilations == std::array<int64_t, 2>{1, 1} && params.strides[1] <= 2 &&
         dst.shape.element_count() > 0 && sizes.h > 0 && sizes.w > 0;
}

Result<Kernel> prepare_depthwise_3x3_avx512vnni(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>();
  plan->images = sizes.n;
  plan->h = sizes.h, plan->w = sizes.w, plan->channels = sizes.c;
  plan->oh = sizes.oh, plan->ow = sizes.ow;
  plan->stride_h = params.strides[0], plan->stride_w = params.strides[1];
  plan->top = params.pads[0], plan->left = params.pads[1];
  plan->threads = problem.threads;
  plan->requantization = conv2d_requantization(params, problem.inputs, problem.outputs[0]);
  plan->clamps = std::isfinite(plan->requantization.clamp_min) || std::isfinite(plan->requantization.clamp_max);
  plan->zero_points.fill(static_cast<uint8_t>(problem.inputs[kConvSrc].quant().zero_point));
  for (int64_t channel = 0; channel < sizes.c;) {
    const int64_t left = sizes.c - channel;
    const int bytes = left > 32 ? 64 : left > 16 ? 32 : 16;
    plan->blocks.push_back(make_block(problem, channel, bytes));
    channel += bytes;
  }
  return Kernel([plan](const Buffers& buffers) {
    run(*plan, static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]));
  });
}

}  // namespace octet
