// Rescaling of channels: the function stays, the integers gain.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "converter/correct/channel_groups.h"
#include "converter/correct/probe.h"
#include "converter/correct/rounding_noise.h"
#include "converter/passes/rewrite.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr Conv2dParams kSame{.pads = {1, 1, 1, 1}};

// Dense, depthwise, dense; a residual; a pool; a last layer. `clamp` follows the first two.
Graph block_net(float bound) {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const auto clip = [&](const std::string& name, ValueId value) {
    return g.add(name, UnaryParams{UnaryKind::kClip, 0, bound}, {value});
  };
  Conv2dParams depthwise = kSame;
  depthwise.groups = 16;
  const ValueId stem = g.relu("stem_relu", g.conv2d("stem", x, {8, 3, 3, 3}, kSame));
  const ValueId expand = clip("expand_clip", g.conv2d("expand", stem, {16, 1, 1, 8}));
  const ValueId deep = clip("deep_clip", g.conv2d("deep", expand, {16, 3, 3, 1}, depthwise));
  const ValueId sum = g.add_up("sum", g.conv2d("project", deep, {8, 1, 1, 16}), stem);
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {sum});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.fully_connected("dense", flat, 5));
  return after_all_passes(g.graph());
}

// Multiplies every channel of every group by its own factor in [1/limit, limit], and keeps the function.
void disturb(Graph& graph, double limit) {
  std::mt19937 random(17);
  std::uniform_real_distribution<double> uniform(-std::log(limit), std::log(limit));
  for (const ChannelGroup& group : find_channel_groups(graph)) {
    std::vector<double> factors;
    std::vector<double> inverse;
    for (size_t c = 0; c < group.channels; ++c) {
      factors.push_back(std::exp(uniform(random)));
      inverse.push_back(1 / factors.back());
    }
    const std::vector<double> zeros(group.channels, 0.0);
    for (const size_t maker : group.makers) scale_outputs(graph, graph.nodes[maker], factors, zeros);
    for (const size_t reader : group.readers) scale_inputs(graph, graph.nodes[reader], inverse, zeros);
  }
}

double function_error(const Graph& graph, const Graph& changed, std::span<const Sample> samples) {
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  const Result<PackedModel> f32 = lower_f32(changed);
  REQUIRE(judge.ok());
  REQUIRE(f32.ok());
  return judge->measure(*f32)->error;
}

}  // namespace

TEST_CASE("a residual ties makers and readers of its values into one group") {
  const Graph graph = block_net(INFINITY);
  const std::vector<ChannelGroup> groups = find_channel_groups(graph);
  REQUIRE(groups.size() == 3);
  const auto names = [&](const std::vector<size_t>& nodes) {
    std::vector<std::string> found;
    for (const size_t node : nodes) found.push_back(graph.nodes[node].name);
    return found;
  };
  CHECK(names(groups[0].makers) == std::vector<std::string>{"stem", "project"});
  CHECK(names(groups[0].readers) == std::vector<std::string>{"expand", "dense"});
  CHECK(names(groups[1].makers) == std::vector<std::string>{"expand"});
  CHECK(names(groups[1].readers) == std::vector<std::string>{"deep"});
  CHECK(names(groups[2].readers) == std::vector<std::string>{"project"});
}

TEST_CASE("channels rescaled by up to 1000 collapse per tensor, and equalization restores them to 99 %") {
  Graph graph = block_net(INFINITY);
  const std::vector<Sample> samples = random_samples(graph, 200, 21, -1, 1);
  const Objective undisturbed = objective_of(graph, draft_of(graph, samples, false), samples);
  const Graph original = graph;
  disturb(graph, 1000);
  CHECK(function_error(original, graph, samples) < 1e-9);
  const Draft collapsed = draft_of(graph, samples, false);
  const Draft restored = corrected("equalize", collapsed, context_of(samples, 2));
  CHECK(objective_of(original, collapsed, samples).agreeing < 120);
  const Objective after = objective_of(original, restored, samples);
  CHECK(after.agreeing >= 198 * undisturbed.agreeing / 200);
  CHECK(after.error < 2 * undisturbed.error);
}

