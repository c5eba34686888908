// The list of calibration methods: from what was observed of a value to the range that its integers cover.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/sample_trend.h"

namespace octet {

struct CalibrationOptions {
  double percentile = 99.99;  // the share of values kept, in percent; in (0, 100]
  bool symmetric = false;     // ranges [-c, c]
  bool pow2 = false;          // ranges whose integers are a power of two apart
  int levels = 256;           // how many integers a range has; even
};

// A method is a pure function of what was observed: same statistics, same range. Whatever was observed, the range is
// finite, min <= 0 <= max, and lies within what min-max would choose; all zeros (or nothing) give {0, 0}. choose_range()
// makes powers of two of it.
struct CalibrationMethod {
  const char* name;         // as --calibration takes it; also its file's name
  const char* description;  // one line
  // For integers on both sides of 0 as the range wants them; choose_range() knows what options.symmetric means.
  Range (*choose)(const ActivationStats& stats, const ValueTrend& trend, const CalibrationOptions& options);
  bool depends_on_order = false;  // needs the trend, which saved statistics do not have
};

std::span<const CalibrationMethod> calibration_methods();
// Null where there is none of that name.
const CalibrationMethod* find_calibration_method(std::string_view name);

// The method's range. Symmetric ranges are those of the magnitudes, mirrored: levels / 2 integers cover [0, c].
Range choose_range(const CalibrationMethod& method, const ActivationStats& stats, const ValueTrend& trend,
                   const CalibrationOptions& options);
// The method's range for every value of the table.
Ranges choose_ranges(const StatsTable& stats, const TrendTable& trends, const CalibrationMethod& method,
                     const CalibrationOptions& options);

// What makes a calibration doubtful, a line each: fewer than 100 samples (but not 0, which means unknown), values with
// NaN or infinities, values that never change.
std::vector<std::string> calibration_warnings(const StatsTable& stats, uint64_t sample_count);

}  // namespace octet
