// Each calibration method against the answer known for a distribution, and all of them on degenerate values.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <numbers>
#include <random>

#include "converter/calibrate/calibrate.h"
#include "converter/quantize.h"
#include "tests/support/distributions.h"

namespace octet::test {
namespace {

// The mean squared error that the integers of a range leave.
double measured_error(const std::vector<float>& values, Range range) {
  const QuantParams quant = u8_params(range);
  double sum = 0;
  for (const float v : values) {
    const double q = std::clamp(std::nearbyint(v / static_cast<double>(quant.scale)) + quant.zero_point, 0.0, 255.0);
    const double error = v - static_cast<double>(quant.scale) * (q - quant.zero_point);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

// The clip c that minimises the error of N(0, 1) with `steps` steps over [-c, c]:
//   (2c / steps)^2 / 12 * P(|x| < c) + 2 * integral from c of (x - c)^2 phi(x),
//   where the integral is (1 + c^2) Phi(-c) - c phi(c).
double best_normal_clip(double steps) {
  double best = 0;
  double least = INFINITY;
  for (double c = 2; c < 6; c += 1e-4) {
    const double tail = std::erfc(c / std::numbers::sqrt2) / 2;
    const double phi = std::exp(-c * c / 2) / std::sqrt(2 * std::numbers::pi);
    const double scale = 2 * c / steps;
    const double error = scale * scale / 12 * (1 - 2 * tail) + 2 * ((1 + c * c) * tail - c * phi);
    if (error < least) {
      least = error;
      best = c;
    }
  }
  return best;
}

TEST_CASE("the list has every method, and none of another name") {
  for (const char* name : {"minmax", "moving_average", "percentile", "mse", "kl", "entropy", "omse"})
    CHECK(find_calibration_method(name) != nullptr);
  CHECK(find_calibration_method("min-max") == nullptr);
  CHECK(find_calibration_method("") == nullptr);
}

TEST_CASE("the README has a row for every method, and none of another") {
  std::ifstream stream(OCTET_SOURCE_DIR "/converter/README.md");
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  for (const CalibrationMethod& method : calibration_methods()) {
    CAPTURE(method.name);
    CHECK(text.find("| `" + std::string(method.name) + "` | " + method.description + " |") != std::string::npos);
  }
  // A method that is gone leaves no row.
  const size_t table = text.find("| `--calibration` |");
  REQUIRE(table != std::string::npos);
  size_t rows = 0;
  const size_t end = text.find("\n\n", table);
  for (size_t at = text.find("\n| `", table); at < end; at = text.find("\n| `", at + 1)) ++rows;
  CHECK(text.find("| `auto` |") != std::string::npos);
  CHECK(rows == calibration_methods().size() + 1);
}

TEST_CASE("every method gives a finite range around 0 within the observed one, whatever was observed") {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> one_sided(3000);
  for (float& v : one_sided) v = 0.5F + std::fabs(normal(random) * normal(random));
  std::vector<float> negative = one_sided;
  for (float& v : negative) v = -v;
  std::vector<float> outlier(3000, 1e-6F);
  outlier[7] = -1e6F;
  const std::vector<std::vector<float>> cases = {{},
                                                 {0},
                                                 {0, -0.0F, 0},
                                                 {3},
                                                 {-3},
                                                 {4},  // on a bin's edge
                                                 std::vector<float>(5000, 3.7F),
                                                 std::vector<float>(5000, -3.7F),
                                                 {0, 0, 0, 2},
                                                 {-1, 1},
                                                 {NAN, INFINITY},
                                                 {NAN, 1, 2},
                                                 {kTiny, -kTiny},
                                                 {kMax, -kMax},
                                                 {kMax, kTiny},
                                                 one_sided,
                                                 negative,
                                                 outlier};
  for (const CalibrationMethod& method : calibration_methods()) {
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(method.name);
      CAPTURE(i);
      const ActivationStats stats = stats_of(cases[i]);
      const Range range = choose(method.name, stats);
      CHECK(std::isfinite(range.min));
      CHECK(std::isfinite(range.max));
      CHECK(range.min <= 0);
      CHECK(range.max >= 0);
      CHECK(range.min >= std::min(stats.min(), 0.0F));
      CHECK(range.max <= std::max(stats.max(), 0.0F));
      CHECK((range == Range{}) == (stats.min() == 0 && stats.max() == 0));
      CHECK(range == choose(method.name, stats));
    }
    CAPTURE(method.name);
    // A value that is always the same keeps it: nothing may be clipped from it, to one part in a thousand.
    CHECK(choose(method.name, stats_of(std::vector<float>(500, 3.7F))).max == doctest::Approx(3.7).epsilon(1e-3));
    CHECK(choose(method.name, stats_of(std::vector<float>(500, -3.7F))).min == doctest::Approx(-3.7).epsilon(1e-3));
    // What has no negative values spends no integers on them.
    CHECK(choose(method.name, stats_of(one_sided)).min == 0);
    CHECK(choose(method.name, stats_of(negative)).max == 0);
  }
}

TEST_CASE("every method gives a mirrored range for mirrored values") {
  // Up to the rounding of the zero point, which at 127.5 goes to the even 128: one step of 256.
  std::mt19937 random(2);
  std::exponential_distribution<float> exponential;
  std::vector<float> values(50000);
  for (float& v : values) v = exponential(random) - 1;
  std::vector<float> mirrored = values;
  for (float& v : mirrored) v = -v;
  for (const CalibrationMethod& method : calibration_methods()) {
    CAPTURE(method.name);
    const Range range = choose(method.name, stats_of(values));
    const Range mirror = choose(method.name, stats_of(mirrored));
    const double step = (range.max - range.min) / 256;
    CHECK(std::fabs(range.max + mirror.min) <= step);
    CHECK(std::fabs(range.min + mirror.max) <= step);
  }
}

TEST_CASE("minmax covers everything") {
  CHECK(choose("minmax", stats_of({-1.5F, 2, 7.25F})) == Range{-1.5F, 7.25F});
  CHECK(choose("minmax", stats_of({2, 7.25F})) == Range{0, 7.25F});
  CHECK(choose("minmax", stats_of({-2, -7.25F})) == Range{-7.25F, 0});
}

TEST_CASE("percentile keeps p percent and drops half of the rest at each end") {
  // Uniform on [-1, 1]: 90 % kept is [-0.9, 0.9], not the dropped share's [-0.1, 0.1]. A bin is 1/2048 wide (the
  // largest magnitude lies in [0.5, 1)), within it the answer is interpolated.
  const ActivationStats uniform = stats_of(exact_sample(100000, [](double p) { return 2 * p - 1; }));
  for (const double p : {90.0, 99.0, 99.9}) {
    const Range range = choose("percentile", uniform, {.percentile = p});
    CHECK(range.max == doctest::Approx(p / 100).epsilon(1e-4));
    CHECK(range.min == doctest::Approx(-p / 100).epsilon(1e-4));
  }
  CHECK(choose("percentile", uniform, {.percentile = 100}) == choose("minmax", uniform));
  // N(0, 1), 99.99 kept: 3.891 sigma, where the sample's values are 1 / (400,000 phi(3.891)) = 0.012 apart.
  const Range range = choose("percentile", normal_stats());
  CHECK(std::fabs(range.max - 3.8906) < 0.012);
  CHECK(std::fabs(range.min + 3.8906) < 0.012);
}

TEST_CASE("percentile counts zeros as values") {
  // 99.99 % zeros: of 1,000,000 values 100 are not zero, 50 of these are dropped as the upper tail.
  std::vector<float> values(1000000);
  for (size_t i = 0; i < 100; ++i) values[i * 1000] = static_cast<float>(i + 1);
  const Range range = choose("percentile", stats_of(values));
  CHECK(range.min == 0);
  CHECK(std::fabs(range.max - 50) <= 1);
  // And a tail that ends among the zeros leaves nothing.
  CHECK(choose("percentile", stats_of(values), {.percentile = 99}) == Range{});
}

TEST_CASE("mse clips N(0, 1) at 3.92 sigma") {
  // 256 levels over [-c, c] have 255 steps. The symmetric s8 grid of -127..127 has 254: 3.92 sigma. The objective is
  // flat at its minimum (its relative change for c +-1 % is 5e-4), and the rounding of the zero point to 128 shifts the
  // grid by half a step, so each side may be off by 1 % + c / 255.
  const double expected = best_normal_clip(255);
  CHECK(best_normal_clip(254) == doctest::Approx(3.92).epsilon(0.002));
  CHECK(expected == doctest::Approx(3.92).epsilon(0.002));
  const Range range = choose("mse", normal_stats());
  CHECK(std::fabs(range.max - expected) < expected * (0.01 + 1.0 / 255));
  CHECK(std::fabs(range.min + expected) < expected * (0.01 + 1.0 / 255));
  CHECK(std::fabs((range.max - range.min) / 2 - expected) < expected * 0.01);
}

TEST_CASE("mse clips half a Gauss at 4.21 sigma, with and without a spike at zero") {
  CHECK(std::fabs(choose("mse", half_gauss(0)).max - 4.21) < 0.0421);
  // Zeros cost nothing, so they move nothing.
  CHECK(choose("mse", half_gauss(1200000)) == choose("mse", half_gauss(0)));
}

TEST_CASE("mse clips a Laplace at 9.88 b") {
  // 2 million exact quantiles end at 14.5 b, far enough; half a percent for what lies beyond, half for the search.
  const Range range = choose("mse", stats_of(exact_sample(2000000, laplace_quantile)));
  CHECK(std::fabs((range.max - range.min) / 2 - 9.88) < 0.1);
}

TEST_CASE("mse finds a range whose measured error no other range beats") {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  const std::vector<std::function<float()>> distributions = {
      [&] { return normal(random); },
      [&] { return std::fabs(normal(random)); },
      [&] { return std::clamp(4 * normal(random), 0.0F, 6.0F); },
      [&] { return normal(random) * normal(random) * normal(random); },
      [&] { return 0.1F * normal(random) + (random() % 2 == 0 ? -3.0F : 5.0F); },
      [&] { return random() % 1000 == 0 ? 30 * normal(random) : normal(random); },
      [&] {
        const float x = 3 * normal(random);
        return x / (1 + std::exp(-x));
      },
  };
  for (size_t d = 0; d < distributions.size(); ++d) {
    CAPTURE(d);
    std::vector<float> values(20000);
    for (float& v : values) v = distributions[d]();
    const ActivationStats stats = stats_of(values);
    const Range range = choose("mse", stats);
    const double error = measured_error(values, range);
    // The histogram knows a value to a bin, a fifteenth of a step or less: 1 % of the error at most.
    for (const double low : {0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.2}) {
      for (const double high : {0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.2}) {
        const Range other{static_cast<float>(range.min * low), static_cast<float>(range.max * high)};
        REQUIRE(error <= measured_error(values, other) * 1.01);
      }
    }
    CHECK(error <= measured_error(values, choose("minmax", stats)) * 1.01);
  }
}

TEST_CASE("mse keeps the bound of a ReLU6") {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> values(100000);
  for (float& v : values) v = std::clamp(4 * normal(random), 0.0F, 6.0F);
  const Range range = choose("mse", stats_of(values));
  CHECK(range.min == 0);
  CHECK(range.max == doctest::Approx(6).epsilon(1e-3));
}

TEST_CASE("kl does not collapse") {
  // With Q built from the folded slice the search ends at 0.3 to 0.7 sigma; sane answers lie where less than one value
  // in a thousand is clipped: 3.3 sigma for a Gauss, 6.9 b for a Laplace.
  const Range normal = choose("kl", normal_stats());
  CHECK(normal.max > 3.3);
  CHECK(normal.max < 4.9);
  CHECK(std::fabs(normal.max + normal.min) < 0.2);
  const Range laplace = choose("kl", stats_of(exact_sample(2000000, laplace_quantile)));
  CHECK(laplace.max > 6.9);
  CHECK(laplace.max < 14.6);
  const Range half = choose("kl", half_gauss(0));
  CHECK(half.min == 0);
  CHECK(half.max > 3.3);
  CHECK(half.max < 4.9);  // the largest of the 400,000
  // Both modes of -3 and 5, 0.1 wide, stay.
  const Range modes =
      choose("kl", stats_of(exact_sample(1000000, [](double p) {
               return p < 0.5 ? -3 + 0.1 * normal_quantile(2 * p) : 5 + 0.1 * normal_quantile(2 * p - 1);
             })));
  CHECK(modes.min < -3.3);
  CHECK(modes.max > 5.3);
}

TEST_CASE("kl takes the spike at zero out first") {
  CHECK(choose("kl", half_gauss(2000000)) == choose("kl", half_gauss(0)));
}

TEST_CASE("kl clips a rare outlier and keeps the body") {
  ActivationStats stats = normal_stats();
  stats.observe(std::vector<float>(4, 50.0F));
  const Range range = choose("kl", stats);
  CHECK(range.max < 10);
  CHECK(range.max > 3.3);
  CHECK(range.min < -3.3);
}

TEST_CASE("choose_ranges gives each value its range") {
  const StatsTable table{{"a", stats_of({1, 2})}, {"b", stats_of({-3})}};
  CHECK(choose_ranges(table, {}, *find_calibration_method("minmax"), {}) == Ranges{{"a", {0, 2}}, {"b", {-3, 0}}});
}

TEST_CASE("warnings name few samples, broken values and constants") {
  const StatsTable table{{"fine", stats_of({1, 2})}, {"broken", stats_of({1, NAN, 2})}, {"flat", stats_of({5, 5})}};
  CHECK(calibration_warnings(table, 100).size() == 2);
  CHECK(calibration_warnings(table, 0).size() == 2);
  const std::vector<std::string> warnings = calibration_warnings(table, 99);
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0].find("99 samples") != std::string::npos);
  CHECK(warnings[1].find("'broken' has 1 NaN") != std::string::npos);
  CHECK(warnings[2].find("'flat' is 5") != std::string::npos);
}

}  // namespace
}  // namespace octet::test
