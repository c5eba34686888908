#include "converter/quantize.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

constexpr double kMaxBias = 1 << 30;
// The search for a channel's scale: this many candidates to either side of max|w| / 127, up to this share away.
constexpr int kScaleCandidates = 40;
constexpr float kScaleSpread = 0.2F;

float max_abs(std::span<const float> values) {
  float found = 0;
  for (const float v : values) found = std::max(found, std::fabs(v));
  return found;
}

// Squared error of rounding `values` to multiples of `scale` in [-127, 127].
double rounding_error(std::span<const float> values, float scale) {
  double sum = 0;
  for (const float v : values) {
    const float q = std::min(std::max(std::nearbyintf(v / scale), -127.0F), 127.0F);
    const double error = static_cast<double>(v - scale * q);
    sum += error * error;
  }
  return sum;
}

// max|w| / 127, or a slightly smaller or larger scale if the weights happen to fall better on its multiples.
float best_scale(std::span<const float> values) {
  const float widest = s8_scale(max_abs(values));
  float best = widest;
  double best_error = rounding_error(values, widest);
  for (int i = -kScaleCandidates; i <= kScaleCandidates; ++i) {
    const float scale = widest * (1.0F + kScaleSpread * static_cast<float>(i) / kScaleCandidates);
    const double error = rounding_error(values, scale);
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

QuantParams u8_params(Range range) {
  const double min = std::min(range.min, 0.0F);
  const double max = std::max(range.max, 0.0F);
  const auto scale = static_cast<float>((max - min) / 255.0);
  if (!(scale > 0) || !std::isnormal(scale)) return {1.0F, 0};
  return {scale, static_cast<int32_t>(std::clamp(std::nearbyint(-min / scale), 0.0, 255.0))};
}

QuantizedWeights quantize_weights(const Tensor& weights, const Tensor* bias, float src_scale, bool per_channel,
                                  const std::string& node_name, std::vector<std::string>& notices,
                                  std::span<const float> scales) {
  const auto channels = static_cast<size_t>(weights.shape()[0]);
  const std::span<const float> values = weights.as<float>();
  const size_t taps = channels == 0 ? 0 : values.size() / channels;
  const auto bias_of = [&](size_t o) { return bias == nullptr ? 0.0 : static_cast<double>(bias->as<float>()[o]); };

  QuantizedWeights result{Tensor(DataType::kS8, weights.shape()), {}, Tensor(DataType::kS32, {weights.shape()[0]})};
  const size_t groups = per_channel ? channels : 1;
  const size_t group_channels = per_channel ? 1 : channels;
  size_t widened = 0;
  for (size_t g = 0; g < groups; ++g) {
    const size_t first = g * group_channels;
    double scale = static_cast<double>(scales.empty() ? best_scale(values.subspan(first * taps, group_channels * taps))
                                                      : scales[g]);
    double needed = 0;
    for (size_t o = first; o < first + group_channels; ++o) {
      needed = std::max(needed, std::fabs(bias_of(o)) / (static_cast<double>(src_scale) * kMaxBias));
    }
    if (needed > scale) {
      if (scale > 0) ++widened;
      scale = needed;
    }
    auto rounded = static_cast<float>(scale);
    if (!std::isnormal(rounded)) rounded = 1.0F;
    if (static_cast<double>(rounded) < needed) rounded = std::nextafterf(rounded, INFINITY);
    result.scales.push_back(rounded);
    for (size_t o = first; o < first + group_channels; ++o) {
      for (size_t k = o * taps; k < (o + 1) * taps; ++k) {
        const float q = std::nearbyintf(values[k] / rounded);
        result.weights.as<int8_t>()[k] = static_cast<int8_t>(std::clamp(q, -127.0F, 127.0F));
      }
      const double q = std::nearbyint(bias_of(o) / (static_cast<double>(src_scale) * static_cast<double>(rounded)));
      result.bias.as<int32_t>()[o] = static_cast<int32_t>(std::clamp(q, -kMaxBias, kMaxBias));
    }
  }
  if (widened > 0) {
    notices.push_back("node '" + node_name + "': the bias is too large for the weights of " + std::to_string(widened) +
                      " of " + std::to_string(groups) + " scales; these were widened");
  }
  return result;
}

}  // namespace octet
