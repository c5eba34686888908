#include "converter/calibrate/method_list.h"

namespace octet {

// The moving average of each sample's minimum and maximum, average += 0.01 * (extreme - average), in the order of the
// samples: as observers do while a network is trained (Jacob et al. 2018, arXiv:1712.05877, section 3.1). The only
// method that the order of the samples changes, and that shards cannot be merged for. Without a trend: min-max.
Range choose_moving_average(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options) {
  const Extremes& average = trend.moving_average;
  if (average.empty()) return choose_minmax(stats, trend, options);
  return observed_range(stats, average.min, average.max);
}

}  // namespace octet
