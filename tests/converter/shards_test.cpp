// Shares of the samples, joined again: the observation of one process, to the last bit.
#include "converter/shards.h"

#include <doctest/doctest.h>

#include <random>

namespace octet {

TEST_CASE("joined shares are the observation of one process, whatever the cut") {
  constexpr size_t kCount = 40;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  StatsTable stats;
  TrendRecorder recorder(kCount);
  std::vector<std::vector<float>> values(kCount, std::vector<float>(50));
  std::vector<ShardSample> samples;
  for (size_t i = 0; i < kCount; ++i) {
    for (float& v : values[i]) v = normal(random) * static_cast<float>(1 + i);
    const std::vector<Tensor> inputs{Tensor::f32({50}, i % 10 == 3 ? std::vector<float>(50, 1.0F) : values[i])};
    SampleSummary sample = summarize_sample(i, inputs, {{"x", extremes_of(values[i])}, {"none", {}}});
    samples.emplace_back(sample);
    stats["x"].observe(values[i]);
    stats["none"];
    recorder.add(std::move(sample));
  }
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{17}, kCount}) {
    CAPTURE(cut);
    std::vector<std::string> shares;
    for (const auto& [begin, end] : {std::pair{cut, kCount}, std::pair{size_t{0}, cut}}) {
      StatsTable part{{"x", {}}, {"none", {}}};
      for (size_t i = begin; i < end; ++i) part["x"].observe(values[i]);
      const auto share = encode_share(
          part, {samples.begin() + static_cast<ptrdiff_t>(begin), samples.begin() + static_cast<ptrdiff_t>(end)});
      REQUIRE_MESSAGE(share.ok(), share.error().message);
      shares.push_back(*share);
    }
    const auto joined = join_shares(shares, kCount);
    REQUIRE_MESSAGE(joined.ok(), joined.error().message);
    CHECK(joined->stats == stats);
    CHECK(joined->warnings == recorder.warnings());
    CHECK(joined->warnings.size() == 3);  // repeated, blank, drifting
    CHECK(joined->trends.at("x").moving_average.min == recorder.trends().at("x").moving_average.min);
    CHECK(joined->trends.at("x").moving_average.max == recorder.trends().at("x").moving_average.max);
    CHECK(joined->trends.size() == recorder.trends().size());
  }
}

TEST_CASE("a program that nobody shares is the first and only one") {
  CHECK(shards().rank == 0);
  CHECK(shards().count == 1);
}

}  // namespace octet
