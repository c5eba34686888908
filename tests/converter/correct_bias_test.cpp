// Bias correction: the mean of every channel is the float network's again.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// Two layers with a clamp, a residual and a last layer; one scale for all weights of a layer, so that the small
// channels lose most of theirs.
Graph uneven_net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 4});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {6, 3, 3, 4}, {.pads = {1, 1, 1, 1}}));
  const ValueId sum = g.add_up("sum", g.conv2d("b", a, {6, 1, 1, 6}), a);
  g.output(g.conv2d("c", g.relu("sum_relu", sum), {3, 1, 1, 6}));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (clamp_of(node) == nullptr) continue;
    std::vector<float> weights = layer_weights(graph, node);
    for (size_t i = 0; i < weights.size(); ++i) {
      if (i % 7 != 0) weights[i] = std::fabs(weights[i]) * 0.02F;
    }
    set_layer_weights(graph, node, weights);
  }
  return graph;
}

// E[integers] - E[float] of the output, per channel.
std::vector<double> mean_errors(const Graph& graph, Draft draft, std::span<const Sample> samples) {
  std::vector<double> errors;
  double count = 0;
  const auto add = [&](const PackedModel& model, double sign) {
    const Status status = run_samples(model, samples, 1, [&](size_t, const std::string& name, const TensorView& view) {
      if (name != graph.value(graph.outputs[0]).name) return;
      const std::vector<double> sums = channel_sums(view, {});
      errors.resize(sums.size());
      count = static_cast<double>(samples.size()) * static_cast<double>(view.shape.element_count()) /
              static_cast<double>(sums.size());
      for (size_t c = 0; c < sums.size(); ++c) errors[c] += sign * sums[c];
    });
    REQUIRE(status.ok());
  };
  add(*lower_draft(draft), 1);
  add(*lower_f32(graph), -1);
  for (double& error : errors) error /= count;
  return errors;
}

}  // namespace

TEST_CASE("after bias correction the mean of every output channel is the float network's") {
  const Graph graph = uneven_net();
  const std::vector<Sample> samples = random_samples(graph, 12, 5);
  const Draft draft = draft_of(graph, samples, false);
  const Draft after = corrected("bias", draft, context_of(samples, 2));
  const std::vector<double> errors_before = mean_errors(graph, draft, samples);
  const std::vector<double> errors_after = mean_errors(graph, after, samples);
  // The last layer sees the layers before it corrected: what is left is the rounding of its bias to s_x s_w.
  Draft copy = after;
  const Result<PackedModel> packed = lower_draft(copy);
  const PackedNode& last = packed->nodes.back();
  const float unit = packed->tensors[static_cast<size_t>(last.inputs[0])].scales[0] *
                     packed->tensors[static_cast<size_t>(last.inputs[1])].scales[0];
  double worst_before = 0;
  for (const double error : errors_before) worst_before = std::max(worst_before, std::fabs(error));
  CHECK(worst_before > 10 * static_cast<double>(unit));
  for (const double error : errors_after) CHECK(std::fabs(error) < 0.51 * static_cast<double>(unit));
  CHECK(objective_of(graph, after, samples).error < objective_of(graph, draft, samples).error);
}

TEST_CASE("bias correction of a corrected network changes next to nothing") {
  const Graph graph = uneven_net();
  const std::vector<Sample> samples = random_samples(graph, 12, 6);
  const Draft once = corrected("bias", draft_of(graph, samples, false), context_of(samples));
  const Draft twice = corrected("bias", once, context_of(samples));
  for (size_t i = 0; i < once.graph.nodes.size(); ++i) {
    if (clamp_of(once.graph.nodes[i]) == nullptr) continue;
    CAPTURE(once.graph.nodes[i].name);
    const std::vector<float> a = layer_bias(once.graph, once.graph.nodes[i]);
    const std::vector<float> b = layer_bias(twice.graph, twice.graph.nodes[i]);
    for (size_t o = 0; o < a.size(); ++o) CHECK(b[o] == doctest::Approx(a[o]).epsilon(1e-3));
  }
}

}  // namespace octet::test
