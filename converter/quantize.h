// Ranges to integer parameters, and float weights to integer weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/tensor.h"
#include "octet/result.h"

namespace octet {

// How a range becomes the integers of an activation.
struct ActivationScheme {
  bool symmetric = false;  // zero point 128: s8 with zero point 0 in the clothes of u8
  bool pow2 = false;       // scales are powers of two
};

// u8 asymmetric: scale = (max - min) / 255, zero_point = round(-min / scale). The range is widened to include 0, so
// that real 0 is exactly an integer; an empty range gives scale 1, zero point 0.
// Symmetric: scale = max(|min|, |max|) / 127, zero point 128.
// A power of two is the next above, or the one below where it clips at most 5 % of the range; ranges of calibration
// methods are powers of two apart already.
QuantParams u8_params(Range range, const ActivationScheme& scheme = {});

// How weights become integers.
struct WeightScheme {
  bool per_channel = true;  // else one scale a tensor
  int bits = 8;             // 8: integers in [-127, 127]; 4: in [-7, 7]
  // > 0, with 4 bits: each run of this many weights of a channel has a step of its own, the channel's scale times an
  // integer factor in [1, 18] (portable: 9), so that factor * [-7, 7] are s8 and the kernels need not know.
  int64_t group_size = 0;
  bool pow2 = false;  // scales are powers of two
  // s8 in [-63, 63]: two products with u8 fit into 16 bits, so that vpmaddubsw, what runtimes use on CPUs without VNNI,
  // never saturates.
  bool portable = false;

  int most() const { return portable ? 63 : 127; }
  int bound() const { return bits == 4 ? 7 : most(); }
  int most_factor() const { return most() / 7; }
  // The scheme for channels of `taps` weights: one group is no group.
  WeightScheme for_taps(int64_t taps) const {
    WeightScheme scheme = *this;
    if (taps <= group_size) scheme.group_size = 0;
    return scheme;
  }
};

// The integer form of a conv2d's or fully_connected's constants.
struct QuantizedWeights {
  Tensor weights;                         // s8, the shape of the float weights
  std::vector<float> scales;              // one per output channel (axis 0), or one
  Tensor bias;                            // s32 [O], in units of src_scale * scales[o]
  std::vector<int32_t> zero_points = {};  // as many as scales, or empty if all are 0: only a quantized model's own
};

// What bounds a layer's scales from below, beside its weights.
struct LayerScales {
  float src = 1;     // of the input
  double least = 0;  // of the weights
};

// w_q = round_half_even(w / s), symmetric, in [-bound, bound]. The scale of the channel (or tensor) is max|w| / bound,
// or that up to a fifth smaller or larger (4 bits: down to 0.3 of it) which rounds with least squared error: a
// depthwise channel has few weights, and they need not fall well on the multiples of max|w| / 127. (On the calibration
// images of mobilenet_v1_0.25 this lifts agreement by 3 points.) A power of two is the next above that, or a neighbour
// if it rounds better. b_q = round_half_even(b / (src * s)).
//
// Guards, each reported in `notices`: a bias too large for its scale (near-dead channels have tiny weights) widens the
// scale of its channel until |b_q| <= max_bias(K). Powers of two are doubled until
// 255 * max(sum of w_q > 0, sum of -w_q > 0) + |b_q| < 2^24, what f32 counts exactly.
//
// weights  f32 [O, ...]
// bias     f32 [O], or null for zeros
// scales   of the weights, chosen already (one per channel, or one), or empty
QuantizedWeights quantize_weights(const Tensor& weights, const Tensor* bias, const LayerScales& layer,
                                  const WeightScheme& scheme, const std::string& node_name,
                                  std::vector<std::string>& notices, std::span<const float> scales = {});

// Per weight, the factor of its group's step: 1 without groups.
std::vector<float> group_factors(std::span<const float> weights, const WeightScheme& scheme,
                                 std::span<const float> channel_scales);

// How many u8 * s8 products a layer may add up: what conv2d takes, to which a weight may be -128.
constexpr int64_t kMaxAccumulatedTaps = INT32_MAX / (int64_t{255} * 128);

// Whether the node adds up at most `most` products; kUnsupported.
Status check_taps(const std::string& node_name, int64_t taps, int64_t most);

// Whether every element, f32, has an integer; kInvalidFile.
Status check_finite(const std::string& node_name, const std::string& value_name, const Tensor& tensor);

// The largest |bias| beside `taps` <= kMaxAccumulatedTaps products: 2^30, or less, so that
// taps * 255 * 127 + |bias| < 2^31, what an s32 accumulator holds.
inline int64_t max_bias(int64_t taps) {
  return std::min(int64_t{1} << 30, INT32_MAX - taps * 255 * 127);
}

}  // namespace octet
