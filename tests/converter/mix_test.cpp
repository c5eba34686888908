// Mixed precision: the ladder from all integers to all float.
#include <doctest/doctest.h>

#include <algorithm>

#include "converter/precision/mix.h"
#include "tests/support/bad_layer.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

struct Ladder {
  Graph graph;
  SampleSplit samples;
  Draft draft;
  PrecisionLadder ladder;
};

Ladder ladder_of(const std::string& bad, CostKind cost, bool is_corrected, bool offers_bf16 = false,
                 int64_t channels = 8) {
  Ladder made{.graph = net_with_bad_layer(bad, channels), .samples = {{}, 0}, .draft = {}, .ladder = {}};
  made.samples = random_split(made.graph, 10, 10, 3, 4);
  made.draft = draft_of(made.graph, made.samples.fit(), false);
  size_t asked = 0;
  const MixContext context{
      made.draft, made.samples, cost, offers_bf16, is_corrected, 0, 1, [&](const PackedModel&) -> Result<size_t> {
        return asked++;
      }};
  Result<PrecisionLadder> ladder = build_ladder(context);
  REQUIRE_MESSAGE(ladder.ok(), ladder.error().message);
  made.ladder = std::move(*ladder);
  for (const MixRung& rung : made.ladder.rungs) CHECK(rung.right.value() < asked);
  return made;
}

}  // namespace

TEST_CASE("the ladder starts with integers, raises the bad layer first, and ends in float") {
  for (const char* bad : {"a", "b", "c"}) {
    CAPTURE(bad);
    const Ladder made = ladder_of(bad, CostKind::kBytes, false);
    const std::vector<MixRung>& rungs = made.ladder.rungs;
    REQUIRE(rungs.size() >= 3);
    CHECK(rungs.front().raised.empty());
    CHECK(rungs[1].raised.contains(bad));
    CHECK(rungs[1].measured.error < 0.5 * rungs[0].measured.error);
    CHECK(rungs.back().raised.size() == 4);
    CHECK(rungs.back().measured.error < 1e-9);
    for (size_t i = 1; i < rungs.size(); ++i) {
      CHECK(rungs[i].measured.error < rungs[i - 1].measured.error);
      CHECK(rungs[i].bytes >= rungs[i - 1].bytes);
    }
  }
}

TEST_CASE("a rung's bytes are those of the file, its cost what its layers add one by one") {
  const Ladder made = ladder_of("b", CostKind::kBytes, false);
  const std::vector<std::string> layers{"a", "b", "c", "d"};
  const auto costs = raise_costs(made.draft, layers, Precision::kF32, CostKind::kBytes);
  REQUIRE(costs.ok());
  for (const MixRung& rung : made.ladder.rungs) {
    Draft draft = on_rung(made.draft, rung);
    const Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    CHECK(rung.bytes == file_bytes(*packed));
    int64_t sum = 0;
    for (size_t i = 0; i < layers.size(); ++i) sum += rung.raised.contains(layers[i]) ? (*costs)[i] : 0;
    CHECK(rung.cost == sum);
    // The layers of the rung, and no others, have float weights.
    for (const PackedNode& node : packed->nodes) {
      if (std::find(layers.begin(), layers.end(), node.name) == layers.end()) continue;
      const PackedTensor& weights = packed->tensors[static_cast<size_t>(node.inputs[kConvWeights])];
      CHECK((weights.type == DataType::kF32) == rung.raised.contains(node.name));
    }
  }
}

TEST_CASE("of three precisions the ladder takes bf16 where it costs less than f32 and loses little") {
  // Four layers alike; in bf16 "dear" costs more than f32, and "rough" loses nearly as much as integers.
  LayerChoices choices{.layers = {"a", "b", "dear", "rough"},
                       .precisions = {Precision::kInt8, Precision::kBf16, Precision::kF32},
                       .options = {}};
  choices.options.assign(4, {{0, 1.0}, {100, 1e-3}, {200, 0}});
  choices.options[2][1].cost = 300;
  choices.options[3][1].error = 0.99;
  const std::vector<MixRung> rungs = choose_rungs(choices);
  REQUIRE(rungs.size() > 2);
  CHECK(rungs.front().is_integer());
  CHECK(rungs.back().raised.size() == 4);
  CHECK(rungs.back().error == 0);
  bool found = false;
  for (const MixRung& rung : rungs) {
    CHECK_FALSE(rung.bf16.contains("dear"));
    CHECK_FALSE(rung.bf16.contains("rough"));
    // Once all are raised: bf16 where that is cheaper, f32 elsewhere.
    found = found ||
            (rung.bf16 == std::set<std::string>{"a", "b"} && rung.raised == std::set<std::string>{"dear", "rough"});
  }
  CHECK(found);
  // Without bf16 the same choices are those of two precisions.
  choices.precisions = {Precision::kInt8, Precision::kF32};
  for (auto& options : choices.options) options.erase(options.begin() + 1);
  for (const MixRung& rung : choose_rungs(choices)) CHECK(rung.bf16.empty());
}

