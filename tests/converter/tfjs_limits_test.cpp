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
  for (size_t i = 1; i < count; ++i) calls.push_back({pointer(name, i - 1)});
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
  const Json sum = functional("sums", "x", {"sum", 0, 0}, {input_layer(), called(layer("Add", "sum"), {sums})});
  CHECK(has(message(sum, 300), "the layer 'sum' is called"));
}

TEST_CASE("a layer may read as many values as a node, and a model have as many outputs") {
  TfjsModel m;
  Json sources = Json::array();
  while (sources.size() <= kMaxNodeValues) sources.push_back(pointer("x"));
  m.json()["modelTopology"] = functional("m", "x", {"s", 0, 0}, {input_layer(), called(layer("Add", "s"), {sources})});
  CHECK(has(m.error(ErrorCode::kUnsupported), "the layer 's' has 1025 inputs, but at most 1024 are read"));
  Json& topology = m.json()["modelTopology"];
  topology = functional("m", "x", {"f", 0, 0}, {input_layer(), called(layer("Flatten", "f"), {{pointer("x")}})});
  topology["config"]["output_layers"] = Json(kMaxNodeValues + 1, {"f", 0, 0});
  CHECK(has(m.error(ErrorCode::kUnsupported), "output_layers has 1025 values, but at most 1024 are read"));
}

}  // namespace octet::test
