// Sensitivity: each method finds the layer that was made bad; only one layer is ever quantized.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "converter/lower.h"
#include "converter/precision.h"
#include "converter/precision/labelled_samples.h"
#include "converter/precision/sensitivity.h"
#include "tests/support/bad_layer.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

std::vector<LayerSensitivity> rows_of(const Graph& graph, const char* method, std::vector<int> bits, bool per_channel) {
  const std::vector<Sample> samples = random_samples(graph, 12, 3);
  const Draft draft = draft_of(graph, samples, per_channel);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  const Result<std::vector<std::string>> layers = integer_layers(draft);
  REQUIRE(layers.ok());
  CHECK(layers->size() == 4);
  const SensitivityContext context{draft, *judge, *layers, {}, 1};
  const SensitivityMethod* row = find_sensitivity_method(method);
  REQUIRE(row != nullptr);
  const auto rows = measure_sensitivity(*row, context, bits, samples, {});
  REQUIRE_MESSAGE(rows.ok(), rows.error().message);
  return *rows;
}

}  // namespace

TEST_CASE("every method puts a deliberately bad layer first") {
  for (const SensitivityMethod& method : sensitivity_methods()) {
    for (const char* bad : {"a", "b", "c"}) {
      CAPTURE(method.name);
      CAPTURE(bad);
      const Graph graph = net_with_bad_layer(bad);
      std::vector<LayerSensitivity> rows = rows_of(graph, method.name, {8}, false);
      std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.error > b.error; });
      CHECK(rows[0].node == bad);
      CHECK(rows[0].error > 4 * rows[1].error);
      CHECK(keep_float_list(rows, 8) == bad);
    }
  }
}

TEST_CASE("fewer bits cost more, bf16 little, 32 bits nothing") {
  const Graph graph = net_with_bad_layer("none");
  for (const SensitivityMethod& method : sensitivity_methods()) {
    CAPTURE(method.name);
    const std::vector<LayerSensitivity> rows = rows_of(graph, method.name, {4, 8, 16, 32}, true);
    REQUIRE(rows.size() == 16);
    for (size_t i = 0; i < rows.size(); i += 4) {
      CHECK(rows[i].error > 10 * rows[i + 1].error);
      CHECK(rows[i + 1].error > rows[i + 2].error);
      CHECK(rows[i + 2].error > 0);
      CHECK(rows[i + 3].error == 0);
    }
  }
}

TEST_CASE("16 bits are the error of the network whose one layer is bf16") {
  const Graph graph = net_with_bad_layer("none");
  const std::vector<LayerSensitivity> rows = rows_of(graph, "single_layer", {16}, true);
  const std::vector<Sample> samples = random_samples(graph, 12, 3);
  const Draft draft = draft_of(graph, samples, true);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  for (const LayerSensitivity& row : rows) {
    std::set<std::string> others;
    for (const LayerSensitivity& other : rows) others.insert(other.node);
    others.erase(row.node);
    const Result<PackedModel> packed = lower_bf16(graph, others);
    REQUIRE_MESSAGE(packed.ok(), packed.error().message);
    const Result<Objective> expected = judge->measure(*packed);
    REQUIRE(expected.ok());
    CHECK(row.error == expected->error);
  }
}

TEST_CASE("the Hessian's estimate is that of a linear network, where it is known") {
  // y = W x: f(W + dW) - f(W) = dW x, so E_v of its square is eps^2 |x|^2 for each output.
  GraphBuilder g;
  g.output(g.fully_connected("fc", g.input("x", {Shape::kDynamic, 40}), 30));
  const Graph graph = after_all_passes(g.graph());
  const std::vector<Sample> samples = random_samples(graph, 8, 4);
  const Draft draft = draft_of(graph, samples, false);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  const std::vector<std::string> layers{"fc"};
  const SensitivityContext context{draft, *judge, layers, {}, 1};
  std::optional<PackedModel> none;
  const auto found = find_sensitivity_method("hessian")->measure(context, "fc", 4, none);
  REQUIRE(found.ok());
  CHECK_FALSE(none.has_value());

  const std::vector<float> w = layer_weights(graph, graph.nodes[0]);
  std::vector<std::string> notices;
  const QuantizedWeights q = quantize_weights(*graph.value(graph.nodes[0].input(kConvWeights)).constant, nullptr, {},
                                              {.per_channel = false, .bits = 4}, "fc", notices);
  double mse = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double d = static_cast<double>(q.scales[0]) * q.weights.as<int8_t>()[i] - static_cast<double>(w[i]);
    mse += d * d / static_cast<double>(w.size());
  }
  double x2 = 0;
  for (const Sample& sample : samples) {
    for (const float v : sample[0].as<float>()) x2 += static_cast<double>(v) * static_cast<double>(v) / 8;
  }
  // The objective divides by the variance of the outputs, over all of them.
  std::vector<double> y;
  for (const Sample& sample : samples) {
    const std::vector<octet::Tensor> outputs = run_graph(graph, sample);
    for (const float v : outputs[0].as<float>()) y.push_back(static_cast<double>(v));
  }
  double mean = 0;
  double variance = 0;
  for (const double v : y) mean += v / static_cast<double>(y.size());
  for (const double v : y) variance += (v - mean) * (v - mean) / static_cast<double>(y.size());
  // 4 probes of 30 outputs: 120 draws whose deviation is about sqrt(2), so the mean is within 0.13 of it at one sigma;
  // samples share the probes.
  CHECK(found->error == doctest::Approx(mse * x2 / variance).epsilon(0.4));
}

