#include "kernels/conv2d/channel_block.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>
#include <utility>

namespace octet {
namespace {

// Fills what a block knows of its channels. Returns whether they can be simple as ChannelBlock says.
bool fill_block(const Problem<Conv2dParams>& problem, std::span<const float> multipliers, ChannelBlock& block) {
  const int64_t taps = Conv2dSizes(problem).taps();
  const TensorDesc& weights = problem.inputs[kConvWeights];
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  bool is_simple = true;
  for (int64_t at = 0; at < block.width; ++at) {
    const int64_t offset = block.channel_of_lane(at);
    if (offset >= block.count) continue;
    const int64_t channel = block.channel + offset;
    const int32_t zero_point = weight_zero_point(weights, channel);
    int32_t sum = 0, magnitude = 0;  // check_types sees to it that 255 times as much fits
    for (int64_t i = 0; i < taps; ++i) {
      const int32_t weight = weights.as<int8_t>()[channel * taps + i] - zero_point;
      sum += weight;
      magnitude += std::abs(weight);
    }
    const int64_t bias_value = bias.present ? bias.as<int32_t>()[channel] : 0;
    const float multiplier = multipliers[multipliers.size() == 1 ? 0 : static_cast<size_t>(channel)];
    block.start[at] = -problem.inputs[kConvSrc].quant().zero_point * sum;
    block.multiplier[at] = multiplier;
    block.bias[at] = static_cast<float>(bias_value);
    const int64_t largest = int64_t{255} * magnitude + std::abs(bias_value);
    is_simple &= largest < (1 << 24) && static_cast<float>(largest) * multiplier < 0x1p30F;
  }
  return is_simple;
}

void move_bias_to_start(ChannelBlock& block) {
  for (int64_t i = 0; i < block.width; ++i) block.start[i] += static_cast<int32_t>(std::exchange(block.bias[i], 0.0F));
}

void fill_blocks(const Problem<Conv2dParams>& problem, bool may_be_simple, std::span<ChannelBlock> blocks) {
  const std::vector<float> multipliers = conv2d_multipliers(problem.inputs, problem.outputs[0]);
  bool is_simple = may_be_simple;
  for (ChannelBlock& block : blocks) is_simple &= fill_block(problem, multipliers, block);
  for (ChannelBlock& block : blocks) {
    block.is_simple = is_simple;
    if (is_simple) move_bias_to_start(block);
  }
}

// Names everything that goes into the blocks besides the weights.
std::string blocks_key(const Problem<Conv2dParams>& problem, const std::string& layout, bool may_be_simple) {
  const QuantParams src = problem.inputs[kConvSrc].quant();
  const float dst_scale = problem.outputs[0].quant().scale;
  const void* bias = input_or_absent(problem.inputs, kConvBias).data;
  std::string key = "blocks of " + layout;
  const auto add = [&key](const auto& value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  add(src.scale), add(src.zero_point), add(dst_scale), add(bias), add(may_be_simple);
  return key;
}

}  // namespace

Epilogue::Epilogue(const Problem<Conv2dParams>& problem) : to_f32(problem.outputs[0].type == DataType::kF32) {
  Requantization& r = requantization;
  if (to_f32) {
    r.clamp_min = problem.params.clamp.min, r.clamp_max = problem.params.clamp.max;
  } else {
    r = conv2d_requantization(problem.params, problem.inputs, problem.outputs[0]);
  }
  is_simple = !to_f32 && !std::isfinite(r.clamp_min) && !std::isfinite(r.clamp_max) && r.residual_scale < 0x1p20F;
}

ChannelBlocks fill_channel_blocks(const Problem<Conv2dParams>& problem, const Epilogue& epilogue,
                                  const std::string& layout, std::span<const ChannelBlock> cut) {
  ChannelBlocks filled;
  filled.memory =
      pack_constant(problem.packed, problem.inputs[kConvWeights].data, blocks_key(problem, layout, epilogue.is_simple),
                    cut.size_bytes(), [&](std::byte* memory) {
                      auto* blocks = new (memory) ChannelBlock[cut.size()];
                      std::copy(cut.begin(), cut.end(), blocks);
                      fill_blocks(problem, epilogue.is_simple, {blocks, cut.size()});
                    });
  filled.blocks = {std::launder(reinterpret_cast<const ChannelBlock*>(filled.memory.get())), cut.size()};
  return filled;
}

}  // namespace octet
