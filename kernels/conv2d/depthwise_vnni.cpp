// Depthwise convolution of integers where the CPU has VNNI: packs the constants, and cuts dst into rows.
#include "kernels/conv2d/depthwise_vnni.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

using Block = DepthwiseVnniBlock;

struct Plan {
  Conv2dSizes sizes;
  DepthwiseVnniNumbers numbers{};
  DepthwiseVnniRows rows = nullptr;
  int threads = 1;
  PackedBytes zero_row;
  PackedBytes storage;  // of the blocks, which kernels of several sessions may share

  explicit Plan(const Problem<Conv2dParams>& problem) : sizes(problem), threads(problem.threads) {}
};

// Channel of byte lane `lane` of quad `quad`: unpacking works within 16 bytes, 4 channels a quad.
int channel_of(int quad, int lane) {
  return lane / 4 * 16 + quad * 4 + lane % 4;
}

Block make_block(const Problem<Conv2dParams>& problem, int64_t channel, bool& is_simple) {
  const Conv2dSizes sizes(problem);
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  const int8_t* weights = problem.inputs[kConvWeights].as<int8_t>();
  const int32_t zero_point = problem.inputs[kConvSrc].quant().zero_point;
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  Block block{};
  block.channel = channel;
  const int count = static_cast<int>(std::min<int64_t>(sizes.c - channel, kVnniBytes));
  block.segments = count > 32 ? 1 : count > 16 ? 2 : 4;
  block.mask = count == kVnniBytes ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  for (int q = 0; q < kVnniQuads; ++q) {
    for (int lane = 0; lane < 16; ++lane) {
      const int offset = channel_of(q, lane) % (kVnniBytes / block.segments);
      if (offset >= count) continue;
      const int64_t c = channel + offset;
      const auto at = static_cast<size_t>(q * 16 + lane);
      int64_t sum = 0, magnitude = 0;
      for (int64_t row = 0; row < sizes.kh; ++row) {
        for (int64_t column = 0; column < sizes.kw; ++column) {
          const int8_t tap = weights[(c * sizes.kh + row) * sizes.kw + column];
          const size_t group = static_cast<size_t>(column * 2 + row / 4);
          block.taps[((group * kVnniQuads + static_cast<size_t>(q)) * 16 + static_cast<size_t>(lane)) * 4 +
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
      const int64_t largest = magnitude + std::abs(bias_value);
      is_simple &= largest < (1 << 24) && static_cast<float>(largest) * multiplier < 0x1p30F;
    }
  }
  return block;
}

// `is_simple`: as far as the requantization tells.
void make_blocks(const Problem<Conv2dParams>& problem, bool is_simple, std::span<Block> blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = make_block(problem, static_cast<int64_t>(i) * kVnniBytes, is_simple);
  }
  for (Block& block : blocks) {
    block.is_simple = is_simple;
    for (size_t i = 0; is_simple && i < kVnniBytes; ++i) block.start[i] += static_cast<int32_t>(block.bias[i]);
  }
}

// All that blocks are made of, but the weights and their scales.
std::string blocks_key(const Problem<Conv2dParams>& problem, const Plan& plan) {
  const QuantParams src = problem.inputs[kConvSrc].quant();
  const float dst_scale = problem.outputs[0].quant().scale;
  const void* bias = input_or_absent(problem.inputs, kConvBias).data;
  std::string key = "depthwise_avx512vnni";
  const auto add = [&key](const auto& value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  add(src.scale), add(src.zero_point), add(dst_scale), add(bias), add(plan.sizes.kh), add(plan.sizes.kw),
      add(plan.numbers.is_simple);
  return key;
}

void run(const Plan& plan, const uint8_t* src, uint8_t* dst) {
  const DepthwiseVnniNumbers& n = plan.numbers;
  const int64_t grain = kElementsPerThread / (n.ow * n.channels) + 1;
  parallel_for(plan.threads, n.images * n.oh, grain, kVnniMaxSegments,
               [&](int64_t begin, int64_t end) { plan.rows(n, src, dst, begin, end); });
}

}  // namespace

bool depthwise_avx512vnni_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  const Conv2dParams& params = problem.params;
  const TensorDesc& dst = problem.outputs[0];
  return problem.inputs[kConvSrc].type == DataType::kU8 && !has_weight_zero_points(problem.inputs) &&
         dst.type == DataType::kU8 && !input_or_absent(problem.inputs, kConvResidual).present && sizes.is_depthwise() &&
         sizes.kh <= kVnniMaxRows && sizes.kw <= kVnniMaxColumns && params.dilations[1] == 1 &&
         params.strides[1] <= 2 && dst.shape.element_count() > 0 && sizes.h > 0 && sizes.w > 0;
}

Result<Kernel> prepare_depthwise_avx512vnni(const Problem<Conv2dParams>& problem) {
  const Conv2dParams& params = problem.params;
  auto plan = std::make_shared<Plan>(problem);
  const Conv2dSizes& sizes = plan->sizes;
  DepthwiseVnniNumbers& n = plan->numbers;
  n.images = sizes.n;
  n.h = sizes.h, n.w = sizes.w, n.channels = sizes.c;
  n.oh = sizes.oh, n.ow = sizes.ow, n.kh = sizes.kh;
  n.stride_h = params.strides[0];
  n.dilation_h = params.dilations[0];
  n.top = params.pads[0], n.left = params.pads[1];
  const Requantization& r = n.requantization = conv2d_requantization(params, problem.inputs, problem.outputs[0]);
  // Shared by all problems of this size and zero point, whatever their weights: it has no source.
  const int zero_point = problem.inputs[kConvSrc].quant().zero_point;
  const size_t row_bytes = static_cast<size_t>(sizes.w * sizes.c + kVnniBytes);
  plan->zero_row = pack_constant(problem.packed, nullptr,
                                 "row of " + std::to_string(row_bytes) + " times " + std::to_string(zero_point),
                                 row_bytes, [&](std::byte* row) { std::memset(row, zero_point, row_bytes); });
  n.zero_row = reinterpret_cast<const uint8_t*>(plan->zero_row.get());
  n.is_simple = r.dst_zero_point == 0 && !std::isfinite(r.clamp_min) && !std::isfinite(r.clamp_max);
  const size_t count = static_cast<size_t>((sizes.c + kVnniBytes - 1) / kVnniBytes);
  plan->storage = pack_constant(problem.packed, problem.inputs[kConvWeights].data, blocks_key(problem, *plan),
                                count * sizeof(Block), [&](std::byte* memory) {
                                  make_blocks(problem, n.is_simple, {new (memory) Block[count], count});
                                });
  n.blocks = std::launder(reinterpret_cast<const Block*>(plan->storage.get()));
  const Block& last = n.blocks[count - 1];
  n.is_simple = last.is_simple;
  n.rest = last.segments > 1 ? &last : nullptr;
  n.full_blocks = static_cast<int64_t>(count) - (n.rest != nullptr ? 1 : 0);
  plan->rows = kDepthwiseVnni[sizes.kh > 3 || sizes.kw > 3][params.strides[1] - 1];
  return Kernel([plan](const Buffers& buffers) {
    run(*plan, static_cast<const uint8_t*>(buffers.src[kConvSrc]), static_cast<uint8_t*>(buffers.dst[0]));
  });
}

}  // namespace octet
