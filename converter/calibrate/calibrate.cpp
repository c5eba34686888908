#include "converter/calibrate/calibrate.h"

#include <algorithm>
#include <cmath>

#include "converter/calibrate/method_list.h"

namespace octet {
namespace {

constexpr uint64_t kFewSamples = 100;

constexpr CalibrationMethod kMethods[] = {
    {"minmax", "the lowest and the highest value", choose_minmax},
    {"moving_average", "the average of the samples' lowest and highest values, each new sample counting 1 %",
     choose_moving_average, true},
    {"percentile", "the share --percentile of the values, the same share dropped at both ends", choose_percentile},
    {"mse", "least mean squared error of rounding and clipping", choose_mse},
    {"kl", "least Kullback-Leibler divergence of the quantized distribution", choose_kl},
    {"entropy", "most entropy of the integers", choose_entropy},
    {"omse", "least mean squared error of the distribution that fits best, in closed form", choose_omse},
};

}  // namespace

std::span<const CalibrationMethod> calibration_methods() {
  return kMethods;
}

const CalibrationMethod* find_calibration_method(std::string_view name) {
  for (const CalibrationMethod& method : kMethods) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

Range choose_range(const CalibrationMethod& method, const ActivationStats& stats, const ValueTrend& trend,
                   const CalibrationOptions& options) {
  if (!options.symmetric) {
    const Range range = method.choose(stats, trend, options);
    return options.pow2 ? power_of_two_range(range, stats, options.levels) : range;
  }
  CalibrationOptions half = options;
  half.levels = options.levels / 2;
  ValueTrend folded = trend;
  Extremes& average = folded.moving_average;
  if (!average.empty()) average = {0, std::max(std::fabs(average.min), std::fabs(average.max))};
  const ActivationStats magnitudes = stats.folded();
  const Range range = method.choose(magnitudes, folded, half);
  const float bound = options.pow2 ? power_of_two_range(range, magnitudes, half.levels).max : range.max;
  return {-bound, bound};
}

Ranges choose_ranges(const StatsTable& stats, const TrendTable& trends, const CalibrationMethod& method,
                     const CalibrationOptions& options) {
  Ranges ranges;
  for (const auto& [name, value] : stats) {
    const auto trend = trends.find(name);
    ranges[name] = choose_range(method, value, trend == trends.end() ? ValueTrend() : trend->second, options);
  }
  return ranges;
}

std::vector<std::string> calibration_warnings(const StatsTable& stats, uint64_t sample_count) {
  std::vector<std::string> warnings;
  if (sample_count > 0 && sample_count < kFewSamples) {
    warnings.push_back("calibrated on " + std::to_string(sample_count) + " samples; fewer than " +
                       std::to_string(kFewSamples) + " give uncertain ranges");
  }
  for (const auto& [name, value] : stats) {
    if (value.nonfinite_count() > 0) {
      warnings.push_back("value '" + name + "' has " + std::to_string(value.nonfinite_count()) +
                         " NaN or infinite numbers beside " + std::to_string(value.count()) + " finite ones");
    }
    if (value.is_constant() && value.count() > 1) {
      warnings.push_back("value '" + name + "' is " + std::to_string(value.min()) + " in all " +
                         std::to_string(value.count()) + " places");
    }
  }
  return warnings;
}

Range observed_range(const ActivationStats& stats, double min, double max) {
  return {std::clamp(static_cast<float>(min), std::min(stats.min(), 0.0F), 0.0F),
          std::clamp(static_cast<float>(max), 0.0F, std::max(stats.max(), 0.0F))};
}

}  // namespace octet
