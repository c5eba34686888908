#include "converter/correct/rounding_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "converter/passes/rewrite.h"

namespace octet {
namespace {

double normal_density(double z) {
  return std::isinf(z) ? 0 : std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
}

double normal_share(double z) {  // below z
  return std::erfc(-z / std::numbers::sqrt2) / 2;
}

struct Clamped {
  double share = 1;  // that lies within
  double variance = 0;
};

// Of N(mean, deviation) behind a clamp: https://en.wikipedia.org/wiki/Truncated_normal_distribution for the part
// within, and the bounds with the probability of what lies beyond.
Clamped clamped_normal(double mean, double deviation, const Clamp& clamp) {
  const auto min = static_cast<double>(clamp.min);
  const auto max = static_cast<double>(clamp.max);
  const double low = (min - mean) / deviation;
  const double high = (max - mean) / deviation;
  const double below = normal_share(low);
  const double above = 1 - normal_share(high);
  const double density_low = normal_density(low);
  const double density_high = normal_density(high);
  const double share = 1 - below - above;
  const double slope = density_low - density_high;
  const auto times = [](double bound, double factor) { return factor == 0 ? 0 : bound * factor; };
  const double first = mean * share + deviation * slope + times(min, below) + times(max, above);
  const double second = (mean * mean + deviation * deviation) * share + 2 * mean * deviation * slope +
                        deviation * deviation * (times(low, density_low) - times(high, density_high)) +
                        times(min * min, below) + times(max * max, above);
  return {share, std::max(second - first * first, 0.0)};
}

}  // namespace

RoundingNoise::RoundingNoise(const Graph& graph, const ChannelGroup& group,
                             const std::map<std::string, ChannelStats>& stats)
    : variance_(group.channels, 0.0) {
  for (const size_t node : group.makers) {
    const ChannelStats& seen = stats.at(graph.nodes[node].name);
    const Clamp& clamp = *clamp_of(graph.nodes[node]);
    Maker maker;
    for (size_t c = 0; c < group.channels; ++c) {
      maker.low.push_back(std::min(std::max(seen.min[c], static_cast<double>(clamp.min)), 0.0));
      maker.high.push_back(std::max(std::min(seen.max[c], static_cast<double>(clamp.max)), 0.0));
      Clamped stored{seen.deviation[c] > 0 ? 1.0 : 0.0, 0};
      if (seen.deviation[c] > 0) stored = clamped_normal(seen.mean[c], seen.deviation[c], clamp);
      maker.rounded.push_back(stored.share);
      variance_[c] += stored.variance / static_cast<double>(group.makers.size());
    }
    makers_.push_back(std::move(maker));
  }
  for (const size_t node : group.readers) {
    const Node& layer = graph.nodes[node];
    const std::vector<float> weights = layer_weights(graph, layer);
    const auto* conv = layer.as<Conv2dParams>();
    const size_t groups = conv != nullptr ? static_cast<size_t>(conv->groups) : 1;
    Reader reader;
    reader.outputs = static_cast<size_t>(output_channels(graph, layer));
    reader.outputs_per_group = reader.outputs / groups;
    reader.channels = group.channels / groups;
    reader.taps = weights.size() / (reader.outputs * reader.channels);
    reader.largest.assign(reader.outputs * reader.channels, 0.0);
    reader.power.assign(group.channels, 0.0);
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t o = i / (reader.taps * reader.channels);
      const size_t c = i % reader.channels;
      const double w = std::fabs(static_cast<double>(weights[i]));
      double& largest = reader.largest[o * reader.channels + c];
      largest = std::max(largest, w);
      reader.power[o / reader.outputs_per_group * reader.channels + c] += w * w;
    }
    for (const double d : stats.at(layer.name).deviation) reader.variance += d * d;
    if (reader.variance > 0) readers_.push_back(std::move(reader));
  }
}

double RoundingNoise::operator()(std::span<const double> r) const {
  std::vector<double> noise(r.size(), 0.0);  // of the value, in its units
  for (const Maker& maker : makers_) {
    double low = 0;
    double high = 0;
    for (size_t c = 0; c < r.size(); ++c) {
      low = std::min(low, maker.low[c] / r[c]);
      high = std::max(high, maker.high[c] / r[c]);
    }
    const double step = (high - low) / 255;
    for (size_t c = 0; c < r.size(); ++c) noise[c] += step * step / 12 * maker.rounded[c] * r[c] * r[c];
  }
  double total = 0;
  for (const Reader& reader : readers_) {
    double sum = 0;
    for (size_t c = 0; c < r.size(); ++c) sum += noise[c] * reader.power[c];
    for (size_t o = 0; o < reader.outputs; ++o) {
      const size_t first = o / reader.outputs_per_group * reader.channels;
      double largest = 0;
      double variance = 0;
      for (size_t c = 0; c < reader.channels; ++c) {
        const double factor = r[first + c];
        largest = std::max(largest, reader.largest[o * reader.channels + c] * factor);
        variance += variance_[first + c] / (factor * factor);
      }
      const double step = largest / 127;
      sum += step * step / 12 * variance * static_cast<double>(reader.taps);
    }
    total += sum / reader.variance;
  }
  return total;
}

}  // namespace octet