TEST_CASE("equalization keeps the function, up to bounds that only cut what they cut before") {
  for (const float bound : {INFINITY, 6.0F, 1.0F}) {
    for (const char* method : {"equalize", "balance"}) {
      CAPTURE(bound);
      CAPTURE(method);
      Graph graph = block_net(bound);
      const std::vector<Sample> samples = random_samples(graph, 20, 22, -1, 1);
      disturb(graph, bound == INFINITY ? 30 : 1);
      const Draft after = corrected(method, draft_of(graph, samples), context_of(samples));
      CHECK(function_error(graph, after.teacher, samples) < 1e-9);
      CHECK(function_error(graph, after.graph, samples) < 1e-9);
    }
  }
}

TEST_CASE("a channel that keeps all others from having integers passes its bound, and the teacher goes on cutting it") {
  Graph graph = block_net(1);
  for (Node& node : graph.nodes) {
    if (node.name != "expand" && node.name != "deep") continue;
    std::vector<double> factors(16, 1.0);
    factors[5] = node.name == "expand" ? 300 : 0.01;
    scale_outputs(graph, node, factors, std::vector<double>(16, 0.0));
  }
  const std::vector<Sample> samples = random_samples(graph, 60, 28, -1, 1);
  const CorrectionContext context = context_of(samples);
  const Draft before = draft_of(graph, samples, false);
  const Draft after = corrected("equalize", before, context);
  REQUIRE(after.bounds.contains("expand"));
  const std::vector<double>& bounds = after.bounds.at("expand");
  CHECK(*std::min_element(bounds.begin(), bounds.end()) == bounds[5]);
  CHECK(bounds[5] < 0.5);

  const Result<Judge> judge = Judge::create(graph, samples, 1);
  const Result<PackedModel> teacher = lower_f32(after.teacher);
  REQUIRE(judge.ok());
  REQUIRE(teacher.ok());
  CHECK(judge->measure(open_clamps(*teacher, after.bounds))->error < 1e-9);
  CHECK(judge->measure(*teacher)->error > 1e-6);

  const double without = objective_of(graph, corrected("bias", before, context), samples).error;
  const double with = objective_of(graph, corrected("bias", after, context), samples).error;
  CAPTURE(without);
  CAPTURE(with);
  CHECK(with < without / 4);
  const Draft tuned = corrected("adaquant", after, context);
  CHECK(objective_of(graph, tuned, samples).error < objective_of(graph, after, samples).error);
}

TEST_CASE("equalization makes both sides of a channel equally large: the three-layer form around a depthwise layer") {
  Graph graph = block_net(INFINITY);
  disturb(graph, 100);
  const std::vector<Sample> samples = random_samples(graph, 4, 23, -1, 1);
  const Draft after = corrected("equalize", draft_of(graph, samples), context_of(samples));
  for (const ChannelGroup& group : find_channel_groups(after.graph)) {
    std::vector<double> first(group.channels, 0.0);
    std::vector<double> second(group.channels, 0.0);
    for (const size_t maker : group.makers) {
      const std::vector<double> found = output_ranges(after.graph, after.graph.nodes[maker]);
      for (size_t c = 0; c < group.channels; ++c) first[c] = std::max(first[c], found[c]);
    }
    for (const size_t reader : group.readers) {
      const std::vector<double> found = input_ranges(after.graph, after.graph.nodes[reader]);
      for (size_t c = 0; c < group.channels; ++c) second[c] = std::max(second[c], found[c]);
    }
    for (size_t c = 0; c < group.channels; ++c) CHECK(first[c] == doctest::Approx(second[c]).epsilon(0.01));
  }
}