TEST_CASE("by bytes, where bf16 is offered, layers are bf16 before they are f32") {
  const Ladder made = ladder_of("b", CostKind::kBytes, false, true, 48);
  const std::vector<MixRung>& rungs = made.ladder.rungs;
  REQUIRE(rungs.size() >= 3);
  CHECK(rungs.front().is_integer());
  const auto first = std::find_if(rungs.begin(), rungs.end(), [](const MixRung& rung) { return !rung.is_integer(); });
  CHECK(first->bf16 == std::set<std::string>{"b"});  // half the bytes of f32, and a thousandth of the integers' error
  CHECK(first->raised.empty());
  CHECK(rungs.back().raised.size() == 4);
  for (const MixRung& rung : rungs) {
    Draft draft = on_rung(made.draft, rung);
    const Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    for (const PackedNode& node : packed->nodes) {
      if (!rung.bf16.contains(node.name)) continue;
      CHECK(packed->tensors[static_cast<size_t>(node.inputs[kConvWeights])].type == DataType::kBf16);
    }
  }
}

TEST_CASE("of two precisions beside integers the ladder also has the networks that do without f32") {
  // Alone, bf16 costs more than f32, because of what converts around it; in a row it need not.
  LayerChoices choices{
      .layers = {"a", "b"}, .precisions = {Precision::kInt8, Precision::kBf16, Precision::kF32}, .options = {}};
  choices.options.assign(2, {{0, 1.0}, {210, 1e-3}, {200, 0}});
  for (const MixRung& rung : choose_rungs(choices)) CHECK(rung.bf16.empty());
  const std::vector<MixRung> rungs = choose_rungs(without(choices, Precision::kF32));
  REQUIRE(!rungs.empty());
  for (const MixRung& rung : rungs) CHECK(rung.raised.empty());
  CHECK(rungs.back().bf16.size() == 2);
  CHECK(rungs.back().cost == 420);
}

TEST_CASE("rungs that are beaten when measured are left out, except the first") {
  const auto rung = [](double latency_us, int64_t bytes, double error) {
    MixRung made{.raised = {}, .bf16 = {}, .latency_us = latency_us, .bytes = bytes, .measured = {}, .right = {}};
    made.measured.error = error;
    return made;
  };
  const std::vector<MixRung> rungs{rung(10, 5, 1),   rung(30, 6, 0.5), rung(20, 7, 0.4),
                                   rung(20, 8, 0.3), rung(5, 9, 0.9),  rung(40, 10, 0)};
  std::vector<double> times;
  for (const MixRung& kept : measured_front(rungs, CostKind::kLatency)) times.push_back(kept.latency_us);
  CHECK(times == std::vector<double>{10, 5, 20, 40});
  std::vector<int64_t> bytes;
  for (const MixRung& kept : measured_front(rungs, CostKind::kBytes)) bytes.push_back(kept.bytes);
  CHECK(bytes == std::vector<int64_t>{5, 6, 7, 8, 10});
}

TEST_CASE("the default rung is the first with a fifth of the error") {
  const Ladder made = ladder_of("a", CostKind::kLatency, true);
  const std::vector<MixRung>& rungs = made.ladder.rungs;
  const size_t chosen = default_rung(made.ladder);
  CHECK(rungs[chosen].measured.error <= 0.2 * rungs[0].measured.error);
  for (size_t i = 0; i < chosen; ++i) CHECK(rungs[i].measured.error > 0.2 * rungs[0].measured.error);
  for (const MixRung& rung : rungs) CHECK(rung.latency_us > 0);
  PrecisionLadder flat;  // no rung reaches it: the last, which has least
  flat.rungs.resize(3);
  for (MixRung& rung : flat.rungs) rung.measured.error = 1;
  CHECK(default_rung(flat) == 2);
}

TEST_CASE("a network without error has a ladder of one rung") {
  // Nothing but zeros: integers lose nothing.
  GraphBuilder g;
  g.output(g.conv2d("a", g.input("x", {Shape::kDynamic, 2, 2, 1}), {2, 1, 1, 1}));
  Graph graph = after_all_passes(g.graph());
  set_layer_weights(graph, graph.nodes[0], std::vector<float>(2, 0.0F));
  const SampleSplit samples = random_split(graph, 3, 3, 1, 2);
  const Draft draft = draft_of(graph, samples.fit());
  const auto ladder = build_ladder({draft, samples, CostKind::kBytes, false, false, 0, 1, {}});
  REQUIRE_MESSAGE(ladder.ok(), ladder.error().message);
  CHECK(ladder->rungs.size() == 1);
}

}  // namespace octet::test
