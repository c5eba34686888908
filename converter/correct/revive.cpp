// Channels that are 0 on all samples become second copies of those whose rounding disturbs the network most, as outlier
// channel splitting (Zhao et al. 2019, arXiv:1901.09504) does with channels that it adds: here they are there already.
//
//   y = W[:, a] x_a   ->   W[:, a]/n x_a + sum of W[:, a]/n (rho x_a)/rho   over the n - 1 copies
//
// A copy is scaled by rho, so that its integers round elsewhere: n roundings that know nothing of each other have 1/n
// of the error's power, in values and in weights. It costs nothing when the network runs. Depthwise layers between a
// channel's maker and its reader are copied with it.
//
// Refused where a value has several makers or readers, or bounds that differ between channels. A channel stays 0 only
// as far as the samples tell.
#include <algorithm>
#include <cmath>
#include <map>

#include "converter/correct/channel_groups.h"
#include "converter/correct/method_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr double kBoundMargin = 1.1;  // over what was observed, below a bound such as ReLU6's
constexpr double kMostRoom = 1.5;     // copies are not made larger than that: only rho != 1 matters
constexpr double kSmaller = 0.9;      // rho where there is no room to grow

using Stats = std::map<std::string, ChannelStats>;

// Layers that a channel runs through by itself: its maker, depthwise layers, and the reader that mixes channels again.
struct Chain {
  std::vector<size_t> makers;                    // the depthwise layers are makers too
  std::vector<std::vector<std::string>> values;  // of each maker
  size_t reader = 0;
};

bool is_depthwise(const Graph& graph, const Node& layer) {
  const auto* conv = layer.as<Conv2dParams>();
  return conv != nullptr && conv->groups > 1 && conv->groups == output_channels(graph, layer) &&
         conv->groups == input_channels(graph, layer);
}

bool is_dense(const Node& layer) {
  const auto* conv = layer.as<Conv2dParams>();
  return conv == nullptr || conv->groups == 1;
}

std::vector<Chain> find_chains(const Graph& graph) {
  std::map<size_t, const ChannelGroup*> by_maker;
  const std::vector<ChannelGroup> groups = find_channel_groups(graph);
  for (const ChannelGroup& group : groups) {
    if (group.makers.size() == 1 && group.readers.size() == 1) by_maker[group.makers[0]] = &group;
  }
  std::vector<Chain> chains;
  for (const auto& [maker, group] : by_maker) {
    if (!is_dense(graph.nodes[maker])) continue;
    Chain chain{{maker}, {group->values}, group->readers[0]};
    while (is_depthwise(graph, graph.nodes[chain.reader]) && by_maker.contains(chain.reader)) {
      const ChannelGroup& next = *by_maker.at(chain.reader);
      chain.makers.push_back(chain.reader);
      chain.values.push_back(next.values);
      chain.reader = next.readers[0];
    }
    if (is_dense(graph.nodes[chain.reader])) chains.push_back(std::move(chain));
  }
  return chains;
}

// Sum of squares of each of `rows` rows.
std::vector<double> row_powers(std::span<const float> weights, size_t rows) {
  std::vector<double> powers(rows, 0.0);
  for (size_t i = 0; i < weights.size(); ++i) {
    powers[i * rows / weights.size()] += static_cast<double>(weights[i]) * static_cast<double>(weights[i]);
  }
  return powers;
}

// A layer's constants, to change them row by row.
class Constants {
 public:
  Constants(Graph& graph, size_t node)
      : graph_(graph),
        node_(graph.nodes[node]),
        weights_(layer_weights(graph, node_)),
        bias_(layer_bias(graph, node_)),
        taps_(weights_.size() / bias_.size()) {}
  ~Constants() {
    set_layer_weights(graph_, node_, weights_);
    set_layer_bias(graph_, node_, bias_);
  }
  Constants(const Constants&) = delete;
  Constants& operator=(const Constants&) = delete;

  void copy_output(size_t from, size_t to, double weight_scale, double bias_scale) {
    for (size_t k = 0; k < taps_; ++k) {
      weights_[to * taps_ + k] = static_cast<float>(static_cast<double>(weights_[from * taps_ + k]) * weight_scale);
    }
    bias_[to] = static_cast<float>(static_cast<double>(bias_[from]) * bias_scale);
  }
  void copy_input(size_t from, size_t to, size_t channels, double scale) {
    for (size_t i = 0; i < weights_.size(); i += channels) {
      weights_[i + to] = static_cast<float>(static_cast<double>(weights_[i + from]) * scale);
    }
  }

 private:
  Graph& graph_;
  Node& node_;
  std::vector<float> weights_, bias_;
  size_t taps_;
};

class Reviver {
 public:
  Reviver(Draft& draft, const Stats& stats) : draft_(draft), stats_(stats) {}

  // Returns the number of layers that changed.
  int run(const Chain& chain) {
    const std::vector<double> noise = noise_at_reader(chain);
    const Node& last = layer(chain.makers.back());
    std::map<size_t, std::vector<size_t>> copies;
    for (size_t dead = 0; dead < noise.size(); ++dead) {
      if (clamp_of(last)->min != 0 || stats_.at(last.name).max[dead] > 0) continue;
      // The one whose noise falls most: power / n -> power / (n + 1).
      double best = 0;
      size_t from = 0;
      for (size_t i = 0; i < noise.size(); ++i) {
        const double n = 1 + static_cast<double>(copies[i].size());
        const double gain = noise[i] / (n * (n + 1));
        if (gain > best) from = i;
        best = std::max(best, gain);
      }
      if (best > 0) copies[from].push_back(dead);
    }
    std::erase_if(copies, [](const auto& entry) { return entry.second.empty(); });
    if (copies.empty()) return 0;
    for (Graph* graph : {&draft_.graph, &draft_.teacher}) apply(*graph, chain, copies);
    note_copies(chain, copies);
    for (const size_t maker : chain.makers) draft_.options.weight_scales.erase(layer(maker).name);
    draft_.options.weight_scales.erase(layer(chain.reader).name);
    return static_cast<int>(chain.makers.size()) + 1;
  }

