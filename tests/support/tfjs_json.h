// TensorFlow.js layers models as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "converter/import/json_file.h"

namespace octet::test {

inline Json layer(const char* class_name, const std::string& name, Json config = Json::object()) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", config}};
}

// What a layer of a functional model reads, of the call `call` of another.
inline Json pointer(const std::string& name, size_t call = 0) {
  return Json::array({name, call, 0, Json::object()});
}

// The layer with its calls, each a list of pointers.
inline Json called(Json layer, Json calls) {
  layer["name"] = layer["config"]["name"];
  layer["inbound_nodes"] = std::move(calls);
  return layer;
}

// A functional model of the layers, from one of them to another.
inline Json functional(const std::string& name, const std::string& input, const Json& output, const Json& layers) {
  return {
      {"class_name", "Functional"},
      {"config", {{"name", name}, {"layers", layers}, {"input_layers", {{input, 0, 0}}}, {"output_layers", {output}}}}};
}

}  // namespace octet::test
