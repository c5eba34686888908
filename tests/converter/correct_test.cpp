// Corrections as a whole: what `--correct` means, and the guard that every method passes through.
#include "converter/correct/correct.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr Conv2dParams kSame{.pads = {1, 1, 1, 1}};

Graph small_net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, kSame));
  const ValueId sum = g.relu("sum_relu", g.add_up("sum", g.conv2d("b", a, {8, 3, 3, 8}, kSame), a));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {sum});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.add("probabilities", SoftmaxParams{.axis = 1}, {g.fully_connected("dense", flat, 10)}));
  return after_all_passes(g.graph());
}

// A method that spoils every bias.
Result<int> spoil(const CorrectionContext&, Draft& draft) {
  int changed = 0;
  for (Node& node : draft.graph.nodes) {
    if (clamp_of(node) == nullptr) continue;
    std::vector<float> bias = layer_bias(draft.graph, node);
    for (float& b : bias) b += 0.5F;
    set_layer_bias(draft.graph, node, bias);
    ++changed;
  }
  return changed;
}
// One that undoes it. Together they tell whether a rejected change is really gone.
Result<int> keep_as_is(const CorrectionContext&, Draft&) {
  return 0;
}

}  // namespace

TEST_CASE("--correct takes none, auto, or names in their order, and names what it does not know") {
  CHECK(parse_correction("none")->empty());
  CHECK(!parse_correction("auto")->empty());
  for (const CorrectionMethod& method : correction_methods()) {
    const auto found = parse_correction(method.name);
    REQUIRE(found.ok());
    CHECK(*found == std::vector<CorrectionChoice>{{{&method}}});
  }
  const auto twice = parse_correction("bias,bias");
  REQUIRE(twice.ok());
  CHECK(twice->size() == 2);
  const auto either = parse_correction("bias,adaround|adaquant");
  REQUIRE(either.ok());
  REQUIRE(either->size() == 2);
  CHECK((*either)[1] == CorrectionChoice{{find_correction_method("adaround")}, {find_correction_method("adaquant")}});
  const auto chained = parse_correction("bias|equalize+bias");
  REQUIRE(chained.ok());
  CHECK(*chained ==
        std::vector<CorrectionChoice>{
            {{find_correction_method("bias")}, {find_correction_method("equalize"), find_correction_method("bias")}}});
  CHECK(to_string((*chained)[0][1]) == "equalize+bias");
  for (const char* wrong : {"", "bias,", "|bias", "bias+", "+bias", "bais"}) {
    const auto unknown = parse_correction(wrong);
    REQUIRE(!unknown.ok());
    CHECK(unknown.error().code == ErrorCode::kUsage);
    CHECK(unknown.error().message.find("bias") != std::string::npos);
  }
  for (const char* alone : {"none", "auto"}) {
    const auto listed = parse_correction("bias," + std::string(alone));
    REQUIRE(!listed.ok());
    CHECK(listed.error().code == ErrorCode::kUsage);
    CHECK(listed.error().message == "'" + std::string(alone) + "' stands alone, not in a list of correction methods");
  }
}

TEST_CASE("a harmful pass is rejected by its guard, and leaves nothing behind") {
  const Graph graph = small_net();
  const SampleSplit samples = random_split(graph, 16, 8, 1, 2);
  Draft draft = draft_of(graph, samples.fit());
  const std::string before = constants_of(draft);
  const CorrectionMethod harmful{"spoil", "adds 0.5 to every bias", spoil};
  const CorrectionMethod idle{"idle", "does nothing", keep_as_is};
  const std::vector<CorrectionChoice> methods{{{&harmful}}, {{&idle}}};
  size_t seen = 0;
  const auto steps =
      correct(methods, samples, context_of(samples.fit()), draft, [&](const CorrectionStep&) { ++seen; });
  REQUIRE_MESSAGE(steps.ok(), steps.error().message);
  REQUIRE(steps->size() == 2);
  CHECK(seen == 2);
  CHECK(!(*steps)[0].is_kept);
  CHECK((*steps)[0].after.error > 2 * (*steps)[0].before.error);
  CHECK(!(*steps)[1].is_kept);
  CHECK((*steps)[1].before.error == (*steps)[0].before.error);
  CHECK(constants_of(draft) == before);
}

