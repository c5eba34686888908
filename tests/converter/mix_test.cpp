// Mixed precision: the ladder from all integers to all float.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "converter/precision/climb.h"
#include "converter/precision/mix.h"
#include "runtime/packed_format.h"
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
                 int64_t channels = 8, bool offers_int4 = false) {
  Ladder made{.graph = net_with_bad_layer(bad, channels), .samples = {{}, 0}, .draft = {}, .ladder = {}};
  made.samples = random_split(made.graph, 10, 10, 3, 4);
  made.draft = draft_of(made.graph, made.samples.fit(), false);
  size_t asked = 0;
  const MixContext context{made.draft,
                           made.samples,
                           cost,
                           offers_int4,
                           offers_bf16,
                           is_corrected,
                           0,
                           1,
                           [&](const PackedModel&) -> Result<size_t> { return asked++; }};
  Result<PrecisionLadder> ladder = build_ladder(context);
  REQUIRE_MESSAGE(ladder.ok(), ladder.error().message);
  made.ladder = std::move(*ladder);
  for (const MixRung& rung : made.ladder.rungs) CHECK(rung.right.value() < asked);
  return made;
}

// Not all int8.
MixRung rung(double latency_us, int64_t bytes, double error) {
  MixRung made{
      .precisions = {{"a", Precision::kF32}}, .latency_us = latency_us, .bytes = bytes, .measured = {}, .right = {}};
  made.measured.error = error;
  return made;
}

const PackedTensor& weights_of(const PackedModel& packed, const PackedNode& node) {
  return packed.tensors[static_cast<size_t>(node.inputs[kConvWeights])];
}

}  // namespace

