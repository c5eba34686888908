// AdaRound and AdaQuant: learned weights beat weights rounded to nearest, on samples that nothing was fitted to.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/correct/column_rounding.h"
#include "converter/correct/probe.h"
#include "converter/correct/tune.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// Every kind of layer: dense, depthwise, grouped with stride and dilation, residual, fully connected.
Graph mixed_net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 10, 10, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {12, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {12, 3, 3, 1}, {.pads = {1, 1, 1, 1}, .groups = 12}));
  const ValueId c = g.relu("c_relu", g.add_up("sum", g.conv2d("c", b, {12, 1, 1, 12}), a));
  const ValueId d = g.relu(
      "d_relu",
      g.conv2d("d", c, {8, 3, 2, 6}, {.strides = {2, 1}, .dilations = {1, 2}, .pads = {1, 0, 0, 2}, .groups = 2}));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {d});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.fully_connected("dense", flat, 6));
  return after_all_passes(g.graph());
}

}  // namespace

TEST_CASE("rows of a layer are its patches: their products are what the float layer makes") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 16, 31);
  Draft draft = draft_of(graph, samples);
  const Result<PackedModel> packed = lower_draft(draft);
  const Result<PackedModel> teacher = lower_f32(graph);
  const PackedModel opened = open_clamps(*teacher);
  const CorrectionContext context = context_of(samples, 2);
  LayerFronts fronts(context);
  for (const DraftLayer& layer : draft_layers(draft, *packed)) {
    const Node& node = graph.nodes[layer.node];
    CAPTURE(node.name);
    const Result<LayerProblem> problem = sample_layer(context, fronts, draft, *packed, opened, layer);
    REQUIRE_MESSAGE(problem.ok(), problem.error().message);
    CHECK(problem->judge.count > 0);
    CHECK(problem->judge.count * 7 == problem->fit.count);
    const std::vector<float> weights = layer_weights(graph, node);
    const std::vector<float> bias = layer_bias(graph, node);
    const LayerRows& rows = problem->fit;
    double error = 0;
    double power = 0;
    for (int64_t g = 0; g < problem->groups; ++g) {
      for (int64_t r = 0; r < rows.count; ++r) {
        for (int64_t o = 0; o < problem->outputs; ++o) {
          const auto at = static_cast<size_t>((g * rows.count + r) * problem->outputs + o);
          const int64_t channel = g * problem->outputs + o;
          float sum = bias[static_cast<size_t>(channel)] + (rows.residual.empty() ? 0 : rows.residual[at]);
          for (int64_t k = 0; k < problem->taps; ++k) {
            sum += rows.src[static_cast<size_t>((g * rows.count + r) * problem->taps + k)] *
                   weights[static_cast<size_t>(channel * problem->taps + k)];
          }
          error += std::pow(static_cast<double>(sum - rows.target[at]), 2);
          power += std::pow(static_cast<double>(rows.target[at]), 2);
        }
      }
    }
    // Only the quantization of what comes before is between them: 8 bits give about 40 dB.
    CHECK(error < 1e-3 * power);
  }
}

TEST_CASE("learned weights lower the error on unseen samples") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 64, 32);
  const std::vector<Sample> unseen = random_samples(graph, 32, 33);
  const Draft draft = draft_of(graph, samples, false);
  const double before = objective_of(graph, draft, unseen).error;
  for (const char* method : {"adaround", "adaquant"}) {
    CAPTURE(method);
    const Draft after = corrected(method, draft, context_of(samples, 2));
    CHECK(objective_of(graph, after, unseen).error < 0.8 * before);
  }
}

TEST_CASE("affine patch and re-estimated batch normalization undo what scaled and shifted a channel") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 24, 35);
  Draft draft = draft_of(graph, samples);
  const double before = objective_of(graph, draft, samples).error;
  const CorrectionContext context = context_of(samples);
  for (Node& node : draft.graph.nodes) {
    if (node.name != "b" && node.name != "c") continue;
    std::vector<float> weights = layer_weights(draft.graph, node);
    for (float& w : weights) w *= 0.8F;
    std::vector<float> bias = layer_bias(draft.graph, node);
    for (float& b : bias) b += 0.1F;
    set_layer_weights(draft.graph, node, weights);
    set_layer_bias(draft.graph, node, bias);
  }
  CHECK(objective_of(graph, draft, samples).error > 10 * before);
  for (const char* method : {"affine", "reestimate"}) {
    CAPTURE(method);
    const Draft after = corrected(method, draft, context);
    CHECK(objective_of(graph, after, samples).error < 1.5 * before);
  }
  // One scale for all weights: only the offsets can go.
  Draft per_tensor = draft;
  per_tensor.options.weights.per_channel = false;
  const Draft shifted = corrected("affine", per_tensor, context);
  CHECK(objective_of(graph, shifted, samples).error < objective_of(graph, per_tensor, samples).error);
  for (const auto& [name, scales] : shifted.options.weight_scales) CHECK(scales.size() == 1);
}

TEST_CASE("a channel that is constant on the samples keeps its scale: rounding has no ratio") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 24, 37);
  Draft draft = draft_of(graph, samples);
  for (Graph* part : {&draft.graph, &draft.teacher}) {
    Node& node = *std::find_if(part->nodes.begin(), part->nodes.end(), [](const Node& n) { return n.name == "a"; });
    std::vector<float> bias = layer_bias(*part, node);
    const float off = part == &draft.graph ? 0.05F : 0.0F;
    for (size_t o = 0; o < bias.size(); ++o) bias[o] = 0.37F + off + 0.013F * static_cast<float>(o);
    set_layer_weights(*part, node, std::vector<float>(layer_weights(*part, node).size(), 0.0F));
    set_layer_bias(*part, node, bias);
  }
  Draft before = draft;
  REQUIRE(lower_draft(before).ok());
  for (const char* method : {"affine", "reestimate"}) {
    CAPTURE(method);
    const Draft after = corrected(method, draft, context_of(samples));
    CHECK(after.options.weight_scales.at("a") == before.options.weight_scales.at("a"));
  }
}

