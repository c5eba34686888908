#include "converter/quantize.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/quantization.h"

namespace octet {
namespace {

std::vector<int> integers_of(const QuantizedWeights& quantized) {
  const auto q = quantized.weights.as<int8_t>();
  return {q.begin(), q.end()};
}

}  // namespace

TEST_CASE("zero is an integer in every range") {
  for (const Range range : {Range{-1, 1}, Range{0.5F, 6}, Range{-6, -0.5F}, Range{-0.3F, 7.7F}, Range{0, 0},
                            Range{2, 2}, Range{-1e-30F, 1e30F}}) {
    const QuantParams quant = u8_params(range);
    CHECK(std::isfinite(quant.scale));
    CHECK(quant.scale > 0);
    CHECK(dequantize(quantize_u8(0.0F, quant), quant) == 0.0F);
  }
}

TEST_CASE("a ReLU's range has zero point 0 and a negative one 255") {
  CHECK(u8_params({0, 6}) == QuantParams{6.0F / 255, 0});
  CHECK(u8_params({0.5F, 6}).zero_point == 0);
  CHECK(u8_params({-6, -0.5F}).zero_point == 255);
}

TEST_CASE("the zero point is qmin - round(min / scale), for ranges widened to hold 0") {
  struct Row {
    Range range;
    float span;  // of the widened range: 255 scales
    int zero_point;
  };
  const Row rows[] = {{{-1, 3}, 4, 64},     // 63.75
                      {{-3, 1}, 4, 191},    // 191.25
                      {{-1, 254}, 255, 1},  // on the grid
                      {{-200.4F, 54.6F}, 255, 200},
                      {{-0.5F, 254.5F}, 255, 0},  // a tie, to even
                      {{-1.5F, 253.5F}, 255, 2},  // a tie, to even
                      {{0.5F, 6}, 6, 0},          // all positive
                      {{-6, -0.5F}, 6, 255},      // all negative
                      {{3, 3}, 3, 0},             // constant
                      {{-3, -3}, 3, 255}};
  for (const Row& row : rows) {
    CAPTURE(row.range.min);
    CAPTURE(row.range.max);
    const QuantParams quant = u8_params(row.range);
    CHECK(quant.scale == doctest::Approx(row.span / 255));
    CHECK(quant.zero_point == row.zero_point);
  }
  CHECK(u8_params({0, 0}) == QuantParams{1, 0});  // all zero
}

TEST_CASE("the ends of a range are represented within half a step") {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-10, 10);
  for (int i = 0; i < 1000; ++i) {
    const float a = uniform(random);
    const float b = uniform(random);
    const Range range{std::min({a, b, 0.0F}), std::max({a, b, 0.0F})};
    const QuantParams quant = u8_params(range);
    // Rounding the zero point moves the grid by up to half a step, so an end may lie one step off.
    for (const float end : {range.min, range.max}) {
      CHECK(std::fabs(dequantize(quantize_u8(end, quant), quant) - end) <= quant.scale * 0.5001F + 1e-6F);
    }
  }
}

TEST_CASE("symmetric integers are 127 steps wide: 0.1, 0.5, 0.9, 1.2 become 11, 53, 95, 127") {
  std::vector<std::string> notices;
  const std::vector<float> scale{1.2F / 127};
  const Tensor weights = Tensor::f32({2, 4}, std::vector{0.1F, 0.5F, 0.9F, 1.2F, -0.1F, -0.5F, -0.9F, -1.2F});
  const QuantizedWeights q = quantize_weights(weights, nullptr, {}, {.per_channel = false}, "n", notices, scale);
  CHECK(q.scales == scale);
  CHECK(integers_of(q) == std::vector<int>{11, 53, 95, 127, -11, -53, -95, -127});
  CHECK(q.zero_points.empty());
}

TEST_CASE("weights that are 127 steps wide keep their step, max / 127, and are exact") {
  std::vector<std::string> notices;
  const Tensor weights = Tensor::f32({2, 4}, std::vector{0.125F, 15.875F, -3.5F, 6.0F, 2.0F, -254.0F, 78.0F, 4.0F});
  const QuantizedWeights q = quantize_weights(weights, nullptr, {}, {}, "n", notices);
  CHECK(q.scales == std::vector{0.125F, 2.0F});
  CHECK(integers_of(q) == std::vector<int>{1, 127, -28, 48, 1, -127, 39, 2});
}

