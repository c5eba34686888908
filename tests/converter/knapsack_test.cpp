// The Pareto front of choices per layer, against all combinations.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "converter/precision/knapsack.h"

namespace octet::test {
namespace {

using Layers = std::vector<std::vector<LayerOption>>;

struct Total {
  int64_t cost;
  double error;
};

// Every combination, as an odometer counts them.
std::vector<Total> all_combinations(const Layers& layers) {
  std::vector<Total> totals;
  std::vector<size_t> digits(layers.size());
  while (true) {
    Total total{0, 0};
    for (size_t i = 0; i < layers.size(); ++i) {
      total.cost += layers[i][digits[i]].cost;
      total.error += layers[i][digits[i]].error;
    }
    totals.push_back(total);
    size_t i = 0;
    while (i < layers.size() && ++digits[i] == layers[i].size()) digits[i++] = 0;
    if (i == layers.size()) return totals;
  }
}

// What no combination beats.
std::vector<Total> front_by_force(const Layers& layers) {
  std::vector<Total> totals = all_combinations(layers);
  std::sort(totals.begin(), totals.end(),
            [](const Total& a, const Total& b) { return a.cost != b.cost ? a.cost < b.cost : a.error < b.error; });
  std::vector<Total> front;
  for (const Total& total : totals) {
    if (front.empty() || total.error < front.back().error) front.push_back(total);
  }
  return front;
}

// Whole errors, so that sums are exact in any order.
Layers random_layers(std::mt19937& random, size_t count, int64_t most_cost) {
  Layers layers(count);
  for (auto& options : layers) {
    options.resize(1 + random() % 3);
    for (LayerOption& option : options) {
      option.cost = static_cast<int64_t>(random() % static_cast<uint64_t>(2 * most_cost)) - most_cost;
      option.error = static_cast<double>(random() % 1000);
    }
  }
  return layers;
}

}  // namespace

TEST_CASE("the front is that of all combinations, for random layers") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const Layers layers = random_layers(random, 1 + random() % 9, round % 2 == 0 ? 5 : 100000000);
    const std::vector<Total> expected = front_by_force(layers);
    const auto [found, unit] = pareto_front(layers);
    CAPTURE(round);
    CHECK(unit == 1);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].cost == expected[i].cost);
      CHECK(found[i].error == expected[i].error);
    }
  }
}

TEST_CASE("with fewer survivors than an exact answer has, a point costs at most layers * unit more than it need") {
  std::mt19937 random(13);
  for (int round = 0; round < 50; ++round) {
    const Layers layers = random_layers(random, 9, 100000);
    const auto [found, unit] = pareto_front(layers, 60);
    const std::vector<Total> best = front_by_force(layers);
    CAPTURE(round);
    CHECK((unit > 1 || best.size() <= 60));
    const auto allowed = static_cast<int64_t>(layers.size()) * unit;
    for (const Total& point : best) {
      const bool is_near = std::any_of(found.begin(), found.end(), [&](const ParetoPoint& other) {
        return other.error <= point.error && other.cost <= point.cost + allowed;
      });
      CHECK(is_near);
    }
  }
}

TEST_CASE("times and bytes of a large network leave few enough survivors for an exact answer") {
  std::mt19937 random(14);
  Layers layers(60);
  for (auto& options : layers) {  // int8, int4, bf16, f32: costs and errors as measured ones spread
    const auto bytes = static_cast<int64_t>(1000 + random() % 2000000);
    const double error = std::exp(static_cast<double>(random() % 10000) / 1000);
    const auto jitter = [&] { return 0.9 + static_cast<double>(random() % 2000) / 10000; };
    options = {{0, error}, {-bytes / 2, 300 * error * jitter()}, {bytes, 0.1 * error * jitter()}, {3 * bytes, 0}};
  }
  CHECK(pareto_front(layers).unit == 1);
}

TEST_CASE("a point's choices add up to its cost and its error") {
  std::mt19937 random(12);
  const Layers layers = random_layers(random, 40, 3000);
  for (const ParetoPoint& point : pareto_front(layers).points) {
    int64_t cost = 0;
    double error = 0;
    for (size_t i = 0; i < layers.size(); ++i) {
      cost += layers[i][point.choices[i]].cost;
      error += layers[i][point.choices[i]].error;
    }
    CHECK(cost == point.cost);
    CHECK(error == point.error);
  }
}

TEST_CASE("greed by gain per cost misses what the front has") {
  // Within a cost of 10 the best ratio first takes 6 (gain 7) and then nothing fits; 5 and 5 gain 10.
  const Layers layers{{{0, 7}, {6, 0}}, {{0, 5}, {5, 0}}, {{0, 5}, {5, 0}}};
  const std::vector<ParetoPoint> front = pareto_front(layers).points;
  const auto best = std::find_if(front.rbegin(), front.rend(), [](const auto& point) { return point.cost <= 10; });
  CHECK(best->choices == std::vector<uint8_t>{0, 1, 1});
  CHECK(best->error == 7);
}

TEST_CASE("no layers, one option, equal options") {
  CHECK(pareto_front({}).points.size() == 1);
  CHECK(pareto_front(Layers{{{3, 2}}}).points.size() == 1);
  const std::vector<ParetoPoint> front = pareto_front(Layers{{{3, 2}, {3, 2}}, {{1, 1}, {1, 2}}}).points;
  REQUIRE(front.size() == 1);
  CHECK(front[0].choices == std::vector<uint8_t>{0, 0});  // of equal ones the first
}

}  // namespace octet::test
