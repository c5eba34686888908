// Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721), for all layers that a value ties together:
//
//   r_i = sqrt(R1_i R2_i) / R2_i,   W1[i], b1[i] divided by r_i,   W2[:, i] multiplied by r_i
//
// R1, R2: max |w| of channel i over the layers that make the value, and over those that read it; r = 1 where one is 0.
// Swept until nothing moves, which is the three-layer form where a depthwise layer stands in between: all three ranges
// become their geometric mean.
//
// A bound such as ReLU6's would become 6 / r_i, one per channel, which a layer does not have, and leaving it out costs
// accuracy. Instead channels that reach the bound on the samples keep r = 1, all others are scaled to stay below it,
// and a bound that no channel reaches is left out.
//
// `balance` is the same with R1_i = max |x_i|, the range of the value itself: where every output channel has its own
// scale it does not matter how large W1 is, but all channels of the value share one. Nor does it matter then how large
// W2 is where only depthwise layers read: R2_i = 1 / R1_i, which gives r_i = R1_i. Other readers' scales would suffer
// more than the values gain: their values are left alone.
#include <algorithm>
#include <cmath>

#include "converter/correct/channel_groups.h"
#include "converter/correct/method_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr int kMaxSweeps = 100;
constexpr double kSettled = 1e-3;     // largest |log r| of the last sweep
constexpr double kWidest = 1e6;       // r lies in [1 / kWidest, kWidest]
constexpr double kBoundMargin = 1.1;  // over what was observed, for channels that must stay below a bound

using Stats = std::map<std::string, ChannelStats>;
enum class RangeOf { kWeights, kValue };

// What r may be: [least, most] per channel, and which channels are tied to 1.
struct Limits {
  std::vector<double> least;
  std::vector<bool> is_tied;
};

class Equalizer {
 public:
  Equalizer(Draft& draft, Stats stats, RangeOf range_of)
      : draft_(draft), stats_(std::move(stats)), range_of_(range_of) {}

