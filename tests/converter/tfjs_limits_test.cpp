// Small TensorFlow.js files that ask for time and memory without end.
#include <doctest/doctest.h>

#include "converter/import/import_limits.h"
#include "tests/support/tfjs_model.h"

namespace octet::test {
namespace {

Json input_layer() {
  return called(layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 2}}}), Json::array());
}

// `count` calls, each on what the last one made.
Json chain_of_calls(const std::string& name, size_t count) {
  Json calls = Json::array({{pointer("x")}});
  for (size_t i = 1; i < count; ++i) calls.push_back(Json::array({pointer(name, i - 1)}));
  return calls;
}

// A layer in models in models, each of which calls the one within `calls` times.
Json nested(size_t levels, size_t calls) {
  Json inner = layer("Flatten", "level0");
  for (size_t i = 0; i < levels; ++i) {
    const std::string last = "level" + std::to_string(i);
    inner = functional("level" + std::to_string(i + 1), "x", {last, calls - 1, 0},
                       {input_layer(), called(inner, chain_of_calls(last, calls))});
  }
  return inner;
}

}  // namespace

TEST_CASE("models that call each other twice are refused where that has become too much") {
  TfjsModel m;
  m.json()["modelTopology"] = nested(20, 2);
  CHECK(m.json()["modelTopology"].dump().size() < 8192);
  const std::string message = m.error(ErrorCode::kUnsupported);
  CHECK(has(message, "is called where the calls of the model's layers cost 20001 nodes, but at most 20000 are read"));
  CHECK(has(message, "the layer '"));
}

TEST_CASE("models may be nested as deeply as the file's brackets may") {
  TfjsModel m;
  m.json()["modelTopology"] = nested(30, 1);
  m.imported();
  m.json()["modelTopology"] = nested(60, 1);
  CHECK(has(m.error(ErrorCode::kInvalidFile), "nested deeper than 128"));
}

TEST_CASE("a layer that is called too often is refused, whatever a call costs") {
  const auto message = [](const Json& inner, size_t calls) {
    TfjsModel m;
    const std::string name = inner["config"]["name"];
    m.json()["modelTopology"] =
        functional("m", "x", {name, calls - 1, 0}, {input_layer(), called(inner, chain_of_calls(name, calls))});
    return m.error(ErrorCode::kUnsupported);
  };
  CHECK(has(message(layer("Flatten", "f"), kMaxNodes + 1), "has 20001 calls of layers, but at most 20000 are read"));
  const std::string long_name(kNameBytesPerNode * 1000, 'n');
  CHECK(has(message(layer("Flatten", long_name), 25), "cost 2"));
  const Json notes(kJsonValuesPerNode * 1000, 1);
  CHECK(has(message(layer("Flatten", "f", {{"notes", notes}}), 25), "cost 20"));
  Json sums = Json::array();
  for (size_t i = 0; i < 100; ++i) sums.push_back(pointer("x"));
  const Json sum =
      functional("sums", "x", {"sum", 0, 0}, {input_layer(), called(layer("Add", "sum"), Json::array({sums}))});
  CHECK(has(message(sum, 300), "the layer 'sum' is called"));
}

TEST_CASE("a layer may read as many values as a node, and a model have as many outputs") {
  TfjsModel m;
  Json sources = Json::array();
  while (sources.size() <= kMaxNodeValues) sources.push_back(pointer("x"));
  m.json()["modelTopology"] =
      functional("m", "x", {"s", 0, 0}, {input_layer(), called(layer("Add", "s"), Json::array({sources}))});
  CHECK(has(m.error(ErrorCode::kUnsupported), "the layer 's' has 1025 inputs, but at most 1024 are read"));
  Json& topology = m.json()["modelTopology"];
  topology = functional("m", "x", {"f", 0, 0}, {input_layer(), called(layer("Flatten", "f"), {{pointer("x")}})});
  topology["config"]["output_layers"] = Json(kMaxNodeValues + 1, {"f", 0, 0});
  CHECK(has(m.error(ErrorCode::kUnsupported), "output_layers has 1025 values, but at most 1024 are read"));
}

