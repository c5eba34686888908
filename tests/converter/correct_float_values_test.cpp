// Corrections of layers whose weights alone are integers: GPTQ and AWQ beat rounding to the nearest at 4 bits.
#include <doctest/doctest.h>

#include <cmath>

#include "converter/correct/channel_groups.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

Draft int4_draft(const Graph& graph, std::span<const Sample> samples, int64_t group_size) {
  Draft draft = draft_of(graph, samples);
  draft.options.layers = Precision::kWeightOnly;
  draft.options.weights = {.bits = 4, .group_size = group_size};
  draft.ranges.clear();
  return draft;
}

// One layer: the network's error is the layer's.
Graph one_layer() {
  GraphBuilder g;
  g.output(g.fully_connected("layer", g.input("x", {Shape::kDynamic, 96}), 40));
  return after_all_passes(g.graph());
}

// A layer one of whose output channels in 32 is 32 times the others, a ReLU, and a layer that reads them.
Graph unlike_channels(Clamp activation = {.min = 0}) {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 24});
  std::vector<float> weights;
  for (size_t i = 0; i < 64 * 24; ++i) {
    const float w = static_cast<float>(i * 7919 % 1000) / 500 - 0.9F;
    weights.push_back(i / 24 % 32 == 5 ? 32 * std::fabs(w) : w);
  }
  const ValueId a = g.add("a", FullyConnectedParams{activation}, {x, g.constant_of({64, 24}, weights)});
  g.output(g.fully_connected("b", a, 48));
  return after_all_passes(g.graph());
}

}  // namespace

TEST_CASE("gptq beats rounding to the nearest at 4 bits on what a weight-only layer makes of unseen rows") {
  const Graph graph = one_layer();
  const std::vector<Sample> samples = random_samples(graph, 400, 41), unseen = random_samples(graph, 100, 42);
  for (const int64_t group_size : {0, 32}) {
    const Draft draft = int4_draft(graph, samples, group_size);
    const Draft after = corrected("gptq", draft, context_of(samples, 2));
    CHECK(objective_of(graph, after, unseen).error < 0.6 * objective_of(graph, draft, unseen).error);
  }
}

TEST_CASE("awq beats rounding to the nearest at 4 bits where channels are unlike, and gptq behind it beats that") {
  const Graph graph = unlike_channels();
  const std::vector<Sample> samples = random_samples(graph, 300, 43), unseen = random_samples(graph, 100, 44);
  Draft draft = int4_draft(graph, samples, 32);
  draft.options.keep_float = {"a"};  // the error is that of the second layer alone
  const double nearest = objective_of(graph, draft, unseen).error;
  const Draft awq = corrected("awq", draft, context_of(samples, 2));
  CHECK(objective_of(graph, awq, unseen).error < 0.7 * nearest);
  const Draft both = corrected("gptq", awq, context_of(samples, 2));
  CHECK(objective_of(graph, both, unseen).error < 0.9 * objective_of(graph, awq, unseen).error);
}

TEST_CASE("awq leaves the function of the float network as it was") {
  const Graph graph = unlike_channels();
  const std::vector<Sample> samples = random_samples(graph, 40, 45);
  const Draft after = corrected("awq", int4_draft(graph, samples, 32), context_of(samples));
  const std::vector<octet::Tensor> inputs = random_inputs(graph, 5);
  CHECK(largest_difference(run_graph(graph, inputs), run_graph(after.teacher, inputs)) <= kFoldTolerance);
  CHECK(largest_difference(run_graph(graph, inputs), run_graph(after.graph, inputs)) <= kFoldTolerance);
}

TEST_CASE("awq leaves layers alone whose input no layer makes or a bound cuts, and networks of integers") {
  const auto changed_layers = [](const Graph& graph, Precision layers) {
    const std::vector<Sample> samples = random_samples(graph, 20, 46);
    Draft draft = int4_draft(graph, samples, 32);
    draft.options.layers = layers;
    const Result<int> changed = find_correction_method("awq")->apply(context_of(samples), draft);
    REQUIRE_MESSAGE(changed.ok(), changed.error().message);
    return *changed;
  };
  CHECK(changed_layers(one_layer(), Precision::kWeightOnly) == 0);
  CHECK(changed_layers(unlike_channels(), Precision::kWeightOnly) == 1);
  CHECK(changed_layers(unlike_channels(), Precision::kDynamic) == 1);
  CHECK(changed_layers(unlike_channels({0, 6}), Precision::kWeightOnly) == 0);
  CHECK(changed_layers(unlike_channels(), Precision::kInt8) == 0);
}

TEST_CASE("corrections of weight-only layers are the same for any number of threads") {
  const Graph graph = unlike_channels();
  const std::vector<Sample> samples = random_samples(graph, 60, 47);
  const Draft draft = int4_draft(graph, samples, 32);
  for (const char* method : {"gptq", "awq"}) {
    CHECK(constants_of(corrected(method, draft, context_of(samples, 1))) ==
          constants_of(corrected(method, draft, context_of(samples, 3))));
  }
}

TEST_CASE("only corrections of weights are offered to layers whose values are floats, among them what auto is") {
  CHECK(find_misfit(*parse_correction(kAutoOfFloatValues), true) == nullptr);
  CHECK(find_misfit(*parse_correction("awq+gptq"), true) == nullptr);
  CHECK(find_misfit(*parse_correction("gptq,bias"), true) == find_correction_method("bias"));
  CHECK(find_misfit(*parse_correction("auto"), true) != nullptr);
  CHECK(find_misfit(*parse_correction("auto"), false) == nullptr);
  CHECK(find_misfit(*parse_correction("gptq|awq"), false) == find_correction_method("awq"));
}

}  // namespace octet::test
