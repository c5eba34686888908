#include "converter/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace octet {
namespace {

// The search for a channel's scale: this many candidates, as shares of max|w| / bound. 4 bits clip more: N(0, 1)
// at 2.48 sigma.
constexpr int kScaleCandidates = 80;
constexpr float kLeastShare = 0.8F;
constexpr float kLeastShare4 = 0.3F;
constexpr float kMostShare = 1.2F;
constexpr double kExactF32 = 1 << 24;

float max_abs(std::span<const float> values) {
  float found = 0;
  for (const float v : values) found = std::max(found, std::fabs(v));
  return found;
}

// Squared error of rounding `values` to multiples of `scale` in [-bound, bound].
double rounding_error(std::span<const float> values, float scale, int bound) {
  const auto limit = static_cast<float>(bound);
  double sum = 0;
  for (const float v : values) {
    const float q = std::min(std::max(std::nearbyintf(v / scale), -limit), limit);
    const double error = static_cast<double>(v - scale * q);
    sum += error * error;
  }
  return sum;
}

// max|w| / bound, or a smaller or slightly larger scale if the weights happen to fall better on its multiples.
float best_scale(std::span<const float> values, int bound) {
  const float widest = max_abs(values) / static_cast<float>(bound);
  const float least = bound == 7 ? kLeastShare4 : kLeastShare;
  float best = widest;
  double best_error = rounding_error(values, widest, bound);
  for (int i = 0; i <= kScaleCandidates; ++i) {
    const float scale = widest * (least + (kMostShare - least) * static_cast<float>(i) / kScaleCandidates);
    const double error = rounding_error(values, scale, bound);
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

float power_of_two_above(double scale) {
  return static_cast<float>(std::exp2(std::ceil(std::log2(scale))));
}

// Of the power of two above max|w| / bound and its two neighbours, the one that rounds best.
float best_power_of_two(std::span<const float> values, int bound) {
  const float widest = max_abs(values) / static_cast<float>(bound);
  if (!std::isnormal(widest)) return 0;
  const float above = power_of_two_above(static_cast<double>(widest));
  float best = above;
  for (const float scale : {above / 2, above / 4}) {
    if (rounding_error(values, scale, bound) < rounding_error(values, best, bound)) best = scale;
  }
  return best;
}

// The factor of a group's step, in steps of `scale`.
int best_factor(std::span<const float> group, float scale, const WeightScheme& scheme) {
  int best = 1;
  double best_error = INFINITY;
  for (int factor = 1; factor <= scheme.most_factor(); ++factor) {
    const double error = rounding_error(group, scale * static_cast<float>(factor), scheme.bound());
    if (error < best_error) {
      best_error = error;
      best = factor;
    }
  }
  return best;
}

// Calls visit(group) for each run of group_size weights within a channel.
template <class Visit>
void each_group(std::span<const float> values, size_t taps, const WeightScheme& scheme, const Visit& visit) {
  const auto size = static_cast<size_t>(scheme.group_size);
  for (size_t row = 0; row < values.size(); row += taps) {
    for (size_t k = 0; k < taps; k += size) visit(values.subspan(row + k, std::min(size, taps - k)));
  }
}

// The scale of the values that share one.
float choose_scale(std::span<const float> values, size_t taps, const WeightScheme& wanted) {
  const WeightScheme scheme = wanted.for_taps(static_cast<int64_t>(taps));
  const auto best = scheme.pow2 ? best_power_of_two : best_scale;
  if (scheme.group_size == 0) return best(values, scheme.bound());
  // The group with the widest step has the largest factor.
  float widest = 0;
  each_group(values, taps, scheme,
             [&](std::span<const float> group) { widest = std::max(widest, best(group, scheme.bound())); });
  const int steps = scheme.most_factor();
  return widest / static_cast<float>(scheme.pow2 ? std::bit_floor(static_cast<unsigned>(steps)) : steps);
}

// Whether f32 counts all that the channel may add up.
bool counts_exactly(std::span<const int8_t> weights, int32_t bias) {
  double up = 0;
  double down = 0;
  for (const int8_t w : weights) (w > 0 ? up : down) += std::abs(w);
  return 255 * std::max(up, down) + std::fabs(static_cast<double>(bias)) < kExactF32;
}

}  // namespace

QuantParams u8_params(Range range, const ActivationScheme& scheme) {
  const double min = std::min(range.min, 0.0F);
  const double max = std::max(range.max, 0.0F);
  double exact = scheme.symmetric ? std::max(-min, max) / 127 : (max - min) / 255.0;
  constexpr double kMayClip = 0.05;
  if (scheme.pow2 && exact > 0) exact = std::exp2(std::ceil(std::log2(exact * (1 - kMayClip))));
  const auto scale = static_cast<float>(exact);
  const bool usable = scale > 0 && std::isnormal(scale);
  if (scheme.symmetric) return {usable ? scale : 1.0F, 128};
  if (!usable) return {1.0F, 0};
  return {scale, static_cast<int32_t>(std::clamp(std::nearbyint(-min / scale), 0.0, 255.0))};
}

std::vector<float> group_factors(std::span<const float> weights, const WeightScheme& wanted,
                                 std::span<const float> channel_scales) {
  const size_t taps = channel_scales.empty() ? 0 : weights.size() / channel_scales.size();
  const WeightScheme scheme = wanted.for_taps(static_cast<int64_t>(taps));
  if (scheme.group_size == 0) return std::vector<float>(weights.size(), 1.0F);
  std::vector<float> factors;
  factors.reserve(weights.size());
  each_group(weights, taps, scheme, [&](std::span<const float> group) {
    const float scale = channel_scales[factors.size() / taps];
    factors.insert(factors.end(), group.size(), static_cast<float>(best_factor(group, scale, scheme)));
  });
  return factors;
}

QuantizedWeights quantize_weights(const Tensor& weights, const Tensor* bias, const LayerScales& layer,
                                  const WeightScheme& scheme, const std::string& node_name,
                                  std::vector<std::string>& notices, std::span<const float> scales) {
  const auto channels = static_cast<size_t>(weights.shape()[0]);
  const std::span<const float> values = weights.as<float>();
  const size_t taps = channels == 0 ? 0 : values.size() / channels;
  const auto bias_of = [&](size_t o) { return bias == nullptr ? 0.0 : static_cast<double>(bias->as<float>()[o]); };
  const auto limit = static_cast<float>(scheme.bound());
  const auto most_bias = static_cast<double>(max_bias(static_cast<int64_t>(taps)));

  QuantizedWeights result{Tensor(DataType::kS8, weights.shape()), {}, Tensor(DataType::kS32, {weights.shape()[0]})};
  const std::span<int8_t> integers = result.weights.as<int8_t>();
  const std::span<int32_t> biases = result.bias.as<int32_t>();
  // Of channels [first, last), which share a scale. False: a sum might leave what f32 counts.
  const auto quantize = [&](size_t first, size_t last, float scale) {
    const auto part = values.subspan(first * taps, (last - first) * taps);
    const std::vector<float> factors = group_factors(part, scheme, std::vector<float>(last - first, scale));
    for (size_t i = 0; i < part.size(); ++i) {
      const float q = std::clamp(std::nearbyintf(part[i] / (scale * factors[i])), -limit, limit);
      integers[first * taps + i] = static_cast<int8_t>(factors[i] * q);
    }
    bool exact = true;
    for (size_t o = first; o < last; ++o) {
      const double q = std::nearbyint(bias_of(o) / (static_cast<double>(layer.src) * static_cast<double>(scale)));
      biases[o] = static_cast<int32_t>(std::clamp(q, -most_bias, most_bias));
      exact = exact && counts_exactly(integers.subspan(o * taps, taps), biases[o]);
    }
    return exact;
  };

  const size_t groups = scheme.per_channel ? channels : 1;
  const size_t group_channels = scheme.per_channel ? 1 : channels;
  size_t widened = 0;
  size_t doubled = 0;
  for (size_t g = 0; g < groups; ++g) {
    const size_t first = g * group_channels;
    double scale = static_cast<double>(
        scales.empty() ? choose_scale(values.subspan(first * taps, group_channels * taps), taps, scheme) : scales[g]);
    double needed = 0;
    for (size_t o = first; o < first + group_channels; ++o) {
      needed = std::max(needed, std::fabs(bias_of(o)) / (static_cast<double>(layer.src) * most_bias));
    }
    if (needed > scale) {
      if (scale > 0) ++widened;
      scale = needed;
    }
    if (layer.least > scale) {
      if (scale > 0) ++doubled;
      scale = layer.least;
    }
    auto rounded = static_cast<float>(scale);
    if (!std::isnormal(rounded)) rounded = 1.0F;
    if (static_cast<double>(rounded) < needed) rounded = std::nextafterf(rounded, INFINITY);
    if (scheme.pow2) rounded = power_of_two_above(static_cast<double>(rounded));
    bool exact = quantize(first, first + group_channels, rounded);
    if (scheme.pow2 && !exact) ++doubled;
    while (scheme.pow2 && !exact) {
      rounded *= 2;
      exact = quantize(first, first + group_channels, rounded);
    }
    result.scales.push_back(rounded);
  }
  const auto report = [&](size_t count, const std::string& why) {
    if (count == 0) return;
    notices.push_back("node '" + node_name + "': " + why + " of " + std::to_string(count) + " of " +
                      std::to_string(groups) + " scales; these were widened");
  };
  report(widened, "the bias is too large for the weights");
  report(doubled, "a shift would not be exact at the weights");
  return result;
}

Status check_taps(const std::string& node_name, int64_t taps, int64_t most) {
  if (taps <= most) return {};
  return Error{ErrorCode::kUnsupported, "node '" + node_name + "' adds " + std::to_string(taps) +
                                            " products, but a 32-bit accumulator holds " + std::to_string(most) +
                                            "; keep it in float"};
}

Status check_finite(const std::string& node_name, const std::string& value_name, const Tensor& tensor) {
  for (const float v : tensor.as<float>()) {
    if (std::isfinite(v)) continue;
    return Error{ErrorCode::kInvalidFile, "node '" + node_name + "': '" + value_name + "' holds " + std::to_string(v) +
                                              ", which has no integer"};
  }
  return {};
}

}  // namespace octet
