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

// [min, max] as f32, cut to what was observed and widened to include 0.
Range observed_range(const ActivationStats& stats, double min, double max);

}  // namespace octet
