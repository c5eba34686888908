// Values at the exact quantiles of known distributions, for the tests of calibration.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "converter/calibrate/calibrate.h"

namespace octet::test {

inline ActivationStats stats_of(const std::vector<float>& values) {
  ActivationStats stats;
  stats.observe(values);
  return stats;
}

// `count` values at the centres of `count` equal shares of a distribution: as near to the density as a sample can be.
inline std::vector<float> exact_sample(size_t count, const std::function<double(double)>& quantile) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(quantile((static_cast<double>(i) + 0.5) / static_cast<double>(count)));
  }
  return values;
}

inline double normal_quantile(double p) {
  double low = -8;
  double high = 8;
  for (int i = 0; i < 45; ++i) {
    const double mid = (low + high) / 2;
    (std::erfc(-mid / std::numbers::sqrt2) / 2 < p ? low : high) = mid;
  }
  return (low + high) / 2;
}

inline double laplace_quantile(double p) {
  return p < 0.5 ? std::log(2 * p) : -std::log(2 * (1 - p));
}

inline const ActivationStats& normal_stats() {
  static const ActivationStats stats = stats_of(exact_sample(400000, normal_quantile));
  return stats;
}

inline ActivationStats half_gauss(size_t zeros) {
  static const ActivationStats stats =
      stats_of(exact_sample(400000, [](double p) { return normal_quantile((1 + p) / 2); }));
  ActivationStats with_zeros = stats;
  with_zeros.observe(std::vector<float>(zeros));
  return with_zeros;
}

inline Range choose(const char* method, const ActivationStats& stats, const CalibrationOptions& options = {}) {
  const CalibrationMethod* found = find_calibration_method(method);
  REQUIRE(found != nullptr);
  return choose_range(*found, stats, {}, options);
}

}  // namespace octet::test