TEST_CASE("re-estimated batch normalization keeps a channel's variance where the affine patch shrinks it") {
  // An output that tells nothing of what is wanted: regression takes it back to the mean, normalization does not.
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 24, 36);
  Draft draft = draft_of(graph, samples);
  Node& node = *std::find_if(draft.graph.nodes.begin(), draft.graph.nodes.end(),
                             [](const Node& candidate) { return candidate.name == "a"; });
  std::vector<float> weights = layer_weights(draft.graph, node);
  for (size_t i = 0; i < weights.size(); i += 2) weights[i] *= 0.2F;
  set_layer_weights(draft.graph, node, weights);
  const CorrectionContext context = context_of(samples);
  const auto first_scales = [&](const char* method) {
    return corrected(method, draft, context).options.weight_scales.at("a");
  };
  const std::vector<float> normalized = first_scales("reestimate");
  const std::vector<float> regressed = first_scales("affine");
  for (size_t o = 0; o < normalized.size(); ++o) CHECK(normalized[o] > regressed[o]);
}

TEST_CASE("weights rounded in turn make up for each other") {
  // Two inputs that are always equal: only the sum of their weights matters, and 0.4 + 0.4 is nearest to 0 + 1.
  const std::vector<float> equal{1, 1, 2, 2, -3, -3};
  auto rounding = ColumnRounding::create(equal, 3, 2);
  REQUIRE(rounding.ok());
  std::vector<float> weights{0.4F, 0.4F};
  rounding->round(weights, std::vector<float>{1, 1}, 127);
  CHECK(weights == std::vector<float>{0, 1});
  weights = {-0.4F, 0.9F};
  rounding->round(weights, std::vector<float>{1, 1}, 127);
  CHECK(weights == std::vector<float>{0, 1});
  // Inputs that have nothing to do with each other, or are 0: to the nearest, in steps and within the bound.
  const std::vector<float> apart{1, 0, 0, 0, 2, 0};
  rounding = ColumnRounding::create(apart, 2, 3);
  REQUIRE(rounding.ok());
  weights = {0.7F, 9.0F, -0.3F};
  rounding->round(weights, std::vector<float>{0.5F, 1, 0.25F}, 7);
  CHECK(weights == std::vector<float>{0.5F, 7, -0.25F});
  const std::vector<float> silent(4);
  rounding = ColumnRounding::create(silent, 2, 2);
  REQUIRE(rounding.ok());
  weights = {0.6F, 1.4F};
  rounding->round(weights, std::vector<float>{1, 1}, 127);
  CHECK(weights == std::vector<float>{1, 1});
  // So do inputs whose products no f32 holds.
  rounding = ColumnRounding::create(std::vector<float>{1e30F, 1e30F, -1e30F, 2e30F}, 2, 2);
  REQUIRE(rounding.ok());
  weights = {0.6F, 1.4F};
  rounding->round(weights, std::vector<float>{1, 1}, 127);
  CHECK(weights == std::vector<float>{1, 1});
}

TEST_CASE("GPTQ beats rounding to the nearest at 4 bits") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 64, 41);
  const std::vector<Sample> unseen = random_samples(graph, 32, 42);
  Draft draft = draft_of(graph, samples);
  draft.options.weights.bits = 4;
  const Draft after = corrected("gptq", draft, context_of(samples, 2));
  CHECK(objective_of(graph, after, unseen).error < 0.8 * objective_of(graph, draft, unseen).error);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (clamp_of(graph.nodes[i]) == nullptr) continue;
    CHECK(layer_bias(draft.graph, draft.graph.nodes[i]) == layer_bias(after.graph, after.graph.nodes[i]));
  }
}

TEST_CASE("AdaRound moves every weight to one of its two neighbours and leaves scales and biases") {
  const Graph graph = mixed_net();
  const std::vector<Sample> samples = random_samples(graph, 32, 34);
  Draft draft = draft_of(graph, samples);
  REQUIRE(lower_draft(draft).ok());
  const Draft after = corrected("adaround", draft, context_of(samples));
  CHECK(after.options.weight_scales == draft.options.weight_scales);
  size_t moved = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (clamp_of(graph.nodes[i]) == nullptr) continue;
    const std::vector<float> from = layer_weights(draft.graph, draft.graph.nodes[i]);
    const std::vector<float> to = layer_weights(after.graph, after.graph.nodes[i]);
    CHECK(layer_bias(draft.graph, draft.graph.nodes[i]) == layer_bias(after.graph, after.graph.nodes[i]));
    const std::vector<float>& scales = after.options.weight_scales.at(graph.nodes[i].name);
    for (size_t k = 0; k < from.size(); ++k) {
      const float scale = scales[k * scales.size() / from.size()];
      const float steps = to[k] / scale;
      CHECK(std::fabs(steps - std::round(steps)) < 1e-3F);
      const float inside = std::clamp(from[k] / scale, -127.0F, 127.0F);
      CHECK(std::fabs(steps - inside) < 1.001F);
      moved += std::round(steps) != weight_integer(from[k], scale, 127) ? 1 : 0;
    }
  }
  CHECK(moved > 20);
}

}  // namespace octet::test
