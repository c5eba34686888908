#include "converter/correct/equalizer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "converter/correct/rounding_noise.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr int kMaxSweeps = 100;
constexpr double kSettled = 1e-3;  // largest |log r| of the last sweep
constexpr double kWidest = 1e6;    // r lies in [1 / kWidest, kWidest]
// Over what was observed, for channels that must stay below a bound. Values get more room for what the samples did not
// show; with weights evened out it would be paid by all other channels' weights.
constexpr double kBoundMargin = 1.1;
constexpr double kValueBoundMargin = 1.5;
// Not up to 1: where all channels are equally large each is clipped by the first sample that passes those observed.
constexpr double kPowers[] = {0.125, 0.25, 0.375, 0.5, 0.625, 0.75};

}  // namespace

Equalizer::Equalizer(Draft& draft, std::map<std::string, ChannelStats> stats, RangeOf range_of)
    : draft_(draft), stats_(std::move(stats)), range_of_(range_of), groups_(find_channel_groups(draft.graph)) {
  drop_bounds();
  for (const ChannelGroup& group : groups_) {
    std::vector<bool> cut(group.channels, false);
    for (const size_t maker : group.makers) {
      for (size_t c = 0; c < group.channels; ++c) cut[c] = cut[c] || is_cut(maker, c);
    }
    cut_.push_back(std::move(cut));
    total_.emplace_back(group.channels, 1.0);
    is_settled_.push_back(false);
  }
}

std::vector<size_t> Equalizer::cut_groups() const {
  std::vector<size_t> found;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (std::find(cut_[g].begin(), cut_[g].end(), true) != cut_[g].end()) found.push_back(g);
  }
  return found;
}

int Equalizer::run(const Excess& excess) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (excess[g] < INFINITY) keep_bounds(g);
  }
  std::set<size_t> changed;
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    double moved = 0;
    for (size_t g = 0; g < groups_.size(); ++g) {
      const std::vector<double> r = choose(g, excess[g]);
      for (const double factor : r) moved = std::max(moved, std::fabs(std::log(factor)));
      rescale(g, r);
      changed.insert(groups_[g].makers.begin(), groups_[g].makers.end());
      changed.insert(groups_[g].readers.begin(), groups_[g].readers.end());
    }
    if (moved < kSettled) break;
  }
  for (const size_t node : changed) draft_.options.weight_scales.erase(draft_.graph.nodes[node].name);
  return static_cast<int>(changed.size());
}

std::vector<double> Equalizer::passed() const {
  std::vector<double> most(groups_.size(), 1.0);
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t c = 0; c < groups_[g].channels; ++c) {
      if (cut_[g][c]) most[g] = std::max(most[g], total_[g][c]);
    }
  }
  return most;
}

bool Equalizer::is_cut(size_t maker, size_t channel) {
  return stats(maker).max[channel] >= static_cast<double>(clamp_of(layer(maker))->max);
}

// Leaves out bounds that cut no channel.
void Equalizer::drop_bounds() {
  for (const ChannelGroup& group : groups_) {
    for (const size_t maker : group.makers) {
      bool cuts = draft_.bounds.contains(layer(maker).name);
      for (size_t c = 0; c < group.channels; ++c) cuts = cuts || is_cut(maker, c);
      if (cuts) continue;
      clamp_of(layer(maker))->max = INFINITY;
      clamp_of(draft_.teacher.nodes[maker])->max = INFINITY;
    }
  }
}

// The teacher goes on cutting where it did, whatever becomes of the layer's own bound.
void Equalizer::keep_bounds(size_t group) {
  for (const size_t maker : groups_[group].makers) {
    const auto bound = static_cast<double>(clamp_of(layer(maker))->max);
    draft_.bounds.try_emplace(layer(maker).name, groups_[group].channels, bound);
  }
}

// Below these r, channels that the samples do not cut would be.
std::vector<double> Equalizer::least_factors(size_t group) {
  const double margin = range_of_ == RangeOf::kValue ? kValueBoundMargin : kBoundMargin;
  std::vector<double> least(groups_[group].channels, 1 / kWidest);
  for (const size_t maker : groups_[group].makers) {
    const auto bound = static_cast<double>(clamp_of(layer(maker))->max);
    for (size_t c = 0; c < least.size() && bound < INFINITY; ++c) {
      least[c] = std::max(least[c], stats(maker).max[c] * margin / bound);
    }
  }
  return least;
}