TEST_CASE("what a layer makes of its weights is made once, however often it is called") {
  TfjsModel m;
  m.weight("fc/kernel", {2, 2}, {0.5F, 0, 0, 1});
  m.weight("fc/bias", {2});
  const std::vector<std::string> statistics{"moving_mean", "moving_variance"};
  for (const std::string& name : statistics) m.weight("bn/" + name, {2});
  const Json bn = layer("BatchNormalization", "bn", {{"axis", -1}, {"scale", false}, {"center", false}});
  const Json step =
      functional("step", "x", {"bn", 0, 0},
                 {input_layer(), called(layer("Dense", "fc"), {{pointer("x")}}), called(bn, {{pointer("fc")}})});
  m.json()["modelTopology"] =
      functional("m", "x", {"step", 9, 0}, {input_layer(), called(step, chain_of_calls("step", 10))});
  const Graph graph = m.imported();
  CHECK(graph.nodes.size() == 20);
  CHECK(std::ranges::count_if(graph.values, &Value::is_constant) == 6);
  CHECK(count_ops(after_all_passes(graph), "fully_connected") == 10);
}

TEST_CASE("absent statistics are as long as those that are there, whatever the input claims") {
  TfjsModel m;
  m.input({INT32_MAX});
  for (const char* name : {"bn/moving_mean", "bn/moving_variance"}) m.weight(name, {2});
  m.add(layer("BatchNormalization", "bn", {{"axis", -1}, {"scale", false}, {"center", false}}));
  CHECK(has(m.error(ErrorCode::kInvalidFile), "2147483647"));
}

TEST_CASE("the weights that calls read are charged for each call") {
  TfjsModel m;
  constexpr size_t kSide = 1024;  // 4 MiB
  m.weight("fc/kernel", {kSide, kSide});
  Json x = input_layer();
  x["config"]["batch_input_shape"] = {nullptr, kSide};
  const Json fc = called(layer("Dense", "fc", {{"use_bias", false}}), chain_of_calls("fc", 300));
  m.json()["modelTopology"] = functional("m", "x", {"fc", 299, 0}, {x, fc});
  CHECK(has(m.error(ErrorCode::kUnsupported), "read 1094713344 bytes of weights, but at most 1090519040 may be"));
}

TEST_CASE("a shard that is listed twice is refused, under another spelling too") {
  for (const char* again : {"group1-shard1of1", "./group1-shard1of1", "a/../group1-shard1of1"}) {
    TfjsModel m;
    m.weight("fc/kernel", {2, 2});
    m.json()["weightsManifest"][0]["paths"].push_back(again);
    CHECK(has(m.error(ErrorCode::kInvalidFile), std::string("the shard '") + again + "' is listed twice"));
  }
}

TEST_CASE("a weight is found by its layer's name alone, unless two scopes have one") {
  TfjsModel m;
  for (const char* name :
       {"a/fc/kernel", "afc/kernel", "b/other/kernel", "c/other/kernel", "c/plain/kernel", "plain/kernel"}) {
    m.weight(name, {1});
  }
  WeightFiles files(m.folder().path("model.json"));
  const Result<TfjsWeights> weights = TfjsWeights::read({m.json()["weightsManifest"], "manifest"}, files);
  REQUIRE(weights.ok());
  CHECK(weights->find("fc", "kernel") == weights->find("a/fc", "kernel"));
  CHECK(weights->find("fc", "kernel") != nullptr);
  CHECK(weights->find("plain", "kernel") != weights->find("c/plain", "kernel"));
  CHECK(weights->find("other", "kernel") == nullptr);
  CHECK(weights->find("none", "kernel") == nullptr);
}

}  // namespace octet::test
