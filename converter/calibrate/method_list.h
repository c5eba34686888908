// The calibration methods, a file each; calibrate.cpp lists them.
#pragma once

#include "converter/calibrate/calibrate.h"

namespace octet {

Range choose_minmax(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_moving_average(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_percentile(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_mse(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_kl(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_entropy(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
Range choose_omse(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);

// The range of a method, changed so that (max - min) / (levels - 1) is a power of two: the next above, or the one below
// that, at any zero point, where rounding and clipping together have less squared error there.
Range power_of_two_range(Range range, const ActivationStats& stats, int levels);

// [min, max] as f32, cut to what was observed and widened to include 0.
Range observed_range(const ActivationStats& stats, double min, double max);

}  // namespace octet