std::vector<double> Equalizer::choose(size_t g, double excess) {
  const ChannelGroup& group = groups_[g];
  std::vector<double> first(group.channels, 0.0);
  std::vector<double> second(group.channels, 0.0);
  const auto widen = [](std::vector<double>& all, const std::vector<double>& more) {
    for (size_t c = 0; c < all.size(); ++c) all[c] = std::max(all[c], more[c]);
  };
  for (const size_t maker : group.makers) widen(first, maker_ranges(maker));
  for (const size_t reader : group.readers) widen(second, input_ranges(draft_.graph, layer(reader)));
  if (range_of_ == RangeOf::kValue && draft_.options.weights.per_channel) {
    if (!has_free_readers(group)) return quietest(g, first);
    for (size_t c = 0; c < group.channels; ++c) second[c] = first[c] > 0 ? 1 / first[c] : 0.0;
  }

  std::vector<double> r(group.channels, 1.0);
  double cut_log = 0;
  double cut_count = 0;
  for (size_t c = 0; c < group.channels; ++c) {
    if (!(first[c] > 0) || !(second[c] > 0)) continue;
    r[c] = std::sqrt(first[c] * second[c]) / second[c];
    if (!cut_[g][c]) continue;
    cut_log += std::log(r[c] * total_[g][c]);
    ++cut_count;
  }
  // Only ratios matter to the layers' ranges: the channels that are cut set the level.
  const double level = cut_count > 0 ? std::exp(cut_log / cut_count) : 1.0;
  const std::vector<double> least = least_factors(g);
  for (size_t c = 0; c < group.channels; ++c) {
    if (!(first[c] > 0) || !(second[c] > 0)) {
      r[c] = 1;
    } else if (cut_[g][c]) {
      r[c] = std::max(1.0, r[c] * total_[g][c] / level / excess) / total_[g][c];
    } else {
      r[c] = std::clamp(r[c] / level, std::min(least[c], 1.0), kWidest);
    }
  }
  return r;
}

// The power of the channels' ranges with the least noise; after the first sweep none.
std::vector<double> Equalizer::quietest(size_t g, const std::vector<double>& ranges) {
  const size_t channels = groups_[g].channels;
  std::vector<double> best(channels, 1.0);
  const double widest = *std::max_element(ranges.begin(), ranges.end());
  if (is_settled_[g] || widest == 0) return best;
  is_settled_[g] = true;
  const std::vector<double> least = least_factors(g);
  const RoundingNoise noise(draft_.graph, groups_[g], stats_);
  double least_noise = noise(best);
  for (const double power : kPowers) {
    std::vector<double> r(channels, 1.0);
    for (size_t c = 0; c < channels; ++c) {
      if (cut_[g][c] || ranges[c] == 0) continue;
      r[c] = std::max(std::pow(ranges[c] / widest, power), std::clamp(least[c], 1 / kWidest, 1.0));
    }
    const double found = noise(r);
    if (!(found < least_noise)) continue;
    least_noise = found;
    best = std::move(r);
  }
  return best;
}

// Whether each input channel of every reader has a scale of its own.
bool Equalizer::has_free_readers(const ChannelGroup& group) {
  return std::all_of(group.readers.begin(), group.readers.end(), [&](size_t reader) {
    const auto* conv = layer(reader).as<Conv2dParams>();
    return conv != nullptr && conv->groups > 1 && conv->groups == input_channels(draft_.graph, layer(reader));
  });
}

std::vector<double> Equalizer::maker_ranges(size_t maker) {
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

void Equalizer::rescale(size_t g, const std::vector<double>& r) {
  rescale_channels(draft_, groups_[g], r);
  const auto divide = [&](std::vector<double>& all) {
    for (size_t c = 0; c < r.size(); ++c) all[c] /= r[c];
  };
  for (const size_t maker : groups_[g].makers) {
    divide(stats(maker).mean);
    divide(stats(maker).deviation);
    divide(stats(maker).min);
    divide(stats(maker).max);
    if (const auto found = draft_.bounds.find(layer(maker).name); found != draft_.bounds.end()) divide(found->second);
  }
  for (size_t c = 0; c < r.size(); ++c) total_[g][c] *= r[c];
}

}  // namespace octet
