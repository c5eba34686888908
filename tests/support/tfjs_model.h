// TensorFlow.js layers models written in a few lines.
#pragma once

#include <doctest/doctest.h>

#include "converter/import/import.h"
#include "converter/import/tfjs.h"
#include "tests/support/graph_builder.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/tfjs_json.h"

namespace octet::test {

// A model.json and its shards in a folder of its own.
class TfjsModel {
 public:
  TfjsModel() : random_(5) { json_["weightsManifest"] = Json::array(); }

  // One group with one shard; random values unless given.
  void weight(const std::string& name, std::vector<int64_t> shape, std::vector<float> values = {}) {
    const auto count = static_cast<size_t>(Shape(shape).element_count());
    std::uniform_real_distribution<float> uniform(0.1F, 1);
    while (values.size() < count) values.push_back(uniform(random_));
    group({{{"name", name}, {"shape", shape}, {"dtype", "float32"}}}, bytes_of<float>(values));
  }
  void group(Json weights, const std::string& bytes) {
    const std::string shard = "group" + std::to_string(json_["weightsManifest"].size() + 1) + "-shard1of1";
    json_["weightsManifest"].push_back({{"paths", {shard}}, {"weights", std::move(weights)}});
    folder_.write(shard, bytes);
  }
  void add(Json layer) { layers_.push_back(std::move(layer)); }
  void input(std::vector<int64_t> shape) {
    Json dims = Json::array({nullptr});
    for (const int64_t dim : shape) dims.push_back(dim);
    add(layer("InputLayer", "x", {{"batch_input_shape", dims}}));
  }

  Json& json() { return json_; }
  ScratchFolder& folder() { return folder_; }
  // A Sequential of the layers added, unless json() has a topology already.
  Result<Graph> import(const ImportOptions& options = {}) {
    if (!json_.contains("modelTopology")) {
      json_["modelTopology"] = {
          {"model_config", {{"class_name", "Sequential"}, {"config", {{"name", "s"}, {"layers", layers_}}}}}};
    }
    report = {};
    return import_tfjs(folder_.write("model.json", json_.dump()), options, report);
  }
  Graph imported() {
    Result<Graph> graph = import();
    REQUIRE_MESSAGE(graph.ok(), (graph.ok() ? "" : graph.error().message));
    return std::move(*graph);
  }
  // The message of the error that import() must give.
  std::string error(ErrorCode code) {
    const Result<Graph> graph = import();
    REQUIRE(!graph.ok());
    CHECK(graph.error().code == code);
    CHECK(graph.error().message.find('\n') == std::string::npos);
    return graph.error().message;
  }

  ImportReport report;

 private:
  std::mt19937 random_;
  ScratchFolder folder_;
  Json json_;
  Json layers_ = Json::array();
};

inline bool has(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

}  // namespace octet::test
