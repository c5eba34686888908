// The list of calibration methods: from what was observed of a value to the range that its integers cover.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "converter/activation_stats.h"

namespace octet {

struct CalibrationOptions {
  double percentile = 99.99;  // the share of values kept, in percent
};

struct CalibrationMethod {
  const char* name;         // as --calibration takes it; also its file's name
  const char* description;  // one line
  Range (*choose)(const ActivationStats& stats, const CalibrationOptions& options);
};

std::span<const CalibrationMethod> calibration_methods();
const CalibrationMethod* find_calibration_method(std::string_view name);

// The method's range for every value of the table, widened to include 0.
Ranges choose_ranges(const StatsTable& stats, const CalibrationMethod& method, const CalibrationOptions& options);

}  // namespace octet