TEST_CASE("the Hessian's probes are drawn by the seed") {
  const Graph graph = net_with_bad_layer("none");
  const std::vector<Sample> samples = random_samples(graph, 6, 5);
  const Draft draft = draft_of(graph, samples);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  const std::vector<std::string> layers{"a"};
  const auto error = [&](uint64_t seed) {
    std::optional<PackedModel> none;
    const SensitivityContext context{draft, *judge, layers, {}, 1, seed};
    return find_sensitivity_method("hessian")->measure(context, "a", 8, none)->error;
  };
  CHECK(error(0) == error(0));
  CHECK(error(0) != error(1));
  CHECK(error(1) == doctest::Approx(error(0)).epsilon(0.9));
}

TEST_CASE("--keep-float first and last are layers, unless nodes have these names") {
  const Graph graph = net_with_bad_layer("none");
  CHECK(*resolve_keep_float(graph, {"first", "last"}) == std::set<std::string>{"a", "d"});
  CHECK(*resolve_keep_float(graph, {"b", "first"}) == std::set<std::string>{"a", "b"});
  CHECK(resolve_keep_float(graph, {}).value().empty());
  // A tensor means the node that makes it.
  const std::string tensor = graph.value(graph.nodes[1].outputs[0]).name;
  CHECK(tensor != graph.nodes[1].name);
  CHECK(*resolve_keep_float(graph, {tensor}) == std::set<std::string>{graph.nodes[1].name});
  // Behind a transpose, as layouts put it there, that is the layer.
  Graph transposed = graph;
  const Shape shape = graph.value(graph.nodes[1].outputs[0]).shape;
  const ValueId moved = transposed.add_value("moved", DataType::kF32, shape);
  transposed.nodes.push_back({"move", TransposeParams{{0, 1, 2, 3}}, {graph.nodes[1].outputs[0]}, {moved}});
  CHECK(*resolve_keep_float(transposed, {"moved"}) == std::set<std::string>{graph.nodes[1].name});
  const auto unknown = resolve_keep_float(graph, {"first", "bogus"});
  REQUIRE_FALSE(unknown.ok());
  CHECK(unknown.error().code == ErrorCode::kUsage);
  CHECK(unknown.error().message.find("'bogus'") != std::string::npos);
  Graph renamed = graph;
  renamed.nodes[2].name = "first";
  CHECK(*resolve_keep_float(renamed, {"first"}) == std::set<std::string>{"first"});
}

TEST_CASE("between layers that stay float nothing is quantized") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 4});
  const ValueId a = g.conv2d("a", x, {4, 1, 1, 4});
  const ValueId pool = g.add("pool", Pool2dParams{.kind = PoolKind::kMax, .kernel = {2, 2}, .strides = {2, 2}}, {a});
  const ValueId b = g.conv2d("b", pool, {4, 1, 1, 4});
  g.output(g.conv2d("c", b, {4, 1, 1, 4}));
  const std::vector<Precision> all = choose_precisions(g.graph(), {});
  CHECK(std::count(all.begin(), all.end(), Precision::kInt8) == 4);
  const std::vector<Precision> last = choose_precisions(g.graph(), {"a", "b"});
  CHECK(std::count(last.begin(), last.end(), Precision::kInt8) == 1);
}

TEST_CASE("samples are right where the label scores highest") {
  GraphBuilder g;
  g.output(g.fully_connected("fc", g.input("x", {Shape::kDynamic, 4}), 3));
  const Graph graph = after_all_passes(g.graph());
  const std::vector<Sample> samples = random_samples(graph, 9, 8);
  std::vector<int64_t> labels;
  for (const Sample& sample : samples) {
    const auto scores = run_graph(graph, sample)[0];
    const auto values = scores.as<float>();
    labels.push_back(std::max_element(values.begin(), values.end()) - values.begin());
  }
  const Result<PackedModel> packed = lower_f32(graph);
  CHECK(*count_right(*packed, samples, labels, 2) == 9);
  for (size_t i = 0; i < 4; ++i) labels[i] = (labels[i] + 1) % 3;
  CHECK(*count_right(*packed, samples, labels, 1) == 5);
}

TEST_CASE("every sensitivity method has a line in the README") {
  std::ifstream file(OCTET_SOURCE_DIR "/converter/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  for (const SensitivityMethod& method : sensitivity_methods()) {
    CAPTURE(method.name);
    CHECK(readme.find("| `" + std::string(method.name) + "` |") != std::string::npos);
  }
}

}  // namespace octet::test
