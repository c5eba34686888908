// entropy, omse, moving_average, symmetric ranges and fewer levels: each against the answer known for a distribution.
#include <doctest/doctest.h>

#include <random>

#include "converter/calibrate/calibrate.h"
#include "converter/quantize.h"
#include "tests/support/distributions.h"

namespace octet::test {
namespace {

double exponential_quantile(double p) {
  return -std::log(1 - p);
}

// 10 log10(E[x^2] / E[(x - x^)^2]) of exact quantiles.
double sqnr_db(const std::vector<float>& values, Range range) {
  const QuantParams quant = u8_params(range);
  double error = 0;
  double signal = 0;
  for (const float v : values) {
    const double q = std::clamp(std::nearbyint(v / static_cast<double>(quant.scale)) + quant.zero_point, 0.0, 255.0);
    const double d = v - static_cast<double>(quant.scale) * (q - quant.zero_point);
    error += d * d;
    signal += static_cast<double>(v) * static_cast<double>(v);
  }
  return 10 * std::log10(signal / error);
}

double half_width(Range range) {
  return (static_cast<double>(range.max) - static_cast<double>(range.min)) / 2;
}

TEST_CASE("entropy clips N(0, 1) at 2 sigma and loses half of the decibels") {
  // The textbook's warning: 19 dB where 40.5 are possible. The optimum is flat: 5 %.
  const Range range = choose("entropy", normal_stats());
  CHECK(half_width(range) == doctest::Approx(2).epsilon(0.1));
  const std::vector<float> values = exact_sample(400000, normal_quantile);
  CHECK(sqnr_db(values, range) < 22);
  CHECK(sqnr_db(values, choose("mse", normal_stats())) > 40);
}

TEST_CASE("entropy keeps all of a uniform distribution, which fills every level alike") {
  const Range range = choose("entropy", stats_of(exact_sample(1000000, [](double p) { return 2 * p - 1; })));
  CHECK(half_width(range) == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("entropy takes the spike at zero out first") {
  CHECK(choose("entropy", half_gauss(2000000)) == choose("entropy", half_gauss(0)));
}

TEST_CASE("omse has the closed forms of four distributions at 8 bits") {
  // Fitted to 2 million exact quantiles: 1 % for the fit and for the bins.
  const auto check = [](const std::function<double(double)>& quantile, double expected, bool one_sided) {
    const Range range = choose("omse", stats_of(exact_sample(2000000, quantile)));
    CAPTURE(expected);
    CHECK(range.max == doctest::Approx(expected).epsilon(0.01));
    CHECK(range.min == doctest::Approx(one_sided ? 0 : -expected).epsilon(0.01));
  };
  check(normal_quantile, 3.92, false);
  check(laplace_quantile, 9.88, false);
  check([](double p) { return normal_quantile((1 + p) / 2); }, 4.21, true);
  check(exponential_quantile, 11.16, true);
  // Mirrored, scaled, and behind a spike.
  const std::vector<float> values = exact_sample(400000, [](double p) { return -7 * exponential_quantile(p); });
  ActivationStats stats = stats_of(values);
  stats.observe(std::vector<float>(500000));
  CHECK(choose("omse", stats).min == doctest::Approx(-7 * 11.16).epsilon(0.01));
  CHECK(choose("omse", stats).max == 0);
}

TEST_CASE("omse keeps all of a uniform distribution") {
  CHECK(choose("omse", stats_of(exact_sample(100000, [](double p) { return 3 * p - 1; }))).max > 1.99F);
  CHECK(choose("omse", stats_of(exact_sample(100000, [](double p) { return 3 * p + 1; }))).max > 3.99F);
}

TEST_CASE("omse agrees with mse within 2 percent on true samples of what it knows") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::exponential_distribution<float> exponential;
  struct Distribution {
    std::function<float()> draw;
    std::function<double(double)> quantile;
    size_t count;
  };
  // The clip of an exponential tail rests on the few values beyond it: 90 of 2 million beyond 10 b, 15 beyond 11.8 b,
  // with which it moves by 4 % from sample to sample. With eight times as many it moves by less than 2.
  const size_t many = 2000000;
  const Distribution distributions[] = {
      {[&] { return normal(random); }, normal_quantile, many},
      {[&] { return std::fabs(normal(random)); }, [](double p) { return normal_quantile((1 + p) / 2); }, many},
      {[&] { return exponential(random) * (random() % 2 == 0 ? 1.0F : -1.0F); }, laplace_quantile, 8 * many},
      {[&] { return exponential(random); }, exponential_quantile, 8 * many}};
  for (size_t d = 0; d < std::size(distributions); ++d) {
    CAPTURE(d);
    const Distribution& distribution = distributions[d];
    std::vector<float> drawn(distribution.count);
    for (float& v : drawn) v = distribution.draw();
    // And on exact quantiles, whose tail is the density's own: there the two differ by their bins alone.
    for (const auto& [values, tolerance] :
         {std::pair(std::move(drawn), 0.02), std::pair(exact_sample(many, distribution.quantile), 0.005)}) {
      const ActivationStats stats = stats_of(values);
      const Range omse = choose("omse", stats);
      const Range mse = choose("mse", stats);
      CHECK(half_width(omse) == doctest::Approx(half_width(mse)).epsilon(tolerance));
      CHECK(sqnr_db(values, omse) > sqnr_db(values, mse) - 10 * std::log10(1.02));
    }
  }
}

TEST_CASE("fewer levels clip more: mse and omse at 4 bits") {
  // -7..7 is 2.48 sigma, 16 levels 2.54; the zero point of 16 levels shifts the grid by up to half a step.
  for (const char* method : {"mse", "omse"}) {
    CAPTURE(method);
    const Range symmetric = choose(method, normal_stats(), {.symmetric = true, .levels = 16});
    CHECK(symmetric.max == doctest::Approx(2.48).epsilon(0.01));
    CHECK(symmetric.min == -symmetric.max);
  }
  CHECK(half_width(choose("omse", normal_stats(), {.levels = 16})) == doctest::Approx(2.54).epsilon(0.01));
  // The grid of 16 levels has no middle: with 0 on it one side gets a level more, 7.5 +- 0.5 steps of it.
  CHECK(half_width(choose("mse", normal_stats(), {.levels = 16})) == doctest::Approx(2.54).epsilon(0.04));
}

TEST_CASE("symmetric ranges: 8 bits of N(0, 1) are 3.92 sigma, and every method mirrors") {
  CHECK(choose("mse", normal_stats(), {.symmetric = true}).max == doctest::Approx(3.92).epsilon(0.01));
  const ActivationStats skewed = stats_of({-1, 0.25F, 3});
  CHECK(choose("minmax", skewed, {.symmetric = true}) == Range{-3, 3});
  const ActivationStats negative = stats_of({-2, -1});
  CHECK(choose("minmax", negative, {.symmetric = true}) == Range{-2, 2});
  for (const CalibrationMethod& method : calibration_methods()) {
    CAPTURE(method.name);
    const Range range = choose(method.name, normal_stats(), {.symmetric = true});
    CHECK(range.min == -range.max);
    CHECK(range.max > 1.5F);
    CHECK(range.max < 5);
    CHECK(choose(method.name, stats_of({}), {.symmetric = true}) == Range{});
  }
}

TEST_CASE("folded statistics are those of the magnitudes") {
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  std::vector<float> values(5000);
  for (float& v : values) v = normal(random) - 0.5F;
  values[3] = 0;
  std::vector<float> magnitudes = values;
  for (float& v : magnitudes) v = std::fabs(v);
  CHECK(stats_of(values).folded() == [&] {
    // Random values lie on no edge of a bin.
    return stats_of(magnitudes).folded();
  }());
  CHECK(stats_of({-4, -2}).folded().min() == 2);
  CHECK(stats_of({-4, 2}).folded().max() == 4);
}

TEST_CASE("moving_average weighs each new sample with one percent, from the first on") {
  TrendRecorder recorder(3);
  const std::vector<octet::Tensor> inputs{octet::Tensor::f32({2}, std::vector<float>{1, 2})};
  recorder.add(summarize_sample(0, inputs, {{"x", {-1, 10}}}));
  recorder.add(summarize_sample(1, inputs, {{"x", {-3, 20}}}));
  recorder.add(summarize_sample(2, inputs, {{"x", {1, 0.5F}}}));  // empty: nothing finite
  ActivationStats stats = stats_of({-3, 20});
  const Range range = find_calibration_method("moving_average")->choose(stats, recorder.trends().at("x"), {});
  CHECK(range.min == doctest::Approx(-1 + 0.01 * -2));
  CHECK(range.max == doctest::Approx(10 + 0.01 * 10));
  CHECK(find_calibration_method("moving_average")->depends_on_order);
}

}  // namespace
}  // namespace octet::test
