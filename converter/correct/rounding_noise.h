// What rounding a value and the weights that read it costs, before anything is rounded: to compare scales of channels.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "converter/correct/channel_groups.h"

namespace octet {

// Of a group of find_channel_groups whose readers have a scale per output channel. By the laws of uniform rounding an
// integer of step s is off by s^2/12 on average:
//
//   values   s_x^2/12 * sum over c of p_c r_c^2 W[o,c]^2,                     s_x = max over c of (x's span)_c / r_c / 255
//   weights  (max over c of |W[o,c]| r_c / 127)^2/12 * sum over c of Var[x_c] / r_c^2
//
// where p_c is the share of x_c that lies within its bounds (a 0 behind a ReLU is exact), and means do not count: biases
// make up for them. Moments behind the bounds are those of N(mean, deviation).
class RoundingNoise {
 public:
  RoundingNoise(const Graph& graph, const ChannelGroup& group, const std::map<std::string, ChannelStats>& stats);

  // The sum over all readers, each as a share of its outputs' variance, where channel c of the value is divided by
  // r[c] > 0 and what reads it multiplied.
  double operator()(std::span<const double> r) const;

 private:
  struct Maker {
    std::vector<double> low, high, rounded;  // per channel: what is stored, p_c
  };
  struct Reader {
    size_t outputs = 0, channels = 0, taps = 0;  // channels: that one output reads
    size_t outputs_per_group = 0;
    std::vector<double> largest;  // |W| over taps, [outputs, channels]
    std::vector<double> power;    // sum of W^2 over outputs and taps, per channel of the value
    double variance = 0;          // of all outputs
  };

  std::vector<Maker> makers_;
  std::vector<Reader> readers_;
  std::vector<double> variance_;  // per channel of the value, on average over the makers
};

}  // namespace octet
