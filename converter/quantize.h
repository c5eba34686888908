// Ranges to integer parameters, and float weights to integer weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/tensor.h"

namespace octet {

// u8 asymmetric: scale = (max - min) / 255, zero_point = round(-min / scale). The range is widened to include 0, so
// that real 0 is exactly an integer; an empty range gives scale 1, zero point 0.
QuantParams u8_params(Range range);

// s8 symmetric: scale = max_abs / 127, so that integers lie in [-127, 127].
inline float s8_scale(float max_abs) {
  return max_abs / 127.0F;
}

// The integer form of a conv2d's or fully_connected's constants.
struct QuantizedWeights {
  Tensor weights;             // s8, the shape of the float weights
  std::vector<float> scales;  // one per output channel (axis 0), or one
  Tensor bias;                // s32 [O], in units of src_scale * scales[o]
};

// w_q = round_half_even(w / s), symmetric, in [-127, 127]. The range of the channel (or tensor) is max|w|, or up to a
// fifth more or less where that rounds with less squared error: a depthwise channel has few weights, and they need not
// fall well on the multiples of max|w| / 127. (On the calibration images of mobilenet_v1_0.25 this lifts agreement by 3
// points.) b_q = round_half_even(b / (src_scale * s)). A bias too large for that scale (near-dead channels have tiny
// weights) widens the scale of its channel until |b_q| <= 2^30, which `notices` reports; so K * 255 * 127 + |b_q| <
// 2^31 whenever K <= kMaxAccumulatedTaps.
//
// weights  f32 [O, ...]
// bias     f32 [O], or null for zeros
// scales   of the weights, chosen already (one per channel, or one), or empty
QuantizedWeights quantize_weights(const Tensor& weights, const Tensor* bias, float src_scale, bool per_channel,
                                  const std::string& node_name, std::vector<std::string>& notices,
                                  std::span<const float> scales = {});

// How many u8 * s8 products an s32 accumulator takes beside a bias of 2^30: (2^30 - 1) / (255 * 127).
constexpr int64_t kMaxAccumulatedTaps = ((int64_t{1} << 30) - 1) / (255 * 127);

}  // namespace octet
