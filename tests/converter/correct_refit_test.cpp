// GPTAQ's least squares: the step of the formula, what limits it, and what it is worth on unseen samples.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "converter/correct/column_rounding.h"
#include "converter/correct/refit.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr float kOpen = std::numeric_limits<float>::infinity();

// One channel of two taps, whose target is 3 x0 - x1 + 2 everywhere.
LayerProblem plane(int64_t rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  LayerProblem problem{.groups = 1, .taps = 2, .outputs = 1, .fit = {}, .judge = {}, .activation = {-kOpen, kOpen}};
  for (LayerRows* part : {&problem.fit, &problem.judge}) {
    part->count = rows;
    for (int64_t row = 0; row < rows; ++row) {
      const float x0 = 1 + normal(random), x1 = 2 * normal(random) + x0;
      part->src.insert(part->src.end(), {x0, x1});
      part->target.push_back(3 * x0 - x1 + 2);
    }
  }
  return problem;
}

TunedChannels channel_of(std::vector<float> weights, float bias) {
  const std::vector<float> factors(weights.size(), 1.0F);
  return {weights, {1}, factors, {bias}, weights, {bias}, true};
}

struct Line {
  double w0, w1, b;
};

// The formula of refit.h, spelled out for two taps; rows whose sum is below `floor` count as errors of 0.
Line formula(const LayerRows& rows, Line start, double floor) {
  const auto n = static_cast<double>(rows.count);
  double m0 = 0, m1 = 0, me = 0, s00 = 0, s01 = 0, s11 = 0, s0e = 0, s1e = 0;
  for (size_t i = 0; i < rows.target.size(); ++i) {
    const double x0 = static_cast<double>(rows.src[2 * i]), x1 = static_cast<double>(rows.src[2 * i + 1]);
    const double sum = start.w0 * x0 + start.w1 * x1 + start.b;
    const double e = sum < floor ? 0 : std::max(static_cast<double>(rows.target[i]), floor) - sum;
    m0 += x0 / n, m1 += x1 / n, me += e / n;
    s00 += x0 * x0 / n, s01 += x0 * x1 / n, s11 += x1 * x1 / n, s0e += x0 * e / n, s1e += x1 * e / n;
  }
  const double ridge = 0.3 * (s00 - m0 * m0 + s11 - m1 * m1) / 2;
  const double a = s00 - m0 * m0 + ridge, b = s01 - m0 * m1, d = s11 - m1 * m1 + ridge;
  const double u = s0e - m0 * me, v = s1e - m1 * me;
  const double d0 = (d * u - b * v) / (a * d - b * b), d1 = (a * v - b * u) / (a * d - b * b);
  return {start.w0 + d0, start.w1 + d1, start.b + me - d0 * m0 - d1 * m1};
}

void check_line(const TunedChannels& found, const Line& expected) {
  CHECK(found.weights[0] == doctest::Approx(expected.w0).epsilon(1e-4));
  CHECK(found.weights[1] == doctest::Approx(expected.w1).epsilon(1e-4));
  CHECK(found.bias[0] == doctest::Approx(expected.b).epsilon(1e-4));
}

}  // namespace

TEST_CASE("refitting takes the ridge's step from the float weights, whatever was done to the layer before") {
  const LayerProblem problem = plane(512, 1);
  TunedChannels start = channel_of({2.5F, -0.5F}, 1.5F);
  start.weights = {7, 7};
  start.bias = {-9};
  const auto refit = refit_layer(problem, start, 1);
  REQUIRE_MESSAGE(refit.ok(), refit.error().message);
  check_line(*refit, formula(problem.fit, {2.5, -0.5, 1.5}, -1e30));
}

TEST_CASE("refitting takes its rows in whole batches, for inputs and errors alike") {
  const LayerProblem whole = plane(512, 6);
  LayerProblem problem = whole;
  problem.fit.count += 100;  // a rest, of which neither side may know
  for (int64_t row = 0; row < 100; ++row) {
    problem.fit.src.insert(problem.fit.src.end(), {50, -70});
    problem.fit.target.push_back(-300);
  }
  const auto refit = refit_layer(problem, channel_of({2.5F, -0.5F}, 1.5F), 1);
  REQUIRE_MESSAGE(refit.ok(), refit.error().message);
  check_line(*refit, formula(whole.fit, {2.5, -0.5, 1.5}, -1e30));
}

