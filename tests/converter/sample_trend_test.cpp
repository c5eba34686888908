// The order of the samples: counted in their order whatever the order of arrival, and doubtful samples are named.
#include "converter/sample_trend.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace octet {
namespace {

std::vector<Tensor> input_of(float a, float b) {
  return {Tensor::f32({2}, std::vector<float>{a, b})};
}

TEST_CASE("extremes are those of the finite numbers") {
  const Extremes some = extremes_of(std::vector<float>{3, NAN, -2, INFINITY, 1, -INFINITY});
  CHECK(some.min == -2);
  CHECK(some.max == 3);
  CHECK(extremes_of({}).empty());
  CHECK(extremes_of(std::vector<float>{NAN, INFINITY}).empty());
}

TEST_CASE("samples count in the order of their numbers, whatever the order in which they arrive") {
  constexpr size_t kCount = 50;
  std::mt19937 random(1);
  std::vector<Extremes> samples(kCount);
  for (Extremes& e : samples) e = {-static_cast<float>(random() % 100), static_cast<float>(random() % 100)};
  std::vector<size_t> order(kCount);
  std::iota(order.begin(), order.end(), 0);
  Extremes average = samples[0];
  for (const Extremes& e : samples) {
    average.min += static_cast<float>(0.01 * (static_cast<double>(e.min) - average.min));
    average.max += static_cast<float>(0.01 * (static_cast<double>(e.max) - average.max));
  }
  for (int round = 0; round < 5; ++round) {
    TrendRecorder recorder(kCount);
    for (const size_t i : order)
      recorder.add(summarize_sample(i, input_of(static_cast<float>(i), 0), {{"x", samples[i]}}));
    const Extremes found = recorder.trends().at("x").moving_average;
    CHECK(found.min == doctest::Approx(average.min));
    CHECK(found.max == doctest::Approx(average.max));
    CHECK(recorder.trends().at("x").halves[0].count == 25);
    std::shuffle(order.begin(), order.end(), random);
  }
}

TEST_CASE("a sample is blank where no input says anything, not where one of several is all zeros") {
  const auto is_blank = [](const std::vector<Tensor>& inputs) { return summarize_sample(0, inputs, {}).is_blank; };
  const Tensor zeros = Tensor::f32({2}, std::vector<float>{0, 0});
  const Tensor frame = Tensor::f32({2}, std::vector<float>{1, 2});
  const Tensor rate = Tensor::f32({1}, std::vector<float>{8000});
  const Tensor words(DataType::kS64, {2});
  CHECK(is_blank({zeros}));
  CHECK(is_blank({zeros, rate}));
  CHECK(is_blank({zeros, zeros}));
  CHECK_FALSE(is_blank({frame, zeros}));
  CHECK_FALSE(is_blank({zeros, frame}));
  CHECK_FALSE(is_blank({words, zeros}));
  CHECK_FALSE(is_blank({rate}));
}

TEST_CASE("repeated, blank and drifting samples are named, good ones are not") {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(1, 2);
  TrendRecorder good(100);
  TrendRecorder repeated(100);
  TrendRecorder blank(100);
  TrendRecorder sorted(100);
  for (size_t i = 0; i < 100; ++i) {
    const auto v = static_cast<float>(i);
    const float extreme = uniform(random);
    good.add(summarize_sample(i, input_of(v, -1), {{"x", {-1, extreme}}}));
    repeated.add(summarize_sample(i, input_of(static_cast<float>(i % 97), -1), {{"x", {-1, extreme}}}));
    blank.add(summarize_sample(i, i < 2 ? input_of(v, v) : input_of(v, -1), {{"x", {-1, extreme}}}));
    sorted.add(
        summarize_sample(i, input_of(v, -1), {{"x", {-1, extreme}}, {"y", {0, i < 50 ? extreme : 1.3F * extreme}}}));
  }
  CHECK(good.warnings().empty());
  REQUIRE(repeated.warnings().size() == 1);
  CHECK(repeated.warnings()[0] == "3 of 100 samples repeat another one");
  REQUIRE(blank.warnings().size() == 1);
  CHECK(blank.warnings()[0].find("2 of 100 samples are constant") == 0);
  REQUIRE(sorted.warnings().size() == 1);
  CHECK(sorted.warnings()[0].find("1 of 2 values drift") == 0);
  CHECK(sorted.warnings()[0].find("'y'") != std::string::npos);
}

}  // namespace
}  // namespace octet
