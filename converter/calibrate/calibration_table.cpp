#include "converter/calibrate/calibration_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "converter/atomic_file.h"
#include "converter/calibrate/count_code.h"
#include "converter/import/json_file.h"

namespace octet {
namespace {

constexpr const char* kFormat = "octet calibration";
constexpr int64_t kVersion = 1;
constexpr int kBins = ActivationStats::kBins;

Result<uint64_t> read_count(const JsonAt& at, const char* name) {
  OCTET_TRY(const JsonAt field, at.field(name));
  OCTET_TRY(const int64_t count, field.as_integer());
  if (count < 0 || static_cast<uint64_t>(count) > ActivationStats::kMaxCount) {
    return field.invalid("is " + std::to_string(count) + ", not a count");
  }
  return static_cast<uint64_t>(count);
}

Result<float> read_f32(const JsonAt& at, const char* name) {
  OCTET_TRY(const JsonAt field, at.field(name));
  OCTET_TRY(const double number, field.as_number());
  if (!(std::fabs(number) <= std::numeric_limits<float>::max()) ||
      static_cast<double>(static_cast<float>(number)) != number) {
    return field.invalid(field.json.dump() + " is not an f32 number");
  }
  return static_cast<float>(number) + 0.0F;  // -0 becomes 0
}

// The bin of a value, counted from that of 0.
int bin_of(float value, int exponent) {
  const auto i = static_cast<int>(std::floor(std::ldexp(std::fabs(static_cast<double>(value)), -exponent)));
  return value < 0 ? -1 - i : i;
}

}  // namespace

class ActivationStatsIo {
 public:
  static nlohmann::ordered_json write(const ActivationStats& stats) {
    const auto occupied = [](uint64_t count) { return count > 0; };
    const auto first = std::find_if(stats.bins_.begin(), stats.bins_.end(), occupied);
    const auto last = std::find_if(stats.bins_.rbegin(), stats.bins_.rend(), occupied).base();
    nlohmann::ordered_json json;
    json["count"] = stats.count_;
    json["zero_count"] = stats.zero_count_;
    json["nonfinite_count"] = stats.nonfinite_count_;
    json["min"] = static_cast<double>(stats.min_);
    json["max"] = static_cast<double>(stats.max_);
    json["exponent"] = stats.exponent_;
    json["first_bin"] = stats.count_ == 0 ? 0 : first - stats.bins_.begin() - kBins;
    json["bins"] = stats.count_ == 0 ? "" : encode_counts({first, last});
    return json;
  }

  static Result<ActivationStats> read(const JsonAt& at) {
    ActivationStats stats;
    OCTET_TRY(stats.count_, read_count(at, "count"));
    OCTET_TRY(stats.zero_count_, read_count(at, "zero_count"));
    OCTET_TRY(stats.nonfinite_count_, read_count(at, "nonfinite_count"));
    OCTET_TRY(stats.min_, read_f32(at, "min"));
    OCTET_TRY(stats.max_, read_f32(at, "max"));
    if (stats.min_ > stats.max_) {
      return at.invalid("min " + std::to_string(stats.min_) + " exceeds max " + std::to_string(stats.max_));
    }
    OCTET_TRY(const JsonAt exponent, at.field("exponent"));
    OCTET_TRY(const int64_t found, exponent.as_integer());
    const int expected = histogram_exponent(std::max(std::fabs(stats.min_), std::fabs(stats.max_)));
    if (found != expected) {
      return exponent.invalid("is " + std::to_string(found) + ", but the extremes need " + std::to_string(expected));
    }
    stats.exponent_ = expected;
    OCTET_CHECK(read_bins(at, stats));
    return stats;
  }

