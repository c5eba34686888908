#include "converter/calibrate/method_list.h"

namespace octet {

// [min, max] of all values.
Range choose_minmax(const ActivationStats& stats, const ValueTrend&, const CalibrationOptions&) {
  return observed_range(stats, stats.min(), stats.max());
}

}  // namespace octet
