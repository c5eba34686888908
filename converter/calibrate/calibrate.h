// The list of calibration methods: from what was observed of a value to the range that its integers cover.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/activation_stats.h"

namespace octet {

struct CalibrationOptions {
  double percentile = 99.99;  // the share of values kept, in percent; in (0, 100]
};

// A method is a pure function of the statistics: same statistics, same range. Whatever was observed, the range is
// finite, min <= 0 <= max, and lies within what min-max would choose; all zeros (or nothing) give {0, 0}.
struct CalibrationMethod {
  const char* name;         // as --calibration takes it; also its file's name
  const char* description;  // one line
  Range (*choose)(const ActivationStats& stats, const CalibrationOptions& options);
};

std::span<const CalibrationMethod> calibration_methods();
// Null where there is none of that name.
const CalibrationMethod* find_calibration_method(std::string_view name);

// The method's range for every value of the table.
Ranges choose_ranges(const StatsTable& stats, const CalibrationMethod& method, const CalibrationOptions& options);

// What makes a calibration doubtful, a line each: fewer than 100 samples (but not 0, which means unknown), values with
// NaN or infinities, values that never change.
std::vector<std::string> calibration_warnings(const StatsTable& stats, uint64_t sample_count);

}  // namespace octet
