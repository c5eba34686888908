#include <algorithm>

#include "converter/calibrate/method_list.h"

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;

// Where `drop` values lie outside, seen from the lowest value (direction +1) or from the highest (-1); within a bin the
// values count as spread evenly, except exact zeros.
double quantile(const ActivationStats& stats, double drop, int direction) {
  const std::span<const uint64_t> bins = stats.bins();
  const double width = stats.bin_width();
  const auto zeros = static_cast<double>(stats.zero_count());
  const int first = direction > 0 ? 0 : 2 * kBins - 1;
  double left = drop;
  for (int i = first; i >= 0 && i < 2 * kBins; i += direction) {
    double mass = static_cast<double>(bins[static_cast<size_t>(i)]);
    const double low = std::max((i - kBins) * width, static_cast<double>(stats.min()));
    const double high = std::min((i + 1 - kBins) * width, static_cast<double>(stats.max()));
    // Bin kBins begins with the zeros, which lie at one point.
    if (i == kBins && direction > 0) {
      if (left < zeros) return 0;
      left -= zeros;
    }
    if (i == kBins) mass -= zeros;
    if (left < mass) {
      const double share = left / mass;
      return direction > 0 ? low + share * (high - low) : high - share * (high - low);
    }
    left -= mass;
    if (i == kBins && direction < 0) {
      if (left < zeros) return 0;
      left -= zeros;
    }
  }
  return direction > 0 ? stats.max() : stats.min();
}

}  // namespace

// p percent of the values lie within, (100 - p) / 2 percent below and as many above.
Range choose_percentile(const ActivationStats& stats, const ValueTrend&, const CalibrationOptions& options) {
  if (stats.count() == 0) return {};
  const double dropped = std::clamp((100.0 - options.percentile) / 100.0, 0.0, 1.0);
  const double tail = dropped / 2 * static_cast<double>(stats.count());
  return observed_range(stats, quantile(stats, tail, 1), quantile(stats, tail, -1));
}

}  // namespace octet