TEST_CASE("a channel's scale never rounds worse than its largest weight's, and often better") {
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0, 1);
  std::vector<std::string> notices;
  int better = 0;
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<float> w(9);
    for (float& v : w) v = normal(random);
    const QuantizedWeights q = quantize_weights(Tensor::f32({1, 9}, w), nullptr, {1.0F, 0}, {}, "n", notices);
    const float most =
        std::fabs(*std::max_element(w.begin(), w.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); }));
    const float widest = most / 127;
    double chosen = 0;
    double plain = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      CHECK(std::abs(q.weights.as<int8_t>()[i]) <= 127);
      chosen += std::pow(static_cast<double>(w[i] - q.scales[0] * static_cast<float>(q.weights.as<int8_t>()[i])), 2);
      plain += std::pow(static_cast<double>(w[i] - widest * std::nearbyintf(w[i] / widest)), 2);
    }
    CHECK(chosen <= plain * (1 + 1e-6));
    better += chosen < plain ? 1 : 0;
  }
  CHECK(better > 90);
}

TEST_CASE("one scale a channel loses less than one a tensor") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(64 * 100);
  for (size_t i = 0; i < values.size(); ++i) values[i] = normal(random) * std::exp(static_cast<float>(i / 100) / 16);
  const Tensor weights = Tensor::f32({64, 100}, values);
  std::vector<std::string> notices;
  const auto error = [&](bool per_channel) {
    const QuantizedWeights q =
        quantize_weights(weights, nullptr, {1.0F, 0}, {.per_channel = per_channel}, "n", notices);
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const float scale = q.scales[per_channel ? i / 100 : 0];
      sum += std::pow(static_cast<double>(values[i] - scale * static_cast<float>(q.weights.as<int8_t>()[i])), 2);
    }
    return sum;
  };
  CHECK(error(true) < error(false));
}

TEST_CASE("a bias beyond its scale widens its channel alone, and is reported") {
  const Tensor weights = Tensor::f32({3, 1}, std::vector{1e-12F, 1.0F, 0.0F});
  const Tensor bias = Tensor::f32({3}, std::vector{5.0F, 0.25F, -3.0F});
  std::vector<std::string> notices;
  const float src_scale = 0.02F;
  const QuantizedWeights q = quantize_weights(weights, &bias, {src_scale, 0}, {}, "dead", notices);
  for (size_t o = 0; o < 3; ++o) {
    const double real = static_cast<double>(q.bias.as<int32_t>()[o]) * static_cast<double>(src_scale) *
                        static_cast<double>(q.scales[o]);
    CHECK(real == doctest::Approx(static_cast<double>(bias.as<float>()[o])).epsilon(1e-3));
    CHECK(std::abs(static_cast<int64_t>(q.bias.as<int32_t>()[o])) <= int64_t{1} << 30);
  }
  CHECK(q.scales[1] == doctest::Approx(1.0 / 127).epsilon(0.21));
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].find("'dead'") != std::string::npos);
}

TEST_CASE("zero weights without a bias get a usable scale") {
  std::vector<std::string> notices;
  const QuantizedWeights q = quantize_weights(Tensor(DataType::kF32, {2, 3}), nullptr, {0.5F, 0}, {}, "n", notices);
  for (const float scale : q.scales) CHECK(scale == 1.0F);
  CHECK(notices.empty());
}

TEST_CASE("a bias beside many taps is widened until the accumulator holds both") {
  for (const int64_t taps : {int64_t{1}, int64_t{33155}, int64_t{50000}, kMaxAccumulatedTaps}) {
    CAPTURE(taps);
    const Tensor weights = Tensor::f32({1, taps}, std::vector<float>(static_cast<size_t>(taps), 1e-3F));
    const Tensor bias = Tensor::f32({1}, std::vector<float>{5e3F});
    std::vector<std::string> notices;
    const QuantizedWeights q = quantize_weights(weights, &bias, {1.0F, 0}, {}, "n", notices);
    const int64_t integer = q.bias.as<int32_t>()[0];
    CHECK(taps * 255 * 127 + integer <= INT32_MAX);
    CHECK(static_cast<double>(integer) * static_cast<double>(q.scales[0]) == doctest::Approx(5e3));
    CHECK(notices.size() == (5e3 / (1e-3 / 127) > static_cast<double>(max_bias(taps)) ? 1 : 0));
  }
  CHECK((kMaxAccumulatedTaps + 1) * 255 * 128 > INT32_MAX);
}

}  // namespace octet
