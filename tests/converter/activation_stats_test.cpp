// ActivationStats: depends on the values alone, loses none, and puts each into the right bin.
#include "converter/activation_stats.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kTiny = std::numeric_limits<float>::denorm_min();

ActivationStats stats_of(const std::vector<float>& values) {
  ActivationStats stats;
  stats.observe(values);
  return stats;
}

// The definition, value by value.
std::vector<uint64_t> bins_of(const std::vector<float>& values, int exponent) {
  std::vector<uint64_t> bins(2 * kBins);
  for (const float v : values) {
    const auto i = static_cast<int>(std::floor(std::ldexp(std::fabs(static_cast<double>(v)), -exponent)));
    ++bins[static_cast<size_t>(v < 0 ? kBins - 1 - i : kBins + i)];
  }
  return bins;
}

uint64_t total(const ActivationStats& stats) {
  return std::accumulate(stats.bins().begin(), stats.bins().end(), uint64_t{0});
}

// Values over 30 binades, both signs, zeros among them; a third is of one magnitude.
std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& v : values) {
    const auto kind = random() % 6;
    v = kind == 0 ? 0.0F : kind < 3 ? normal(random) : std::ldexp(normal(random), static_cast<int>(random() % 30) - 20);
  }
  return values;
}

TEST_CASE("every value lands in the bin that its definition names") {
  for (const size_t count : {1, 2, 7, 16, 33, 1023, 1024, 1025, 5000}) {
    CAPTURE(count);
    const std::vector<float> values = random_values(count, 1);
    const ActivationStats stats = stats_of(values);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    CHECK(stats.min() == *low);
    CHECK(stats.max() == *high);
    CHECK(stats.count() == count);
    CHECK(stats.zero_count() == static_cast<uint64_t>(std::count(values.begin(), values.end(), 0.0F)));
    const std::vector<uint64_t> expected = bins_of(values, stats.exponent());
    CHECK(std::equal(stats.bins().begin(), stats.bins().end(), expected.begin(), expected.end()));
  }
}

TEST_CASE("the order of the values, the chunks and the grouping of merges do not matter") {
  std::vector<float> values = random_values(20000, 2);
  values.push_back(kInfinity);
  values[17] = NAN;
  const ActivationStats once = stats_of(values);
  std::mt19937 random(3);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(values.begin(), values.end(), random);
    CHECK(stats_of(values) == once);
    // Chunks of any size into a few shards, the shards merged in any order and grouping.
    std::vector<ActivationStats> shards(1 + random() % 6);
    for (size_t begin = 0; begin < values.size();) {
      const size_t count = std::min<size_t>(1 + random() % 3000, values.size() - begin);
      shards[random() % shards.size()].observe(std::span(values).subspan(begin, count));
      begin += count;
    }
    while (shards.size() > 1) {
      const size_t from = random() % shards.size();
      const ActivationStats shard = shards[from];
      shards.erase(shards.begin() + static_cast<ptrdiff_t>(from));
      shards[random() % shards.size()].merge(shard);
    }
    CHECK(shards[0] == once);
  }
  CHECK(once.count() == 19999);  // values[17] gave way to the NaN
  CHECK(once.nonfinite_count() == 2);
  CHECK(total(once) == once.count());
}

TEST_CASE("merging with nothing changes nothing, with itself doubles") {
  const std::vector<float> values = random_values(100, 4);
  ActivationStats stats = stats_of(values);
  stats.merge(ActivationStats());
  CHECK(stats == stats_of(values));
  ActivationStats empty;
  empty.merge(stats);
  CHECK(empty == stats);
  std::vector<float> twice = values;
  twice.insert(twice.end(), values.begin(), values.end());
  stats.merge(stats);
  CHECK(stats == stats_of(twice));
  ActivationStats nothing;
  nothing.observe({});
  CHECK(nothing == ActivationStats());
}

TEST_CASE("one huge value late keeps every count") {
  const std::vector<float> values = random_values(3000, 5);
  ActivationStats stats = stats_of(values);
  stats.observe(std::vector<float>{std::numeric_limits<float>::max()});
  CHECK(total(stats) == 3001);
  CHECK(stats.bins()[2 * kBins - 1] == 1);
  CHECK(stats.bins()[kBins] + stats.bins()[kBins - 1] == 3000);
  std::vector<float> all{std::numeric_limits<float>::max()};
  all.insert(all.end(), values.begin(), values.end());
  CHECK(stats == stats_of(all));
}