  // Returns the number of layers that changed.
  int run() {
    const std::vector<ChannelGroup> groups = find_channel_groups(draft_.graph);
    drop_bounds(groups);
    std::set<size_t> changed;
    for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
      double moved = 0;
      for (const ChannelGroup& group : groups) {
        const std::vector<double> r = choose(group);
        for (const double factor : r) moved = std::max(moved, std::fabs(std::log(factor)));
        rescale(group, r);
        changed.insert(group.makers.begin(), group.makers.end());
        changed.insert(group.readers.begin(), group.readers.end());
      }
      if (moved < kSettled) break;
    }
    for (const size_t node : changed) draft_.options.weight_scales.erase(draft_.graph.nodes[node].name);
    return static_cast<int>(changed.size());
  }

 private:
  Node& layer(size_t node) { return draft_.graph.nodes[node]; }
  ChannelStats& stats(size_t node) { return stats_.at(draft_.graph.nodes[node].name); }

  bool is_cut(size_t maker, size_t channel) {
    return stats(maker).max[channel] >= static_cast<double>(clamp_of(layer(maker))->max);
  }

  // Bounds that cut no channel.
  void drop_bounds(const std::vector<ChannelGroup>& groups) {
    for (const ChannelGroup& group : groups) {
      for (const size_t maker : group.makers) {
        bool cuts = false;
        for (size_t c = 0; c < group.channels; ++c) cuts = cuts || is_cut(maker, c);
        if (cuts) continue;
        clamp_of(layer(maker))->max = INFINITY;
        clamp_of(draft_.teacher.nodes[maker])->max = INFINITY;
      }
    }
  }

  Limits limits(const ChannelGroup& group) {
    Limits limits{std::vector(group.channels, 1 / kWidest), std::vector(group.channels, false)};
    for (const size_t maker : group.makers) {
      const auto bound = static_cast<double>(clamp_of(layer(maker))->max);
      for (size_t c = 0; c < group.channels && bound < INFINITY; ++c) {
        if (is_cut(maker, c)) limits.is_tied[c] = true;
        limits.least[c] = std::max(limits.least[c], stats(maker).max[c] * kBoundMargin / bound);
      }
    }
    return limits;
  }

  std::vector<double> choose(const ChannelGroup& group) {
    std::vector<double> first(group.channels, 0.0);
    std::vector<double> second(group.channels, 0.0);
    const auto widen = [](std::vector<double>& all, const std::vector<double>& more) {
      for (size_t c = 0; c < all.size(); ++c) all[c] = std::max(all[c], more[c]);
    };
    for (const size_t maker : group.makers) widen(first, maker_ranges(maker));
    for (const size_t reader : group.readers) widen(second, input_ranges(draft_.graph, layer(reader)));
    if (range_of_ == RangeOf::kValue && draft_.options.weights.per_channel) {
      if (!has_free_readers(group)) return std::vector<double>(group.channels, 1.0);
      for (size_t c = 0; c < group.channels; ++c) second[c] = first[c] > 0 ? 1 / first[c] : 0.0;
    }

    const Limits allowed = limits(group);
    std::vector<double> r(group.channels, 1.0);
    double tied_log = 0;
    double tied_count = 0;
    for (size_t c = 0; c < group.channels; ++c) {
      if (!(first[c] > 0) || !(second[c] > 0)) continue;
      r[c] = std::sqrt(first[c] * second[c]) / second[c];
      if (!allowed.is_tied[c]) continue;
      tied_log += std::log(r[c]);
      ++tied_count;
    }
    // Only ratios matter to the layers' ranges: the channels that cannot move set the level.
    const double level = tied_count > 0 ? std::exp(tied_log / tied_count) : 1.0;
    for (size_t c = 0; c < group.channels; ++c) {
      if (!(first[c] > 0) || !(second[c] > 0) || allowed.is_tied[c]) {
        r[c] = 1;
      } else {
        r[c] = std::clamp(r[c] / level, std::min(allowed.least[c], 1.0), kWidest);
      }
    }
    return r;
  }

  // Whether each input channel of every reader has a scale of its own.
  bool has_free_readers(const ChannelGroup& group) {
    return std::all_of(group.readers.begin(), group.readers.end(), [&](size_t reader) {
      const auto* conv = layer(reader).as<Conv2dParams>();
      return conv != nullptr && conv->groups > 1 && conv->groups == input_channels(draft_.graph, layer(reader));
    });
  }

  std::vector<double> maker_ranges(size_t maker) {
    if (range_of_ == RangeOf::kWeights) return output_ranges(draft_.graph, layer(maker));
    std::vector<double> found;
    const Clamp& clamp = *clamp_of(layer(maker));
    for (size_t c = 0; c < stats(maker).max.size(); ++c) {
      const double high = std::min(stats(maker).max[c], static_cast<double>(clamp.max));
      const double low = std::max(stats(maker).min[c], static_cast<double>(clamp.min));
      found.push_back(std::max({high, -low, 0.0}));
    }
    return found;
  }

  void rescale(const ChannelGroup& group, const std::vector<double>& r) {
    std::vector<double> inverse;
    for (const double factor : r) inverse.push_back(1 / factor);
    const std::vector<double> zeros(r.size(), 0.0);
    for (Graph* graph : {&draft_.graph, &draft_.teacher}) {
      for (const size_t maker : group.makers) scale_outputs(*graph, graph->nodes[maker], inverse, zeros);
      for (const size_t reader : group.readers) scale_inputs(*graph, graph->nodes[reader], r, zeros);
    }
    for (const size_t maker : group.makers) {
      for (std::vector<double>* all :
           {&stats(maker).mean, &stats(maker).deviation, &stats(maker).min, &stats(maker).max}) {
        for (size_t c = 0; c < r.size(); ++c) (*all)[c] /= r[c];
      }
    }
  }

  Draft& draft_;
  Stats stats_;
  RangeOf range_of_;
};

Result<int> equalize(const CorrectionContext& context, Draft& draft, RangeOf range_of) {
  OCTET_TRY(Stats stats, observe_channels(context, draft.teacher));
  const int changed = Equalizer(draft, std::move(stats), range_of).run();
  if (changed > 0) {
    OCTET_TRY(draft.ranges, context.calibrate(draft.teacher));
  }
  return changed;
}

}  // namespace

Result<int> correct_equalize(const CorrectionContext& context, Draft& draft) {
  return equalize(context, draft, RangeOf::kWeights);
}

Result<int> correct_balance(const CorrectionContext& context, Draft& draft) {
  return equalize(context, draft, RangeOf::kValue);
}

}  // namespace octet