 private:
  const Node& layer(size_t node) const { return draft_.graph.nodes[node]; }

  // What the largest channel of the value takes, its activation applied.
  double range(size_t maker) const {
    double most = 0;
    for (const double max : stats_.at(layer(maker).name).max) most = std::max(most, max);
    return std::min(most, static_cast<double>(clamp_of(layer(maker))->max));
  }

  // By how much a copy of the channel is scaled: 1 where the channel reaches a bound, else anything but 1.
  double scale_of(size_t maker, size_t channel, size_t copy) const {
    const double max = stats_.at(layer(maker).name).max[channel];
    const auto bound = static_cast<double>(clamp_of(layer(maker))->max);
    if (max >= bound) return 1;
    const double room = max > 0 ? std::min(range(maker), bound / kBoundMargin) / max : 1;
    const double most = room > 1 / kSmaller ? std::min(room, kMostRoom) : kSmaller;
    return 1 + (most - 1) / static_cast<double>(copy);
  }

  // Per channel, the power of what its rounding adds to the reader's outputs, relative to their variances, if the
  // rounding errors of all values were independent. 0 for channels that are dead, or cannot be scaled anywhere.
  std::vector<double> noise_at_reader(const Chain& chain) const {
    const Graph& graph = draft_.teacher;
    std::vector<double> noise;
    for (const size_t maker : chain.makers) {
      const double step = range(maker) / 255;
      if (maker == chain.makers[0]) {
        noise.assign(static_cast<size_t>(output_channels(graph, graph.nodes[maker])), 0.0);
      } else {
        const std::vector<double> gains = row_powers(layer_weights(graph, graph.nodes[maker]), noise.size());
        for (size_t c = 0; c < noise.size(); ++c) noise[c] *= gains[c];
      }
      for (double& n : noise) n += step * step / 12;
    }
    const Node& reader = graph.nodes[chain.reader];
    const std::vector<float> weights = layer_weights(graph, reader);
    const std::vector<double>& deviations = stats_.at(reader.name).deviation;
    const size_t taps = weights.size() / deviations.size();
    std::vector<double> power(noise.size(), 0.0);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double deviation = deviations[i / taps];
      const double w = deviation > 0 ? static_cast<double>(weights[i]) / deviation : 0.0;
      power[i % noise.size()] += w * w;
    }
    for (size_t c = 0; c < noise.size(); ++c) {
      const bool is_alive = stats_.at(layer(chain.makers.back()).name).max[c] > 0;
      const bool is_free = std::any_of(chain.makers.begin(), chain.makers.end(),
                                       [&](size_t maker) { return scale_of(maker, c, 1) != 1; });
      noise[c] *= is_alive && is_free ? power[c] : 0.0;
    }
    return noise;
  }

  void apply(Graph& graph, const Chain& chain, const std::map<size_t, std::vector<size_t>>& copies) const {
    const auto channels = static_cast<size_t>(output_channels(graph, graph.nodes[chain.makers[0]]));
    for (const auto& [from, to] : copies) {
      const double share = 1 / (1 + static_cast<double>(to.size()));
      for (size_t k = 0; k < to.size(); ++k) {
        double before = 1;
        for (const size_t maker : chain.makers) {
          const double scale = scale_of(maker, from, k + 1);
          Constants(graph, maker).copy_output(from, to[k], scale / before, scale);
          before = scale;
        }
        Constants(graph, chain.reader).copy_input(from, to[k], channels, share / before);
      }
      Constants(graph, chain.reader).copy_input(from, from, channels, share);
    }
  }

  void note_copies(const Chain& chain, const std::map<size_t, std::vector<size_t>>& copies) {
    const auto channels = static_cast<size_t>(output_channels(draft_.graph, draft_.graph.nodes[chain.makers[0]]));
    for (size_t i = 0; i < chain.makers.size(); ++i) {
      for (const std::string& value : chain.values[i]) {
        ValueRescaling& rescaled = rescaling_of(draft_.rescaling, value, channels);
        for (const auto& [from, to] : copies) {
          for (size_t k = 0; k < to.size(); ++k) {
            rescaled[to[k]] = rescaled[from];
            rescaled[to[k]].factor *= scale_of(chain.makers[i], from, k + 1);
          }
        }
      }
    }
  }

  Draft& draft_;
  const Stats& stats_;
};

}  // namespace

Result<int> correct_revive(const CorrectionContext& context, Draft& draft) {
  OCTET_TRY(const Stats stats, observe_channels(context, draft.teacher, draft.bounds));
  int changed = 0;
  for (const Chain& chain : find_chains(draft.graph)) {
    const bool has_bounds = std::any_of(chain.makers.begin(), chain.makers.end(), [&](size_t maker) {
      return draft.bounds.contains(draft.graph.nodes[maker].name);
    });
    if (!has_bounds) changed += Reviver(draft, stats).run(chain);
  }
  if (changed > 0) {
    OCTET_TRY(draft.ranges, context.calibrate(draft.teacher));
  }
  return changed;
}

}  // namespace octet