TEST_CASE("the largest magnitude lies in the upper half of its side") {
  std::mt19937 random(6);
  for (int exponent = -125; exponent < 128; exponent += 11) {
    const float v = std::ldexp(0.5F + 0.4F * static_cast<float>(random() % 1000) / 1000, exponent);
    const ActivationStats up = stats_of({v});
    const ActivationStats down = stats_of({-v});
    for (int i = 0; i < 2 * kBins; ++i) {
      const bool expected = i == static_cast<int>(kBins + std::floor(v / up.bin_width()));
      REQUIRE((up.bins()[static_cast<size_t>(i)] == 1) == expected);
      REQUIRE((down.bins()[static_cast<size_t>(2 * kBins - 1 - i)] == 1) == expected);
    }
    CHECK(v / up.bin_width() >= kBins / 2);
    CHECK(v / up.bin_width() < kBins);
  }
}

TEST_CASE("subnormals are values like others") {
  const ActivationStats stats = stats_of({kTiny, -kTiny, 3 * kTiny, 4095 * kTiny, 0});
  CHECK(stats.exponent() == ActivationStats::kMinExponent);
  CHECK(stats.zero_count() == 1);
  CHECK(stats.bins()[kBins] == 1);
  CHECK(stats.bins()[kBins + 1] == 1);
  CHECK(stats.bins()[kBins - 2] == 1);
  CHECK(stats.bins()[kBins + 3] == 1);
  CHECK(stats.bins()[2 * kBins - 1] == 1);
  // Beside large ones they fall next to zero, on their side.
  const ActivationStats wide = stats_of({kTiny, -kTiny, 1e30F, -1e30F});
  CHECK(wide.bins()[kBins] == 1);
  CHECK(wide.bins()[kBins - 1] == 1);
  CHECK(wide.zero_count() == 0);
}

TEST_CASE("NaN and infinities are counted apart") {
  ActivationStats stats = stats_of({NAN, kInfinity, -kInfinity});
  CHECK(stats.count() == 0);
  CHECK(stats.nonfinite_count() == 3);
  CHECK(stats.min() == 0);
  CHECK(stats.max() == 0);
  CHECK(stats.bins().empty());
  stats.observe(std::vector<float>{-2, NAN, -1});
  CHECK(stats.count() == 2);
  CHECK(stats.nonfinite_count() == 4);
  CHECK(stats.min() == -2);
  CHECK(stats.max() == -1);
}

TEST_CASE("zeros of both signs are zeros, and nothing else") {
  const ActivationStats stats = stats_of({0.0F, -0.0F, 0.0F});
  CHECK(stats.zero_count() == 3);
  CHECK(stats.bins()[kBins] == 3);
  CHECK(stats.exponent() == ActivationStats::kMinExponent);
  CHECK_FALSE(std::signbit(stats.min()));
  CHECK_FALSE(std::signbit(stats.max()));
  CHECK(stats == stats_of({-0.0F, -0.0F, -0.0F}));
  CHECK(stats.is_constant());
}

TEST_CASE("a constant fills one bin") {
  const ActivationStats stats = stats_of(std::vector<float>(5000, -3.7F));
  CHECK(stats.is_constant());
  CHECK(stats.min() == -3.7F);
  CHECK(stats.max() == -3.7F);
  CHECK(std::count(stats.bins().begin(), stats.bins().end(), uint64_t{5000}) == 1);
  CHECK(total(stats) == 5000);
}

TEST_CASE("merge_stats adds by name") {
  StatsTable a{{"x", stats_of({1, 2})}, {"y", stats_of({3})}};
  merge_stats(a, {{"y", stats_of({4, 5})}, {"z", stats_of({6})}});
  CHECK(a == StatsTable{{"x", stats_of({1, 2})}, {"y", stats_of({3, 4, 5})}, {"z", stats_of({6})}});
}

}  // namespace
}  // namespace octet
