// A saved calibration: statistics as a file, so that a conversion needs no data and shards can be merged.
#pragma once

#include <cstdint>
#include <string>

#include "converter/activation_stats.h"
#include "octet/result.h"

namespace octet {

struct CalibrationTable {
  std::string model_name;
  std::string preprocessing;  // the spec the samples were made with
  uint64_t sample_count = 0;
  StatsTable stats;
  std::string weights = {};  // tells the network's weights from others; empty: unknown

  friend bool operator==(const CalibrationTable&, const CalibrationTable&) = default;
};

// The text of a table's file, and a table from such a text (`where`: for messages), as the functions below have it.
Result<std::string> calibration_text(const CalibrationTable& table);
Result<CalibrationTable> parse_calibration(const std::string& text, const std::string& where);

// JSON, as converter/README.md describes it: the same table gives the same bytes. Written beside, then renamed.
// kResource: the file cannot be written; kUnsupported: a name that is not UTF-8, which JSON cannot hold.
Status save_calibration_table(const CalibrationTable& table, const std::string& path);
// kInvalidFile with what is wrong: every number is checked, so that the statistics are such as observing could have
// given.
Result<CalibrationTable> load_calibration_table(const std::string& path);
// Adds what `other` has seen, of whatever weights; on an error `table` is as it was. kInvalidFile if the two are of
// different models, preprocessings or values.
Status merge_calibration_tables(CalibrationTable& table, const CalibrationTable& other);

}  // namespace octet
