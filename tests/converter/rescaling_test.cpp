// What corrections note of the units of values: the model's values, rescaled so, are those of the teacher.
#include "converter/rescaling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

using Values = std::map<std::string, std::vector<float>>;

// Dense, depthwise, dense with a residual; a pool; a last layer. Of the first layer's channels one has a high offset,
// and the last two are always 0.
Graph net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const ValueId stem = g.relu("stem_relu", g.conv2d("stem", x, {6, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId a = g.relu("a_relu", g.conv2d("a", stem, {12, 1, 1, 6}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {12, 1, 1, 1}, {.groups = 12}));
  const ValueId sum = g.relu("sum_relu", g.add_up("sum", g.conv2d("c", b, {6, 1, 1, 12}), stem));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {sum});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.fully_connected("dense", flat, 5));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    if (node.name != "a" && node.name != "b") continue;
    std::vector<float> bias = layer_bias(graph, node);
    bias[0] = 50;
    bias[10] = bias[11] = -100;
    set_layer_bias(graph, node, bias);
    std::vector<float> weights = layer_weights(graph, node);
    if (node.name == "b") weights[0] = 1;
    set_layer_weights(graph, node, weights);
  }
  return graph;
}

Values values_of(const Graph& graph, const Sample& sample) {
  Values values;
  const Result<PackedModel> f32 = lower_f32(graph);
  REQUIRE(f32.ok());
  REQUIRE(run_samples(*f32, std::span(&sample, 1), 1, [&](size_t, const std::string& name, const TensorView& view) {
            const auto x = view.as<float>();
            values[name].assign(x.begin(), x.end());
          }).ok());
  return values;
}

// The error of y against x, relative to x.
double relative(const std::vector<float>& x, const std::vector<float>& y) {
  REQUIRE(x.size() == y.size());
  double error = 0, power = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
    power += std::pow(static_cast<double>(x[i]), 2);
  }
  return std::sqrt(error / power);
}

}  // namespace

TEST_CASE("the model's values in a correction's units are those of the rescaled float network") {
  const Graph graph = net();
  const std::vector<Sample> samples = random_samples(graph, 30, 61, -1, 1);
  const std::vector<std::vector<const char*>> chains = {{"equalize"},
                                                        {"balance"},
                                                        {"revive"},
                                                        {"absorb_bias"},
                                                        {"absorb_bias", "equalize", "revive"},
                                                        {"revive", "absorb_bias", "balance"},
                                                        {"balance", "revive", "equalize", "absorb_bias"}};
  for (const auto& chain : chains) {
    Draft draft = draft_of(graph, samples);
    std::string names;
    for (const char* method : chain) {
      draft = corrected(method, draft, context_of(samples));
      names += std::string(" ") + method;
    }
    CAPTURE(names);
    const Result<Rescaling> rescaling = parse_rescaling(to_text(draft.rescaling));
    REQUIRE(rescaling.ok());
    CHECK(!rescaling->empty());
    Values model = values_of(graph, samples[0]);
    const Values teacher = values_of(draft.teacher, samples[0]);
    double most_before = 0;
    for (const auto& expected : teacher) {
      CAPTURE(expected.first);
      std::vector<float>& values = model.at(expected.first);
      most_before = std::max(most_before, relative(expected.second, values));
      const auto found = rescaling->find(expected.first);
      if (found != rescaling->end()) REQUIRE(rescale_values(found->second, values));
      CHECK(relative(expected.second, values) < 2e-4);
    }
    CHECK(most_before > 0.05);
  }
}

TEST_CASE("a text of rescalings holds every name and channel, and nothing of values that stayed as they were") {
  Rescaling rescaling;
  rescaling_of(rescaling, "same", 3);
  ValueRescaling& changed = rescaling_of(rescaling, "a b;100%\xFF", 3);
  changed[0] = {.source = 2, .factor = 1e-6, .shift = 0.1};
  changed[2].factor = 3;
  rescaling["twin"] = changed;
  const std::string text = to_text(rescaling);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);  // alike: one line
  const Result<Rescaling> found = parse_rescaling(text);
  REQUIRE(found.ok());
  CHECK(found->size() == 2);
  for (const char* name : {"a b;100%\xFF", "twin"}) {
    REQUIRE(found->contains(name));
    const ValueRescaling& channels = found->at(name);
    REQUIRE(channels.size() == 3);
    CHECK(channels[0].source == 2);
    CHECK(channels[0].factor == doctest::Approx(1e-6).epsilon(1e-4));
    CHECK(channels[0].shift == doctest::Approx(0.1));
    CHECK(channels[1].source == 1);
    CHECK(channels[1].factor == 1);
    CHECK(channels[2].factor == doctest::Approx(3).epsilon(1e-4));
  }
  CHECK(to_text(*found) == text);
}

TEST_CASE("a text that is no list of rescalings is refused, with its line") {
  for (const char* line : {"a", "a;", "a;AB", "a;AB?", "a;gAA;1:2", "a;gAA;0:-2", "a;gAA;0:nan", "a;gAA;;0:1",
                           "a;gAA;x:1", "a%4;gAA", "a;gAA;0"}) {
    CAPTURE(line);
    const Result<Rescaling> found = parse_rescaling("good;gAA\n" + std::string(line) + "\n");
    REQUIRE(!found.ok());
    CHECK(found.error().code == ErrorCode::kInvalidFile);
    CHECK(found.error().message.find("line 2") != std::string::npos);
  }
  CHECK(parse_rescaling("")->empty());
}

TEST_CASE("values that are no whole number of pixels stay as they are") {
  std::vector<float> values = {1, 2, 3};
  CHECK(!rescale_values({{.source = 0, .factor = 2}, {.source = 1, .factor = 2}}, values));
  CHECK(values == std::vector<float>{1, 2, 3});
}

}  // namespace octet::test
