#include <algorithm>
#include <cmath>
#include <vector>

#include "converter/calibrate/method_list.h"
#include "converter/calibrate/range_search.h"

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;

// The entropy of the integers of any range, in nats. In units of the bin width; each bin's values count as spread
// evenly over it, exact zeros (what a ReLU leaves) are left out: they are one integer whatever the range.
class Entropy {
 public:
  Entropy(const ActivationStats& stats, int levels) : last_(levels - 1), below_(2 * kBins + 1) {
    const auto total = static_cast<double>(stats.count() - stats.zero_count());
    for (size_t i = 0; i < size_t{2} * kBins; ++i) {
      const uint64_t count = stats.bins()[i] - (i == kBins ? stats.zero_count() : 0);
      below_[i + 1] = below_[i] + static_cast<double>(count) / total;
    }
  }

  double operator()(double min, double max) const {
    const double scale = (max - min) / last_;
    const double zero_point = std::clamp(std::nearbyint(-min / scale), 0.0, static_cast<double>(last_));
    double sum = 0;
    double below = 0;
    for (int q = 0; q <= last_; ++q) {
      const double above = q == last_ ? below_.back() : below_at(scale * (q - zero_point + 0.5));
      const double share = above - below;
      if (share > 0) sum -= share * std::log(share);
      below = above;
    }
    return sum;
  }

 private:
  // The share of values below x.
  double below_at(double x) const {
    const double at = std::clamp(x + kBins, 0.0, 2.0 * kBins - 1);
    const auto i = static_cast<size_t>(at);
    return below_[i] + (at - static_cast<double>(i)) * (below_[i + 1] - below_[i]);
  }

  int last_;
  std::vector<double> below_;  // [i]: of the values, the share that lies below bin i
};

}  // namespace

// argmax over min and max of H = -sum p log p, p the shares of values that the integers get.
//
// Integers that carry the most information are not those that lose the least: to fill all levels alike it cuts deep
// into the tails (N(0, 1) at 2 sigma, where 19 dB are left of the 40.5 that are possible). Not the same as kl.
Range choose_entropy(const ActivationStats& stats, const ValueTrend&, const CalibrationOptions& options) {
  if (stats.count() == stats.zero_count()) return {};
  const Entropy entropy(stats, options.levels);
  const double low = static_cast<double>(stats.min()) / stats.bin_width();
  const double high = static_cast<double>(stats.max()) / stats.bin_width();
  const auto [min, max] = cheapest_range(low, high, [&](double a, double b) { return -entropy(a, b); });
  return observed_range(stats, min * stats.bin_width(), max * stats.bin_width());
}

}  // namespace octet