TEST_CASE("balance makes the channels that a depthwise layer reads equally large") {
  Graph graph = block_net(INFINITY);
  disturb(graph, 30);
  const std::vector<Sample> samples = random_samples(graph, 10, 27, -1, 1);
  const CorrectionContext context = context_of(samples);
  const Draft draft = corrected("balance", draft_of(graph, samples), context);
  const auto after = observe_channels(context, draft.teacher);
  REQUIRE(after.ok());
  for (const double max : after->at("expand").max) {
    if (max > 0) CHECK(max == doctest::Approx(1));
  }
}

TEST_CASE("balance brings channels that others read closer together, as far as that lowers the noise") {
  Graph graph = block_net(INFINITY);
  const std::vector<Sample> samples = random_samples(graph, 60, 29, -1, 1);
  const CorrectionContext context = context_of(samples);
  const auto spread = [&](const Graph& teacher, const char* layer) {
    const auto seen = observe_channels(context, teacher);
    REQUIRE(seen.ok());
    const std::vector<double>& max = seen->at(layer).max;
    return *std::max_element(max.begin(), max.end()) / *std::min_element(max.begin(), max.end());
  };
  for (Node& node : graph.nodes) {  // what `deep` makes: channels from 1 to 100
    if (node.name != "deep" && node.name != "project") continue;
    std::vector<double> factors;
    for (int c = 0; c < 16; ++c) factors.push_back(std::pow(100.0, (node.name == "deep" ? c : -0.2 * c) / 15));
    const std::vector<double> zeros(16, 0.0);
    if (node.name == "deep") scale_outputs(graph, node, factors, zeros);
    if (node.name == "project") scale_inputs(graph, node, factors, zeros);
  }
  const Draft before = draft_of(graph, samples);
  const Draft after = corrected("balance", before, context);
  CHECK(spread(after.teacher, "deep") < 0.5 * spread(before.teacher, "deep"));
  CHECK(spread(after.teacher, "deep") > 2);
  const auto noise_of = [&](const Draft& draft) {
    const auto seen = observe_channels(context, draft.teacher);
    REQUIRE(seen.ok());
    const ChannelGroup group = find_channel_groups(draft.graph)[2];
    return RoundingNoise(draft.graph, group, *seen)(std::vector<double>(16, 1.0));
  };
  CHECK(noise_of(after) < 0.9 * noise_of(before));
  CHECK(objective_of(graph, corrected("bias", after, context), samples).error <
        objective_of(graph, corrected("bias", before, context), samples).error);
}

