// --calibration auto: judged by the layers that read a value, never worse than a single method.
#include <doctest/doctest.h>

#include <algorithm>

#include "converter/calibrate/auto.h"
#include "converter/calibrate/reader_error.h"
#include "converter/range_groups.h"
#include "kernels/quantization.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// Statistics and trends of every value over the samples.
std::pair<StatsTable, TrendTable> observed(const Graph& graph, std::span<const Sample> samples) {
  const Result<PackedModel> packed = lower_f32(graph);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  StatsTable stats;
  TrendRecorder recorder(samples.size());
  std::vector<std::map<std::string, Extremes>> extremes(samples.size());
  REQUIRE(run_samples(*packed, samples, 1, [&](size_t i, const std::string& name, const TensorView& view) {
            stats[name].observe(view.as<float>());
            extremes[i][name] = extremes_of(view.as<float>());
          }).ok());
  for (size_t i = 0; i < samples.size(); ++i) recorder.add(summarize_sample(i, samples[i], extremes[i]));
  return {stats, recorder.trends()};
}

// x -> a (relu) -> b, fully connected; of a's eight channels the last has rare huge values that b does not read.
Graph net_with_an_idle_channel() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8});
  std::vector<float> spread(64);
  for (size_t i = 0; i < 8; ++i) spread[9 * i] = i == 7 ? 40.0F : 1.0F;
  const ValueId a = g.add("a", FullyConnectedParams{}, {x, g.constant_of({8, 8}, spread)});
  const ValueId relu = g.relu("a_relu", a);
  std::vector<float> reading(4 * 8);
  for (size_t o = 0; o < 4; ++o) {
    for (size_t k = 0; k < 7; ++k) reading[o * 8 + k] = static_cast<float>((o * 5 + k * 3) % 7) - 3;
  }
  g.output(g.add("b", FullyConnectedParams{}, {relu, g.constant_of({4, 8}, reading)}));
  return after_all_passes(g.graph());
}

Graph image_net() {
  constexpr Conv2dParams kSame{.pads = {1, 1, 1, 1}};
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, kSame));
  const ValueId sum = g.relu("sum_relu", g.add_up("sum", g.conv2d("b", a, {8, 3, 3, 8}, kSame), a));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {sum});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.add("probabilities", SoftmaxParams{.axis = 1}, {g.fully_connected("dense", flat, 10)}));
  return after_all_passes(g.graph());
}

Result<AutoCalibration> calibrate(const Graph& graph, const SampleSplit& samples, bool is_corrected, int threads = 1) {
  const auto [stats, trends] = observed(graph, samples.fit());
  return calibrate_automatically(graph, stats, trends, {}, {}, samples, is_corrected, threads);
}

TEST_CASE("a reader's error is that of its output, relative to the output's variance") {
  // y = x: the reader's error is the value's own, by definition.
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 3});
  g.output(g.add("y", FullyConnectedParams{}, {x, g.constant_of({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1})}));
  const Graph graph = after_all_passes(g.graph());
  const std::vector<Sample> samples = random_samples(graph, 20, 5, -1, 1);
  const std::vector<Precision> precisions = choose_precisions(graph, {});
  const std::vector<ValueId> groups = range_groups(graph, precisions);
  const RangeQuestion question{groups[static_cast<size_t>(graph.inputs[0])], {{0.01F, 128}, {0.1F, 30}}};
  const auto errors = reader_errors(graph, groups, precisions, std::span(&question, 1), samples, 2);
  REQUIRE_MESSAGE(errors.ok(), errors.error().message);

  double sum = 0;
  double sum2 = 0;
  std::vector<double> error(2);
  for (const Sample& sample : samples) {
    for (const float v : sample[0].as<float>()) {
      sum += static_cast<double>(v);
      sum2 += static_cast<double>(v) * static_cast<double>(v);
      for (size_t c = 0; c < 2; ++c) {
        const QuantParams quant = question.candidates[c];
        const double d = static_cast<double>(v) - static_cast<double>(dequantize(quantize_u8(v, quant), quant));
        error[c] += d * d;
      }
    }
  }
  const double variance = sum2 - sum * sum / 60;
  REQUIRE((*errors)[0].size() == 2);
  CHECK((*errors)[0][0] == doctest::Approx(error[0] / variance).epsilon(1e-4));
  CHECK((*errors)[0][1] == doctest::Approx(error[1] / variance).epsilon(1e-4));
}

TEST_CASE("auto clips what no layer reads, where the value's own error says keep") {
  const Graph graph = net_with_an_idle_channel();
  const SampleSplit samples = random_split(graph, 60, 20, 1, 2, -1, 1);
  const auto found = calibrate(graph, samples, false);
  REQUIRE_MESSAGE(found.ok(), found.error().message);
  // The idle channel reaches 40, those that are read reach 1.
  CHECK(found->ranges.at("a_relu").max < 30);
  const auto minmax = std::find_if(found->trials.begin(), found->trials.end(),
                                   [](const CalibrationTrial& trial) { return trial.name == "minmax"; });
  const auto chosen = std::find_if(found->trials.begin(), found->trials.end(),
                                   [&](const CalibrationTrial& trial) { return trial.name == found->name; });
  CHECK(chosen->objective.error < 0.8 * minmax->objective.error);
}

TEST_CASE("auto is never worse than the best single method, and the same for any number of threads") {
  const Graph graph = image_net();
  for (const uint32_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    const SampleSplit samples = random_split(graph, 16, 8, seed, seed + 100);
    for (const bool is_corrected : {false, true}) {
      const auto found = calibrate(graph, samples, is_corrected);
      REQUIRE_MESSAGE(found.ok(), found.error().message);
      CHECK(found->trials.size() == calibration_methods().size() + 1);
      CHECK(found->trials.back().name == "mix");
      double chosen = INFINITY;
      double least = INFINITY;
      for (const CalibrationTrial& trial : found->trials) {
        if (is_corrected && !trial.corrected.has_value()) continue;
        const double error = is_corrected ? trial.corrected->error : trial.objective.error;
        least = std::min(least, error);
        if (trial.name == found->name) chosen = error;
        CHECK(to_string(trial).find(trial.name + ": output SQNR ") == 0);
      }
      CHECK(chosen == least);
      const auto again = calibrate(graph, samples, is_corrected, 3);
      REQUIRE(again.ok());
      CHECK(again->ranges == found->ranges);
      CHECK(again->methods == found->methods);
      const auto [stats, trends] = observed(graph, samples.fit());
      CHECK(ranges_by(found->methods, stats, trends, {}) == found->ranges);
    }
  }
}

}  // namespace
}  // namespace octet::test