TEST_CASE("the ladder starts with integers, raises the bad layer first, and ends in float") {
  for (const char* bad : {"a", "b", "c"}) {
    CAPTURE(bad);
    const Ladder made = ladder_of(bad, CostKind::kBytes, false);
    const std::vector<MixRung>& rungs = made.ladder.rungs;
    REQUIRE(rungs.size() >= 3);
    CHECK(rungs.front().is_int8());
    CHECK(rungs[1].layers_in(Precision::kF32).contains(bad));
    CHECK(rungs[1].measured.error < 0.5 * rungs[0].measured.error);
    CHECK(rungs.back().layers_in(Precision::kF32).size() == 4);
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
  const auto costs = layer_costs(made.draft, layers, Precision::kF32, CostKind::kBytes);
  REQUIRE(costs.ok());
  for (const MixRung& rung : made.ladder.rungs) {
    Draft draft = on_rung(made.draft, rung);
    const Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    CHECK(rung.bytes == file_bytes(*packed));
    int64_t sum = 0;
    for (size_t i = 0; i < layers.size(); ++i) sum += rung.precisions.contains(layers[i]) ? (*costs)[i] : 0;
    CHECK(rung.cost == sum);
    // The layers of the rung, and no others, have float weights.
    for (const PackedNode& node : packed->nodes) {
      if (std::find(layers.begin(), layers.end(), node.name) == layers.end()) continue;
      const PackedTensor& weights = packed->tensors[static_cast<size_t>(node.inputs[kConvWeights])];
      CHECK((weights.type == DataType::kF32) == rung.precisions.contains(node.name));
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
  CHECK(rungs.front().is_int8());
  CHECK(rungs.back().layers_in(Precision::kF32).size() == 4);
  CHECK(rungs.back().error == 0);
  bool found = false;
  for (const MixRung& rung : rungs) {
    const std::set<std::string> bf16 = rung.layers_in(Precision::kBf16);
    CHECK_FALSE(bf16.contains("dear"));
    CHECK_FALSE(bf16.contains("rough"));
    // Once all are raised: bf16 where that is cheaper, f32 elsewhere.
    found = found || (bf16 == std::set<std::string>{"a", "b"} &&
                      rung.layers_in(Precision::kF32) == std::set<std::string>{"dear", "rough"});
  }
  CHECK(found);
  // Without bf16 the same choices are those of two precisions.
  choices.precisions = {Precision::kInt8, Precision::kF32};
  for (auto& options : choices.options) options.erase(options.begin() + 1);
  for (const MixRung& rung : choose_rungs(choices)) CHECK(rung.layers_in(Precision::kBf16).empty());
}

TEST_CASE("by bytes, where bf16 is offered, layers are bf16 before they are f32") {
  const Ladder made = ladder_of("b", CostKind::kBytes, false, true, 48);
  const std::vector<MixRung>& rungs = made.ladder.rungs;
  REQUIRE(rungs.size() >= 3);
  CHECK(rungs.front().is_int8());
  const auto first = std::find_if(rungs.begin(), rungs.end(), [](const MixRung& rung) { return !rung.is_int8(); });
  CHECK(first->layers_in(Precision::kBf16) ==
        std::set<std::string>{"b"});  // half the bytes of f32, and a thousandth of the integers' error
  CHECK(first->layers_in(Precision::kF32).empty());
  CHECK(rungs.back().layers_in(Precision::kF32).size() == 4);
  for (const MixRung& rung : rungs) {
    Draft draft = on_rung(made.draft, rung);
    const Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    for (const PackedNode& node : packed->nodes) {
      if (!rung.layers_in(Precision::kBf16).contains(node.name)) continue;
      CHECK(packed->tensors[static_cast<size_t>(node.inputs[kConvWeights])].type == DataType::kBf16);
    }
  }
}

TEST_CASE("of two precisions beside integers the ladder also has the networks that do without f32") {
  // Alone, bf16 costs more than f32, because of what converts around it; in a row it need not.
  LayerChoices choices{
      .layers = {"a", "b"}, .precisions = {Precision::kInt8, Precision::kBf16, Precision::kF32}, .options = {}};
  choices.options.assign(2, {{0, 1.0}, {210, 1e-3}, {200, 0}});
  for (const MixRung& rung : choose_rungs(choices)) CHECK(rung.layers_in(Precision::kBf16).empty());
  const std::vector<MixRung> rungs = choose_rungs(without(choices, Precision::kF32));
  REQUIRE(!rungs.empty());
  for (const MixRung& rung : rungs) CHECK(rung.layers_in(Precision::kF32).empty());
  CHECK(rungs.back().layers_in(Precision::kBf16).size() == 2);
  CHECK(rungs.back().cost == 420);
}

TEST_CASE("no combination beats a rung, to the byte, however large other layers are") {
  std::mt19937 random(15);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    // One layer of 40 MB beside small ones, whose bytes would be nothing to a share of the whole.
    LayerChoices choices{.layers = {"large", "a", "b", "c", "d", "e", "f"},
                         .precisions = {Precision::kInt8, Precision::kInt4, Precision::kF32},
                         .options = {}};
    for (const std::string& layer : choices.layers) {
      const int64_t bytes = layer == "large" ? 40000000 : static_cast<int64_t>(200 + random() % 600);
      const auto error = static_cast<double>(1000 + random() % 9000);
      choices.options.push_back({{0, error}, {-bytes / 2, 20 * error}, {3 * bytes, 0}});
    }
    // All combinations, as numbers of base 3.
    std::vector<LayerOption> totals;
    for (size_t number = 0; number < 2187; ++number) {
      LayerOption total;
      size_t digits = number;
      for (const auto& options : choices.options) {
        total.cost += options[digits % 3].cost;
        total.error += options[digits % 3].error;
        digits /= 3;
      }
      totals.push_back(total);
    }
    const std::vector<MixRung> rungs = choose_rungs(choices);
    const auto cheapest = std::min_element(totals.begin(), totals.end(),
                                           [](const LayerOption& x, const LayerOption& y) { return x.cost < y.cost; });
    CHECK(rungs.front().cost == cheapest->cost);
    for (const MixRung& rung : rungs) {
      CHECK(std::none_of(totals.begin(), totals.end(), [&](const LayerOption& other) {
        return other.cost < rung.cost && other.error <= rung.error;
      }));
    }
  }
}

TEST_CASE("rungs that are beaten when measured are left out, except all int8") {
  std::vector<MixRung> rungs{rung(10, 5, 1),   rung(30, 6, 0.5), rung(20, 7, 0.4),
                             rung(20, 8, 0.3), rung(5, 9, 0.9),  rung(40, 10, 0)};
  rungs[0].precisions.clear();
  std::vector<double> times;
  for (const MixRung& kept : measured_front(rungs, CostKind::kLatency)) times.push_back(kept.latency_us);
  CHECK(times == std::vector<double>{10, 5, 20, 40});
  std::vector<int64_t> bytes;
  for (const MixRung& kept : measured_front(rungs, CostKind::kBytes)) bytes.push_back(kept.bytes);
  CHECK(bytes == std::vector<int64_t>{5, 6, 7, 8, 10});
}

TEST_CASE("smaller networks than all int8 stand before it, also where they beat it") {
  const auto bytes_of = [](std::vector<MixRung> rungs) {
    std::vector<int64_t> bytes;
    for (const MixRung& kept : measured_front(std::move(rungs), CostKind::kBytes)) bytes.push_back(kept.bytes);
    return bytes;
  };
  std::vector<MixRung> rungs{rung(10, 5, 1), rung(10, 3, 8), rung(10, 4, 3), rung(10, 4, 9), rung(40, 10, 0)};
  rungs[0].precisions.clear();
  CHECK(bytes_of(rungs) == std::vector<int64_t>{3, 4, 5, 10});
  rungs[2].measured.error = 0.5;
  CHECK(bytes_of(rungs) == std::vector<int64_t>{3, 5, 4, 10});
  // The default is a tenth of the error of all int8, not of the first.
  PrecisionLadder ladder;
  ladder.rungs = measured_front(rungs, CostKind::kBytes);
  CHECK(ladder.int8().bytes == 5);
  CHECK(default_rung(ladder) == 3);
}

TEST_CASE("with weights of 4 bits on offer the rungs go from all 4 bits to all float, and none is beaten") {
  LayerChoices choices{.layers = {"a", "b", "c", "d"},
                       .precisions = {Precision::kInt8, Precision::kInt4, Precision::kF32},
                       .options = {{{0, 0.1}, {-500, 0.11}, {3000, 0}},
                                   {{0, 1}, {-500, 40}, {3000, 0}},
                                   {{0, 0.5}, {-90, 1.5}, {540, 0}},
                                   {{0, 0.2}, {-1000, 2}, {6000, 0}}}};
  const std::vector<MixRung> rungs = choose_rungs(choices);
  REQUIRE(rungs.size() > 4);
  CHECK(rungs.front().layers_in(Precision::kInt4).size() == 4);
  CHECK(rungs.front().cost == -2090);
  CHECK(rungs.back().layers_in(Precision::kF32).size() == 4);
  for (size_t i = 1; i < rungs.size(); ++i) {
    CHECK(rungs[i].cost > rungs[i - 1].cost);
    CHECK(rungs[i].error < rungs[i - 1].error);
  }
  for (const MixRung& kept : rungs) {
    for (int combination = 0; combination < 81; ++combination) {
      int64_t cost = 0;
      double error = 0;
      for (int i = 0, rest = combination; i < 4; ++i, rest /= 3) {
        const LayerOption& option = choices.options[static_cast<size_t>(i)][static_cast<size_t>(rest % 3)];
        cost += option.cost;
        error += option.error;
      }
      CHECK_FALSE((cost <= kept.cost && error < kept.error - 1e-9));
    }
  }
}

TEST_CASE("by bytes the ladder has smaller networks than all int8, whose files have 4 bits where the rung says so") {
  const Ladder made = ladder_of("b", CostKind::kBytes, true, false, 48, true);
  const std::vector<MixRung>& rungs = made.ladder.rungs;
  const MixRung& int8 = made.ladder.int8();
  CHECK(rungs.front().bytes < 0.75 * static_cast<double>(int8.bytes));
  CHECK(rungs.front().cost < 0);
  for (const MixRung& kept : rungs) {
    Draft draft = on_rung(made.draft, kept);
    const Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    CHECK(kept.bytes == file_bytes(*packed));
    CHECK((kept.bytes < int8.bytes || !(kept.measured.error > int8.measured.error)));
    for (const PackedNode& node : packed->nodes) {
      const auto found = kept.precisions.find(node.name);
      if (found == kept.precisions.end()) continue;
      CHECK((weights_of(*packed, node).type == DataType::kF32) == (found->second == Precision::kF32));
      CHECK((weights_of(*packed, node).file_bits == 4) == (found->second == Precision::kInt4));
    }
  }
}

TEST_CASE(
    "a layer of 4 bits has a grid and groups of its own beside others of 8, through every correction and the file") {
  const Graph graph = net_with_bad_layer("none", 48);
  const std::vector<Sample> samples = random_samples(graph, 40, 3), unseen = random_samples(graph, 20, 4);
  Draft draft = draft_of(graph, samples);
  draft.options.int4_group_size = 16;
  REQUIRE(lower_draft(draft).ok());  // fixes scales of 8 bits, which are none of 4
  draft = with_layers(draft, {"b", "d"}, Precision::kInt4);
  const double before = objective_of(graph, draft, unseen).error;
  for (const char* method : {"bias", "affine", "gptq", "gptaq", "adaround", "adaquant"}) {
    CAPTURE(method);
    Draft after = corrected(method, draft, context_of(samples));
    CHECK(objective_of(graph, after, unseen).error < 1.02 * before);
    const Result<PackedModel> packed = lower_draft(after);
    REQUIRE(packed.ok());
    const auto read = Model::from_memory(write_model(*packed));
    REQUIRE_MESSAGE(read.ok(), read.error().message);
    for (const DraftLayer& layer : draft_layers(after, *packed)) {
      const PackedNode& node = packed->nodes[layer.packed_node];
      const bool is_int4 = node.name == "b" || node.name == "d";
      const PackedTensor& weights = weights_of(*packed, node);
      CHECK(weights.file_bits == (is_int4 ? 4 : 8));
      CHECK(weights.file_group == (is_int4 ? 16 : 0));
      CHECK(integer_weights(read->packed(), layer) == integer_weights(*packed, layer));
    }
  }
  CHECK(objective_of(graph, corrected("gptq", draft, context_of(samples)), unseen).error < 0.8 * before);
}

TEST_CASE("a climb takes the first promising rung that passes, or the smallest below it") {
  // Rungs from 5 on pass; those from 9 on look like it.
  std::vector<size_t> tried;
  ClimbRules rules{12, [](size_t i) { return i >= 9; },
                   [&](size_t i) -> Result<bool> {
                     tried.push_back(i);
                     return i >= 5;
                   },
                   false};
  REQUIRE(climb(rules).ok());
  CHECK(tried == std::vector<size_t>{9});
  tried.clear();
  rules.looks_below = true;
  REQUIRE(climb(rules).ok());
  CHECK(std::count(tried.begin(), tried.end(), 5) == 1);
  CHECK(*std::min_element(tried.begin(), tried.end()) >= 4);  // below 4 it need not look
  CHECK(tried.size() <= 5);
  // What looked promising and did not pass is not tried again, nor what is below.
  rules.is_promising = [](size_t i) { return i == 3 || i == 11; };
  tried.clear();
  REQUIRE(climb(rules).ok());
  CHECK(std::count_if(tried.begin(), tried.end(), [](size_t i) { return i <= 3; }) == 1);
  CHECK(std::count(tried.begin(), tried.end(), 5) == 1);
  // None passes.
  tried.clear();
  rules.passes = [&](size_t i) -> Result<bool> {
    tried.push_back(i);
    return false;
  };
  REQUIRE(climb(rules).ok());
  CHECK(tried == std::vector<size_t>{3, 11});
}

TEST_CASE("the default rung is the first with a tenth of the error") {
  const Ladder made = ladder_of("a", CostKind::kLatency, true);
  const std::vector<MixRung>& rungs = made.ladder.rungs;
  const size_t chosen = default_rung(made.ladder);
  CHECK(rungs[chosen].measured.error <= 0.1 * rungs[0].measured.error);
  for (size_t i = 0; i < chosen; ++i) CHECK(rungs[i].measured.error > 0.1 * rungs[0].measured.error);
  for (const MixRung& rung : rungs) CHECK(rung.latency_us > 0);
  PrecisionLadder flat;  // no rung reaches it: the last, which has least
  flat.rungs.resize(3);
  for (MixRung& rung : flat.rungs) rung.measured.error = 1;
  CHECK(default_rung(flat) == 2);
}

TEST_CASE("a network without error has no more rungs than all int8 and what is smaller") {
  // Nothing but zeros: integers lose nothing.
  GraphBuilder g;
  g.output(g.conv2d("a", g.input("x", {Shape::kDynamic, 2, 2, 1}), {2, 1, 1, 1}));
  Graph graph = after_all_passes(g.graph());
  set_layer_weights(graph, graph.nodes[0], std::vector<float>(2, 0.0F));
  const SampleSplit samples = random_split(graph, 3, 3, 1, 2);
  const Draft draft = draft_of(graph, samples.fit());
  const auto ladder = build_ladder({draft, samples, CostKind::kBytes, false, false, false, 0, 1, {}});
  REQUIRE_MESSAGE(ladder.ok(), ladder.error().message);
  CHECK(ladder->rungs.size() <= 2);
  CHECK(ladder->rungs[default_rung(*ladder)].is_int8());
  for (const MixRung& kept : ladder->rungs) CHECK(kept.measured.error == 0);
}

}  // namespace octet::test
