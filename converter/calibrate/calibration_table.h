// A saved calibration: statistics as a file, so that a conversion needs no data and shards can be merged.
#pragma once

#include <string>

#include "converter/activation_stats.h"
#include "octet/result.h"

namespace octet {

struct CalibrationTable {
  std::string model_name;
  std::string preprocessing;  // the spec the samples were made with
  uint64_t sample_count = 0;
  StatsTable stats;
};

// JSON: the same table gives the same bytes. Written beside, then renamed.
Status save_calibration_table(const CalibrationTable& table, const std::string& path);
// kInvalidFile with what is wrong.
Result<CalibrationTable> load_calibration_table(const std::string& path);
// Adds what `other` has seen. kInvalidFile if the two are of different models or preprocessings.
Status merge_calibration_tables(CalibrationTable& table, const CalibrationTable& other);

}  // namespace octet
