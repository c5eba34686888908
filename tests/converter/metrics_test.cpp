#include "converter/metrics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "converter/evaluate.h"
#include "converter/quantize.h"
#include "kernels/quantization.h"

namespace octet {

TEST_CASE("errors follow their definitions") {
  TensorError error;
  error.add(std::vector{1.0F, -2.0F, 2.0F, 0.0F}, std::vector{1.5F, -2.0F, 1.0F, 0.0F}, -1.0F, 1.5F);
  CHECK(error.count() == 4);
  CHECK(error.mse() == doctest::Approx(1.25 / 4));
  CHECK(error.relative_error() == doctest::Approx(std::sqrt(1.25 / 9)));
  CHECK(error.sqnr_db() == doctest::Approx(10 * std::log10(9 / 1.25)));
  CHECK(error.cosine() == doctest::Approx((1.5 + 4 + 2) / std::sqrt(9.0 * (2.25 + 4 + 1))));
  CHECK(error.max_error() == 1.0);
  CHECK(error.clip_rate() == doctest::Approx(0.5));
}

TEST_CASE("equal tensors have no error, and two silent ones are alike") {
  TensorError error;
  error.add(std::vector{0.0F, 0.0F}, std::vector{0.0F, 0.0F}, -INFINITY, INFINITY);
  CHECK(error.relative_error() == 0);
  CHECK(std::isinf(error.sqnr_db()));
  CHECK(error.cosine() == 1);
}

TEST_CASE("merged halves are the whole") {
  const std::vector<float> x{1, 2, 3, 4};
  const std::vector<float> y{1, 2, 4, 4};
  TensorError whole;
  whole.add(x, y, 0, 10);
  TensorError first;
  TensorError second;
  first.add(std::span(x).first(2), std::span(y).first(2), 0, 10);
  second.add(std::span(x).last(2), std::span(y).last(2), 0, 10);
  first.merge(second);
  CHECK(first.mse() == whole.mse());
  CHECK(first.cosine() == whole.cosine());
}

TEST_CASE("the interval of a drop rests on the samples that one model alone gets right") {
  // Agresti and Min's example values by hand: (8 - 3) / 102 +- 1.96 sqrt((12 / 102 - 0.0490^2) / 102).
  const auto [low, high] = drop_interval(8, 3, 100);
  CHECK(low == doctest::Approx(-1.68).epsilon(0.01));
  CHECK(high == doctest::Approx(11.49).epsilon(0.01));
  const auto none = drop_interval(0, 0, 485);
  CHECK(none.first == -none.second);
  CHECK(none.second < 0.5);
  CHECK(drop_interval(3, 8, 100).first == doctest::Approx(-high));
  // Two independent shares of 485 would be 5 points wide: pairing is what makes drops visible.
  CHECK(drop_interval(4, 2, 485).second < 1.7);
}

TEST_CASE("uniform quantization has the error s^2 / 12 and the SQNR of its law") {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-3, 3);
  std::vector<float> x(200000);
  std::vector<float> y(x.size());
  const QuantParams quant = u8_params({-3, 3});
  double power = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = uniform(random);
    y[i] = dequantize(quantize_u8(x[i], quant), quant);
    power += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  TensorError error;
  error.add(x, y, -INFINITY, INFINITY);
  const double s = quant.scale;
  CHECK(error.mse() == doctest::Approx(s * s / 12).epsilon(0.02));
  const double sigma2 = power / static_cast<double>(x.size());
  CHECK(error.sqnr_db() == doctest::Approx(10 * std::log10(12 * sigma2 / (s * s))).epsilon(0.02));
}

TEST_CASE("scores behind a softmax are measured before it, where every class counts") {
  const std::vector<float> logits = {3, -20, 1, 0};
  std::vector<float> probabilities;
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x));
  for (const float x : logits) probabilities.push_back(static_cast<float>(std::exp(static_cast<double>(x)) / sum));
  const std::vector<float> found = octet::score_logits(probabilities);
  for (size_t i = 0; i < logits.size(); ++i) CHECK(found[i] == doctest::Approx(logits[i] + 4).epsilon(1e-5));
  CHECK(octet::score_logits(logits) == logits);
  CHECK(octet::score_logits(std::vector<float>{1, 0})[1] < -30);  // no infinite noise
  CHECK(octet::score_logits(std::vector<float>{2, -1}) == std::vector<float>{2, -1});
}

TEST_CASE("an interval brackets its share and narrows with the count") {
  const auto [low, high] = wilson_interval(450, 485);
  CHECK(low < 100.0 * 450 / 485);
  CHECK(high > 100.0 * 450 / 485);
  CHECK(high - low < 5.5);
  CHECK(wilson_interval(0, 10).first == 0);
  CHECK(wilson_interval(10, 10).second == doctest::Approx(100));
  // Wilson's published example: 10 of 20 at 95 % is 29.9 to 70.1.
  CHECK(wilson_interval(10, 20).first == doctest::Approx(29.9).epsilon(0.002));
}

}  // namespace octet