TEST_CASE("a spoiled network is mended, and the guard keeps what mends it") {
  const Graph graph = small_net();
  const SampleSplit samples = random_split(graph, 16, 8, 1, 2);
  Draft draft = draft_of(graph, samples.fit());
  const CorrectionContext context = context_of(samples.fit());
  const double unspoiled = objective_of(graph, draft, samples.held_out()).error;
  REQUIRE(spoil(context, draft).ok());
  const auto steps = correct(*parse_correction("bias"), samples, context, draft, {});
  REQUIRE_MESSAGE(steps.ok(), steps.error().message);
  CHECK((*steps)[0].is_kept);
  CHECK((*steps)[0].before.error > 2 * unspoiled);
  CHECK((*steps)[0].after.error < 1.5 * unspoiled);
  CHECK(to_string((*steps)[0]).find("kept") != std::string::npos);
}

TEST_CASE("of several methods at a place only the best stays") {
  const Graph graph = small_net();
  const SampleSplit samples = random_split(graph, 16, 8, 1, 2);
  Draft draft = draft_of(graph, samples.fit());
  const CorrectionContext context = context_of(samples.fit());
  REQUIRE(spoil(context, draft).ok());
  const CorrectionMethod harmful{"spoil", "adds 0.5 to every bias", spoil};
  const CorrectionMethod* bias = find_correction_method("bias");
  for (const CorrectionChoice& choice : {CorrectionChoice{{&harmful}, {bias}}, CorrectionChoice{{bias}, {&harmful}}}) {
    Draft chosen = draft;
    const auto steps = correct(std::vector<CorrectionChoice>(1, choice), samples, context, chosen, {});
    REQUIRE(steps.ok());
    REQUIRE(steps->size() == 2);
    for (const CorrectionStep& step : *steps) CHECK(step.is_kept == (step.chain[0] == bias));
    CHECK(constants_of(chosen) == constants_of(corrected("bias", draft, context_of(samples.all()))));
  }
}

TEST_CASE("what was chosen by held-out samples is fitted to them, too") {
  const Graph graph = small_net();
  const SampleSplit samples = random_split(graph, 6, 6, 1, 2);
  Draft draft = draft_of(graph, samples.fit());
  REQUIRE(spoil(context_of(samples.fit()), draft).ok());
  const std::string of_fit = constants_of(corrected("bias", draft, context_of(samples.fit())));
  const std::string of_all = constants_of(corrected("bias", draft, context_of(samples.all())));
  REQUIRE(of_fit != of_all);
  const auto steps = correct(*parse_correction("bias"), samples, context_of({}), draft, {});
  REQUIRE(steps.ok());
  CHECK(constants_of(draft) == of_all);
}

TEST_CASE("every correction gives the same bytes for any number of threads") {
  const Graph graph = small_net();
  const std::vector<Sample> samples = random_samples(graph, 9, 3);
  const Draft draft = draft_of(graph, samples, false);
  for (const CorrectionMethod& method : correction_methods()) {
    CAPTURE(method.name);
    Draft one = draft;
    Draft three = draft;
    REQUIRE(method.apply(context_of(samples, 1), one).ok());
    REQUIRE(method.apply(context_of(samples, 3), three).ok());
    CHECK(constants_of(one) == constants_of(three));
  }
}

TEST_CASE("where NaN flows through the network on a sample, no correction leaves a layer without numbers") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId inverse = g.add("inverse", UnaryParams{UnaryKind::kReciprocal}, {x});
  const ValueId a = g.relu("a_relu", g.conv2d("a", inverse, {6, 1, 1, 3}));
  g.output(g.conv2d("b", a, {4, 1, 1, 6}));
  const Graph graph = after_all_passes(g.graph());
  const std::vector<Sample> samples = random_samples(graph, 12, 5, 0.5F, 1);
  const Draft draft = draft_of(graph, samples);
  std::vector<Sample> with_zeros = samples;
  for (float& v : with_zeros[3][0].as<float>()) v = 0;  // infinities, of which the layer makes NaN
  for (const CorrectionMethod& method : correction_methods()) {
    if (!method.takes_integer_values) continue;
    CAPTURE(method.name);
    Draft changed = draft;
    const Result<int> layers = method.apply(context_of(with_zeros), changed);
    REQUIRE_MESSAGE(layers.ok(), layers.error().message);
    const Result<PackedModel> packed = lower_draft(changed);
    CHECK_MESSAGE(packed.ok(), packed.error().message);
  }
  // What is NaN in the float network says nothing of the integers; the other samples do.
  const double error = objective_of(graph, draft, with_zeros).error;
  CHECK(error > 0);
  CHECK(error < 2 * objective_of(graph, draft, samples).error);
}

