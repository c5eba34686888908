// Channels that are always 0 become second copies: the function stays, the error of rounding falls.
#include <doctest/doctest.h>

#include "converter/passes/rewrite.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// Dense, depthwise, dense, with a bound behind the first two; of 12 channels, those from `first_dead` on are always 0.
Graph net(float bound, size_t first_dead) {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const auto clip = [&](const std::string& name, ValueId value) {
    return g.add(name, UnaryParams{UnaryKind::kClip, 0, bound}, {value});
  };
  const ValueId a = clip("a_clip", g.conv2d("a", x, {12, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = clip("b_clip", g.conv2d("b", a, {12, 3, 3, 1}, {.pads = {1, 1, 1, 1}, .groups = 12}));
  g.output(g.conv2d("c", b, {6, 1, 1, 12}));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (node.name != "a" && node.name != "b") continue;
    std::vector<float> bias = layer_bias(graph, node);
    for (size_t c = first_dead; c < bias.size(); ++c) bias[c] = -100;
    set_layer_bias(graph, node, bias);
  }
  return graph;
}

double error_against(const Graph& graph, const Graph& changed, std::span<const Sample> samples) {
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  return judge->measure(*lower_f32(changed))->error;
}

}  // namespace

TEST_CASE("channels that are always 0 take over a share of what the noisiest channel does") {
  for (const float bound : {INFINITY, 6.0F}) {
    CAPTURE(bound);
    Graph graph = net(bound, 9);
    // The first channel is small, but all that the last layer hears.
    for (Node& node : graph.nodes) {
      std::vector<double> scales(12, 1.0);
      const std::vector<double> zeros(12, 0.0);
      if (node.name == "a") {
        scales[0] = 0.3;
        scale_outputs(graph, node, scales, zeros);
      } else if (node.name == "c") {
        scales[0] = 100;
        scale_inputs(graph, node, scales, zeros);
      }
    }
    const std::vector<Sample> samples = random_samples(graph, 60, 51, -1, 1);
    const std::vector<Sample> unseen = random_samples(graph, 40, 52, -1, 1);
    const Draft before = draft_of(graph, samples);
    const Draft after = corrected("revive", before, context_of(samples));
    CHECK(error_against(graph, after.graph, samples) < 1e-9);
    CHECK(error_against(graph, after.teacher, samples) < 1e-9);
    const double error = objective_of(graph, before, unseen).error;
    // Four roundings in place of one would leave a quarter of the power if they knew nothing of each other.
    CHECK(objective_of(graph, after, unseen).error < 0.6 * error);
  }
}

TEST_CASE("a network without dead channels is left alone") {
  const Graph graph = net(6, 12);
  const std::vector<Sample> samples = random_samples(graph, 8, 53, -1, 1);
  Draft draft = draft_of(graph, samples);
  const std::string before = constants_of(draft);
  const Result<int> layers = find_correction_method("revive")->apply(context_of(samples), draft);
  REQUIRE(layers.ok());
  CHECK(*layers == 0);
  CHECK(constants_of(draft) == before);
}

TEST_CASE("a dead channel of a value that a residual adds up is not touched") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {4, 1, 1, 3}));
  const ValueId sum = g.relu("sum_relu", g.add_up("sum", g.conv2d("b", a, {4, 1, 1, 4}), a));
  g.output(g.conv2d("c", sum, {3, 1, 1, 4}));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (node.name == "a") set_layer_bias(graph, node, std::vector<float>{-100, 0.5F, 0.5F, 0.5F});
  }
  const std::vector<Sample> samples = random_samples(graph, 8, 54, -1, 1);
  Draft draft = draft_of(graph, samples);
  const Result<int> layers = find_correction_method("revive")->apply(context_of(samples), draft);
  REQUIRE(layers.ok());
  CHECK(*layers == 0);
}

}  // namespace octet::test