 private:
  // Fills stats.bins_, which must agree with all the other members.
  static Status read_bins(const JsonAt& at, ActivationStats& stats) {
    OCTET_TRY(const JsonAt bins, at.field("bins"));
    OCTET_TRY(const std::string text, bins.as_string());
    OCTET_TRY(const JsonAt first_bin, at.field("first_bin"));
    OCTET_TRY(const int64_t first, first_bin.as_integer());
    if (first < -kBins || first >= kBins) {
      return first_bin.invalid("is " + std::to_string(first) + ", outside of -" + std::to_string(kBins) + " to " +
                               std::to_string(kBins - 1));
    }
    const auto counts = decode_counts(text, static_cast<size_t>(kBins - first));
    if (!counts.has_value()) {
      return bins.invalid("is not a list of at most " + std::to_string(kBins - first) + " counts");
    }
    if (counts->empty()) {
      const bool nothing = stats.count_ == 0 && stats.zero_count_ == 0 && stats.min_ == 0 && stats.max_ == 0;
      return nothing ? Status() : bins.invalid("is empty, but count is " + std::to_string(stats.count_));
    }
    uint64_t total = 0;
    for (const uint64_t count : *counts) {
      total += count;  // at most twice 2^62
      if (total > stats.count_) break;
    }
    if (total != stats.count_) {
      return bins.invalid("does not add up to count, which is " + std::to_string(stats.count_));
    }
    const int64_t last = first + static_cast<int64_t>(counts->size()) - 1;
    if (counts->front() == 0 || counts->back() == 0 || bin_of(stats.min_, stats.exponent_) != first ||
        bin_of(stats.max_, stats.exponent_) != last) {
      return bins.invalid("fills bins " + std::to_string(first) + " to " + std::to_string(last) +
                          ", but min and max lie in bins " + std::to_string(bin_of(stats.min_, stats.exponent_)) +
                          " and " + std::to_string(bin_of(stats.max_, stats.exponent_)));
    }
    stats.bins_.resize(size_t{2} * kBins);
    std::copy(counts->begin(), counts->end(), stats.bins_.begin() + kBins + first);
    if (stats.zero_count_ > stats.bins_[kBins]) {
      return at.invalid("zero_count is " + std::to_string(stats.zero_count_) + ", but bin 0 counts " +
                        std::to_string(stats.bins_[kBins]));
    }
    return {};
  }
};

namespace {

// What a table's histograms may take: 64 bytes for each character of their texts, which is enough where these list one
// bin in eight (a character each, or more), and room for a thousand values of a single bin.
constexpr int64_t kBytesPerCharacter = 64;
constexpr int64_t kBytesOfAnyTable = int64_t{64} << 20;

// Whether the histograms are in proportion to the file.
Status check_memory(const JsonAt& values) {
  constexpr auto kBytesOfValue = int64_t{2} * kBins * static_cast<int64_t>(sizeof(uint64_t));
  int64_t needed = 0, allowed = kBytesOfAnyTable;
  for (const Json& value : values.json) {
    const auto bins = value.is_object() ? value.find("bins") : value.end();
    if (bins == value.end() || !bins->is_string()) continue;  // read_table says so
    const auto characters = static_cast<int64_t>(bins->get_ref<const std::string&>().size());
    if (characters > 0) needed += kBytesOfValue;
    allowed += kBytesPerCharacter * characters;
  }
  if (needed <= allowed) return {};
  return values.invalid("the histograms of " + std::to_string(values.json.size()) + " values take " +
                        std::to_string(needed) + " bytes of memory, but what is written of them justifies " +
                        std::to_string(allowed));
}

Result<CalibrationTable> read_table(const JsonAt& at, const std::string& path) {
  OCTET_TRY(const std::string format, at.string_or("format", ""));
  if (format != kFormat) return at.invalid("is not a calibration table: 'format' is '" + format + "'");
  OCTET_TRY(const JsonAt version, at.field("version"));
  OCTET_TRY(const int64_t number, version.as_integer());
  if (number != kVersion) {
    return version.invalid("is " + std::to_string(number) + ", but this octet reads version " +
                           std::to_string(kVersion));
  }
  CalibrationTable table;
  OCTET_TRY(const JsonAt model, at.field("model"));
  OCTET_TRY(table.model_name, model.as_string());
  OCTET_TRY(table.weights, at.string_or("weights", ""));
  OCTET_TRY(const JsonAt preprocessing, at.field("preprocessing"));
  OCTET_TRY(table.preprocessing, preprocessing.as_string());
  OCTET_TRY(table.sample_count, read_count(at, "sample_count"));
  OCTET_TRY(const JsonAt values, at.field("values"));
  if (!values.is_object()) return values.invalid(std::string("is a ") + values.json.type_name() + ", not an object");
  OCTET_CHECK(check_memory(values));
  for (const auto& [name, value] : values.json.items()) {
    OCTET_TRY(table.stats[name], ActivationStatsIo::read({value, path + ": value '" + name + "'"}));
  }
  return table;
}

}  // namespace

Result<std::string> calibration_text(const CalibrationTable& table) {
  std::string text;
  try {
    text = "{\n\"format\": " + Json(kFormat).dump() + ",\n\"version\": " + std::to_string(kVersion) +
           ",\n\"model\": " + Json(table.model_name).dump() +
           (table.weights.empty() ? "" : ",\n\"weights\": " + Json(table.weights).dump()) +
           ",\n\"preprocessing\": " + Json(table.preprocessing).dump() +
           ",\n\"sample_count\": " + std::to_string(table.sample_count) + ",\n\"values\": {";
    const char* separator = "\n";
    for (const auto& [name, stats] : table.stats) {
      text += separator + Json(name).dump() + ": " + ActivationStatsIo::write(stats).dump();
      separator = ",\n";
    }
    text += "\n}\n}\n";
  } catch (const Json::exception& error) {
    return Error{ErrorCode::kUnsupported, std::string("a name cannot be written as JSON: ") + error.what()};
  }
  return text;
}

Status save_calibration_table(const CalibrationTable& table, const std::string& path) {
  const Result<std::string> text = calibration_text(table);
  if (!text.ok()) return Error{text.error().code, path + ": " + text.error().message};
  return write_file_atomically(path, std::as_bytes(std::span(*text)));
}

Result<CalibrationTable> parse_calibration(const std::string& text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Error{ErrorCode::kInvalidFile, where + ": not JSON"};
  return read_table({json, where}, where);
}

Result<CalibrationTable> load_calibration_table(const std::string& path) {
  OCTET_TRY(const Json json, read_json_file(path));
  return read_table({json, path}, path);
}

Status merge_calibration_tables(CalibrationTable& table, const CalibrationTable& other) {
  const auto differ = [](const std::string& what, const std::string& a, const std::string& b) {
    return Error{ErrorCode::kInvalidFile,
                 "calibration tables of different " + what + " cannot be merged: '" + a + "' and '" + b + "'"};
  };
  if (table.model_name != other.model_name) return differ("models", table.model_name, other.model_name);
  if (table.preprocessing != other.preprocessing) {
    return differ("preprocessings", table.preprocessing, other.preprocessing);
  }
  const auto missing_in = [](const StatsTable& stats, const StatsTable& names) -> const std::string* {
    for (const auto& [name, value] : names) {
      if (!stats.contains(name)) return &name;
    }
    return nullptr;
  };
  const std::string* missing = missing_in(table.stats, other.stats);
  if (missing == nullptr) missing = missing_in(other.stats, table.stats);
  if (missing != nullptr) {
    return Error{ErrorCode::kInvalidFile, "calibration tables cannot be merged: only one has value '" + *missing + "'"};
  }
  for (const auto& [name, stats] : other.stats) {
    const ActivationStats& into = table.stats.at(name);
    if (into.count() + stats.count() > ActivationStats::kMaxCount ||
        into.nonfinite_count() + stats.nonfinite_count() > ActivationStats::kMaxCount) {
      return Error{ErrorCode::kInvalidFile, "calibration tables cannot be merged: value '" + name + "' has more than " +
                                                std::to_string(ActivationStats::kMaxCount) + " counts"};
    }
  }
  table.sample_count = std::min(table.sample_count + other.sample_count, ActivationStats::kMaxCount);
  merge_stats(table.stats, other.stats);
  return {};
}

}  // namespace octet