TEST_CASE("every correction has a line in the README") {
  std::ifstream file(OCTET_SOURCE_DIR "/converter/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  for (const CorrectionMethod& method : correction_methods()) {
    CAPTURE(method.name);
    CHECK(readme.find(std::string("| `") + method.name + "` | " + method.description) != std::string::npos);
  }
}

TEST_CASE("less error is no excuse for a loss of agreement beyond chance") {
  const auto objective = [](double error, size_t agreeing) {
    return Objective{.error = error, .typical_error = error, .agreeing = agreeing, .count = 100};
  };
  const Objective before = objective(1, 98);
  CHECK(objective(0.5, 98).is_better_than(before));
  CHECK(objective(0.5, 95).is_better_than(before));
  CHECK(!objective(0.5, 88).is_better_than(before));
  CHECK(!objective(0.99, 99).is_better_than(before));
}

TEST_CASE("less error on most samples may cost a few others some, not much") {
  const Objective before{.error = 1, .typical_error = 1, .agreeing = 98, .count = 100};
  CHECK(Objective{.error = 1.4, .typical_error = 0.9, .agreeing = 98, .count = 100}.is_better_than(before));
  CHECK(!Objective{.error = 1.6, .typical_error = 0.9, .agreeing = 98, .count = 100}.is_better_than(before));
  CHECK(!Objective{.error = 0.5, .typical_error = 1, .agreeing = 98, .count = 100}.is_better_than(before));
}

TEST_CASE("a measure of error is the normalized squared error before the softmax") {
  const Graph graph = small_net();
  const std::vector<Sample> samples = random_samples(graph, 8, 4);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  const Result<PackedModel> f32 = lower_f32(graph);
  const Result<Objective> same = judge->measure(*f32);
  REQUIRE(same.ok());
  CHECK(same->error == 0);
  CHECK(same->typical_error == 0);
  CHECK(same->agreeing == 8);
  CHECK(!same->is_better_than(*same));
  // The dense layer's biases all grow by the same number: the softmax does not see it, the measure does.
  Graph shifted = graph;
  for (Node& node : shifted.nodes) {
    if (!node.is<FullyConnectedParams>()) continue;
    std::vector<float> bias = layer_bias(shifted, node);
    for (float& b : bias) b += 1;
    set_layer_bias(shifted, node, bias);
  }
  const Result<Objective> moved = judge->measure(*lower_f32(shifted));
  REQUIRE(moved.ok());
  CHECK(moved->error > 0);
  // Every sample has the same error, so their mean is any of them.
  CHECK(moved->typical_error == doctest::Approx(moved->error));
  CHECK(moved->agreeing == 8);
  CHECK(same->is_better_than(*moved));
}

TEST_CASE("a sample without any error does not decide alone") {
  GraphBuilder g;
  g.output(g.relu("rectified", g.fully_connected("dense", g.input("x", {Shape::kDynamic, 4}), 3)));
  Graph graph = after_all_passes(g.graph());
  Node* dense = nullptr;
  for (Node& node : graph.nodes) {
    if (node.is<FullyConnectedParams>()) dense = &node;
  }
  set_layer_weights(graph, *dense, std::vector<float>(12, 1.0F));
  set_layer_bias(graph, *dense, std::vector<float>(3, 0.0F));
  // Of ten samples one is cut off, and keeps its zeros; the others come out 1/8 larger.
  std::vector<Sample> samples = random_samples(graph, 10, 6);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = {Tensor::f32({1, 4}, std::vector<float>(4, i == 0 ? -1.0F : static_cast<float>(i)))};
  }
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  set_layer_bias(graph, *dense, std::vector<float>(3, 0.125F));
  const Result<Objective> found = judge->measure(*lower_f32(graph));
  REQUIRE(found.ok());
  // Nine errors e and none: the mean is 0.9 e, the tenth factor a thousandth of that.
  CHECK(found->typical_error / found->error == doctest::Approx(std::pow(0.9e-3, 0.1) / 0.9));
}

}  // namespace octet::test