TEST_CASE("the noise of a value and its readers' weights is what rounding them adds") {
  // Two layers of 1x1; the value between is N(mean, deviation) behind a ReLU6, rounded by one step for all channels.
  constexpr size_t kChannels = 12, kOutputs = 40;
  GraphBuilder g(5);
  const ValueId x = g.input("x", {1, 1, 1, 4});
  const ValueId made = g.add("clip", UnaryParams{UnaryKind::kClip, 0, 6}, {g.conv2d("maker", x, {12, 1, 1, 4})});
  g.output(g.conv2d("reader", made, {40, 1, 1, 12}));
  const Graph graph = after_all_passes(g.graph());
  const ChannelGroup group = find_channel_groups(graph)[0];
  std::map<std::string, ChannelStats> stats;
  ChannelStats& maker = stats["maker"];
  for (size_t c = 0; c < kChannels; ++c) {
    maker.mean.push_back(0.5 * static_cast<double>(c) - 2);
    maker.deviation.push_back(0.2 + 0.3 * static_cast<double>(c));
    maker.min.push_back(-5);
    maker.max.push_back(7);
  }
  std::vector<float> weights = layer_weights(graph, graph.nodes[group.readers[0]]);
  std::vector<double> r;
  for (size_t c = 0; c < kChannels; ++c) r.push_back(0.5 + 0.1 * static_cast<double>(c));

  std::mt19937 random(6);
  double error = 0;
  std::vector<double> sum(kOutputs), sum2(kOutputs), error_sum(kOutputs);
  constexpr int kDraws = 20000;
  const double step = 6 / 0.5 / 255;  // the widest channel, divided by the least r
  for (int i = 0; i < kDraws; ++i) {
    std::vector<double> value(kChannels), rounded(kChannels);
    for (size_t c = 0; c < kChannels; ++c) {
      std::normal_distribution<double> normal(maker.mean[c], maker.deviation[c]);
      value[c] = std::clamp(normal(random), 0.0, 6.0);
      rounded[c] = std::nearbyint(value[c] / r[c] / step) * step;
    }
    for (size_t o = 0; o < kOutputs; ++o) {
      double largest = 0;
      for (size_t c = 0; c < kChannels; ++c) {
        largest = std::max(largest, std::fabs(static_cast<double>(weights[o * kChannels + c])) * r[c]);
      }
      double exact = 0, found = 0;
      for (size_t c = 0; c < kChannels; ++c) {
        const auto w = static_cast<double>(weights[o * kChannels + c]);
        exact += w * value[c];
        found += std::nearbyint(w * r[c] / (largest / 127)) * (largest / 127) * rounded[c];
      }
      sum[o] += exact / kDraws;
      sum2[o] += exact * exact / kDraws;
      error_sum[o] += (found - exact) / kDraws;
      error += (found - exact) * (found - exact) / kDraws;
    }
  }
  ChannelStats& reader = stats["reader"];
  double variance = 0;
  for (size_t o = 0; o < kOutputs; ++o) {
    reader.deviation.push_back(std::sqrt(sum2[o] - sum[o] * sum[o]));
    variance += sum2[o] - sum[o] * sum[o];
    error -= error_sum[o] * error_sum[o];  // what a bias makes up for
  }
  CHECK(RoundingNoise(graph, group, stats)(r) == doctest::Approx(error / variance).epsilon(0.1));
}

TEST_CASE("a channel without weights is left alone") {
  Graph graph = block_net(INFINITY);
  for (Node& node : graph.nodes) {
    if (node.name != "expand") continue;
    std::vector<float> weights = layer_weights(graph, node);
    std::fill_n(weights.begin(), 8, 0.0F);
    set_layer_weights(graph, node, weights);
  }
  const std::vector<Sample> samples = random_samples(graph, 4, 24, -1, 1);
  const Draft after = corrected("equalize", draft_of(graph, samples), context_of(samples));
  CHECK(function_error(graph, after.graph, samples) < 1e-9);
}

TEST_CASE("a high offset moves behind the ReLU, and the value's range shrinks by it") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {4, 3, 3, 3}, kSame));
  g.output(g.conv2d("b", a, {5, 1, 1, 4}));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (node.name == "a") set_layer_bias(graph, node, std::vector<float>{500, 500, 500, 500});
  }
  const std::vector<Sample> samples = random_samples(graph, 10, 25, -1, 1);
  const Draft before = draft_of(graph, samples);
  const Draft after = corrected("absorb_bias", before, context_of(samples));
  CHECK(after.ranges.at("a_relu").max < before.ranges.at("a_relu").max / 5);
  CHECK(function_error(graph, after.graph, samples) < 1e-6);
  CHECK(objective_of(graph, after, samples).error < objective_of(graph, before, samples).error / 10);
}

TEST_CASE("an offset stays where the next layer pads its input") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {4, 1, 1, 3}));
  g.output(g.conv2d("b", a, {5, 3, 3, 4}, kSame));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (node.name == "a") set_layer_bias(graph, node, std::vector<float>{50, 50, 50, 50});
  }
  const std::vector<Sample> samples = random_samples(graph, 4, 26, -1, 1);
  Draft draft = draft_of(graph, samples);
  const Result<int> layers = find_correction_method("absorb_bias")->apply(context_of(samples), draft);
  REQUIRE(layers.ok());
  CHECK(*layers == 0);
}

}  // namespace octet::test