TEST_CASE("refitting does not look at rows that the activation cuts") {
  LayerProblem problem = plane(1024, 2);
  problem.activation = {0, kOpen};
  const auto refit = refit_layer(problem, channel_of({2.5F, -0.5F}, 1.5F), 2);
  REQUIRE_MESSAGE(refit.ok(), refit.error().message);
  const Line expected = formula(problem.fit, {2.5, -0.5, 1.5}, 0);
  check_line(*refit, expected);
  CHECK(std::abs(formula(problem.fit, {2.5, -0.5, 1.5}, -1e30).w0 - expected.w0) > 0.01);
}

TEST_CASE("a channel stays where refitting does worse on other rows") {
  LayerProblem problem = plane(512, 3);
  for (size_t i = 0; i < problem.judge.target.size(); ++i) {
    problem.judge.target[i] = 2.5F * problem.judge.src[2 * i] - 0.5F * problem.judge.src[2 * i + 1] + 1.5F;
  }
  const auto refit = refit_layer(problem, channel_of({2.5F, -0.5F}, 1.5F), 1);
  REQUIRE(refit.ok());
  CHECK(refit->weights == std::vector<float>{2.5F, -0.5F});
  CHECK(refit->bias == std::vector<float>{1.5F});
}

TEST_CASE("biases make up for what rounding moved, the weights as they are") {
  LayerProblem problem = plane(512, 5);
  const auto refit = refit_biases(problem, channel_of({3, -1}, 1.5F), 1);
  REQUIRE(refit.ok());
  CHECK(refit->weights == std::vector<float>{3, -1});
  CHECK(refit->bias[0] == doctest::Approx(2));
}

TEST_CASE("inputs that never change leave the weights, and move the bias") {
  LayerProblem problem = plane(256, 4);
  for (LayerRows* part : {&problem.fit, &problem.judge}) {
    std::ranges::fill(part->src, 1.0F);
    std::ranges::fill(part->target, 5.0F);
  }
  const auto refit = refit_layer(problem, channel_of({2, 1}, 1), 1);
  REQUIRE(refit.ok());
  CHECK(refit->weights == std::vector<float>{2, 1});
  CHECK(refit->bias[0] == doctest::Approx(2));
}

TEST_CASE("GPTAQ brings unseen samples nearer to the float network than GPTQ does, whatever the biases were before") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 10, 10, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {16, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {16, 3, 3, 1}, {.pads = {1, 1, 1, 1}, .groups = 16}));
  const ValueId c = g.relu("c_relu", g.add_up("sum", g.conv2d("c", b, {16, 1, 1, 16}), a));
  const ValueId d = g.relu("d_relu", g.conv2d("d", c, {16, 3, 3, 16}));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {d});
  g.output(g.fully_connected("dense", g.add("flat", ReshapeParams{{0, -1}}, {pooled}), 6));
  const Graph graph = after_all_passes(g.graph());
  const std::vector<Sample> samples = random_samples(graph, 64, 51);
  const std::vector<Sample> unseen = random_samples(graph, 32, 52);
  Draft draft = draft_of(graph, samples);
  draft.options.weights.bits = 4;
  const auto error = [&](const Draft& corrected) { return objective_of(graph, corrected, unseen).error; };
  const Draft gptaq = corrected("gptaq", draft, context_of(samples, 2));
  CHECK(error(gptaq) < 0.8 * error(corrected("gptq", draft, context_of(samples, 2))));
  // Biases that were moved before are not built upon.
  const Draft behind = corrected("gptaq", corrected("bias", draft, context_of(samples)), context_of(samples));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (clamp_of(graph.nodes[i]) == nullptr) continue;
    CHECK(layer_weights(gptaq.graph, gptaq.graph.nodes[i]) == layer_weights(behind.graph, behind.graph.nodes[i]));
    CHECK(layer_bias(gptaq.graph, gptaq.graph.nodes[i]) == layer_bias(behind.graph, behind.graph.nodes[i]));
  }
}

}  // namespace octet::test
