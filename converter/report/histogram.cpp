#include "converter/report/histogram.h"

#include <algorithm>

namespace octet {
namespace {

constexpr size_t kColumns = 60;

}  // namespace

size_t Histogram::column(double value) const {
  const double at = (value - first) / (last - first) * static_cast<double>(counts.size());
  return static_cast<size_t>(std::clamp(at, 0.0, static_cast<double>(counts.size() - 1)));
}

Histogram make_histogram(const ActivationStats& stats, Extremes range) {
  Histogram made;
  if (stats.count() == 0) return made;
  made.first = std::min({static_cast<double>(stats.min()), 0.0, range.empty() ? 0.0 : range.min});
  made.last = std::max({static_cast<double>(stats.max()), 0.0, range.empty() ? 0.0 : range.max});
  if (!(made.last > made.first)) return made;
  made.counts.resize(kColumns);
  for (int i = 0; i < 2 * ActivationStats::kBins; ++i) {
    uint64_t count = stats.bins()[static_cast<size_t>(i)];
    if (i == ActivationStats::kBins) count -= stats.zero_count();
    made.counts[made.column((i - ActivationStats::kBins + 0.5) * stats.bin_width())] += count;
  }
  return made;
}

}  // namespace octet
