#include <algorithm>
#include <cmath>
#include <vector>

#include "converter/calibrate/method_list.h"

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;
constexpr double kSmoothing = 1e-6;  // the share of Q that is spread evenly, so that Q > 0 everywhere

// What lies below a point of the histogram (in bins; within a bin, evenly spread).
struct Sums {
  double mass = 0;
  double support = 0;        // bins that are not empty
  double mass_log_mass = 0;  // sum m log m

  friend Sums operator-(const Sums& a, const Sums& b) {
    return {a.mass - b.mass, a.support - b.support, a.mass_log_mass - b.mass_log_mass};
  }
};

// KL(P || Q) for any slice of bins. Masses are shares of all values but exact zeros.
class Divergence {
 public:
  Divergence(const ActivationStats& stats, int levels) : levels_(levels), below_(2 * kBins + 1) {
    const auto total = static_cast<double>(stats.count() - stats.zero_count());
    for (size_t i = 0; i < size_t{2} * kBins; ++i) {
      const uint64_t count = stats.bins()[i] - (i == kBins ? stats.zero_count() : 0);
      below_[i + 1] = below_[i];
      if (count == 0) continue;
      const double mass = static_cast<double>(count) / total;
      below_[i + 1].mass += mass;
      below_[i + 1].support += 1;
      below_[i + 1].mass_log_mass += mass * std::log(mass);
    }
  }

  // P is the histogram's slice of bins [first, last) with what lies outside added to its end bins. Q is built from the
  // slice alone: levels_ groups of equal width, each group's mass spread evenly over its bins that are not empty; then
  // scaled to sum 1 and smoothed. With f the mass of an end bin and t the tail added to it, both relative to p = 1:
  //   KL = sum_bins p log p - sum_groups p_group log q_group
  double operator()(int first, int last) const {
    const Sums slice = below(last) - below(first);
    if (slice.mass <= 0) return INFINITY;
    const double uniform = kSmoothing / (last - first);
    const auto log_q = [&](double per_bin) { return std::log((per_bin / slice.mass) * (1 - kSmoothing) + uniform); };
    double sum = slice.mass_log_mass;
    Sums left = below(first);
    const double width = static_cast<double>(last - first) / levels_;
    double first_log_q = 0;
    double last_log_q = 0;
    for (int g = 0; g < levels_; ++g) {
      const Sums right = g == levels_ - 1 ? below(last) : below(first + (g + 1) * width);
      const Sums group = right - left;
      left = right;
      if (group.support <= 0 || group.mass <= 0) continue;
      const double found = log_q(group.mass / group.support);
      sum -= group.mass * found;
      if (g == 0) first_log_q = found;
      if (g == levels_ - 1) last_log_q = found;
    }
    sum += fold(below(first).mass, below(first + 1) - below(first), first_log_q, log_q(0));
    sum += fold(1 - below(last).mass, below(last) - below(last - 1), last_log_q, log_q(0));
    return sum;
  }

 private:
  Sums below(int edge) const { return below_[static_cast<size_t>(edge)]; }
  Sums below(double point) const {
    const int bin = std::min(static_cast<int>(point), 2 * kBins - 1);
    const double share = point - bin;
    const Sums& low = below_[static_cast<size_t>(bin)];
    const Sums& high = below_[static_cast<size_t>(bin) + 1];
    return {low.mass + share * (high.mass - low.mass), low.support + share * (high.support - low.support),
            low.mass_log_mass + share * (high.mass_log_mass - low.mass_log_mass)};
  }

  // How much the sum grows when `tail` joins an end bin. An empty bin has only Q's smoothing.
  static double fold(double tail, const Sums& bin, double group_log_q, double empty_log_q) {
    if (tail <= 0) return 0;
    const double mass = bin.mass + tail;
    return mass * std::log(mass) - bin.mass_log_mass - tail * (bin.mass > 0 ? group_log_q : empty_log_q);
  }

  int levels_;
  std::vector<Sums> below_;
};

struct Candidate {
  int first = 0;
  int last = 0;
  double divergence = INFINITY;
};

}  // namespace

// argmin KL(P || Q) over the slices of the histogram that hold 0 and at least one bin per level; the spike at exactly 0
// (what a ReLU leaves) is taken out first. Two-sided: a grid of 24 cuts a side, then a pattern search down to one bin;
// ties go to the wider range.
//
// The scheme of TensorRT (Migacz, "8-bit inference with TensorRT", GTC 2017), for two sides. Q must come from the slice
// without the folded tails: with them Q repeats whatever P has in its end bins, clipping costs nothing, and the search
// collapses to 0.3-0.7 sigma.
Range choose_kl(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options) {
  if (stats.count() == stats.zero_count()) return {};
  const std::span<const uint64_t> bins = stats.bins();
  const auto occupied = [](uint64_t count) { return count > 0; };
  // In bins left and right of 0.
  const int low =
      std::max(0, kBins - static_cast<int>(std::find_if(bins.begin(), bins.end(), occupied) - bins.begin()));
  const int high =
      std::max(0, kBins - static_cast<int>(std::find_if(bins.rbegin(), bins.rend(), occupied) - bins.rbegin()));
  if (low + high <= options.levels) return choose_minmax(stats, trend, options);

  const Divergence divergence(stats, options.levels);
  Candidate best;
  const auto attempt = [&](int left, int right) {
    left = std::clamp(left, 0, low);
    right = std::clamp(right, 0, high);
    if (left + right < options.levels) return;
    const double found = divergence(kBins - left, kBins + right);
    if (found < best.divergence) best = {left, right, found};
  };
  constexpr int kCuts = 24;
  for (int i = kCuts; i >= 0; --i) {
    for (int j = kCuts; j >= 0; --j) {
      attempt(low * i / kCuts, high * j / kCuts);
      if (high == 0) break;
    }
    if (low == 0) break;
  }
  for (int step = std::max(low, high) / kCuts; step >= 1; step /= 2) {
    const Candidate center = best;
    for (int i = -2; i <= 2; ++i) {
      for (int j = -2; j <= 2; ++j) attempt(center.first - i * step, center.last - j * step);
    }
  }
  return observed_range(stats, -best.first * stats.bin_width(), best.last * stats.bin_width());
}

}  // namespace octet
