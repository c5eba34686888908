#include "converter/import/tfjs_topology.h"

#include "converter/import/import_limits.h"

namespace octet {
namespace {

// "[name, call, output, ...]", as Keras 2 points to a tensor.
Result<Call> read_pointer(const JsonAt& at) {
  OCTET_TRY(const auto parts, at.list());
  if (parts.size() < 3) return at.invalid("has " + std::to_string(parts.size()) + " elements, not 3 or 4");
  Call call;
  OCTET_TRY(call.layer, parts[0].as_string());
  OCTET_TRY(call.index, parts[1].as_integer());
  OCTET_TRY(const int64_t output, parts[2].as_integer());
  if (output != 0) return at.invalid("reads output " + std::to_string(output) + ", but only 0 exists");
  return call;
}

// Keras 3 hides the pointers anywhere in the arguments of a call, as "keras_history".
Status collect_histories(const JsonAt& at, std::vector<Call>& found) {
  if (at.has("keras_history")) {
    OCTET_TRY(const JsonAt history, at.field("keras_history"));
    OCTET_TRY(Call call, read_pointer(history));
    found.push_back(std::move(call));
    return {};
  }
  if (at.json.is_structured()) {
    for (const auto& item : at.json) OCTET_CHECK(collect_histories({item, at.where}, found));
  }
  return {};
}

}  // namespace

Result<JsonAt> model_of(const JsonAt& topology) {
  if (topology.has("node")) {
    return Error{ErrorCode::kUnsupported,
                 topology.where + ": this is a TensorFlow graph model; only layers models are read"};
  }
  return topology.has("model_config") ? topology.field("model_config") : Result<JsonAt>(topology);
}

Result<std::string> class_of(const JsonAt& layer) {
  OCTET_TRY(const JsonAt field, layer.field("class_name"));
  return field.as_string();
}

Result<std::string> name_of(const JsonAt& layer) {
  OCTET_TRY(const JsonAt config, layer.field("config"));
  if (!config.is_object()) return layer.string_or("name", "");
  OCTET_TRY(const std::string name, config.string_or("name", ""));
  if (!name.empty()) return name;
  OCTET_TRY(const JsonAt field, layer.field("name"));
  return field.as_string();
}

bool is_model(const std::string& class_name) {
  return class_name == "Sequential" || class_name == "Model" || class_name == "Functional";
}

Result<std::vector<std::vector<Call>>> read_calls(const JsonAt& layer) {
  std::vector<std::vector<Call>> calls;
  OCTET_TRY(const JsonAt field, layer.field("inbound_nodes"));
  OCTET_TRY(const auto nodes, field.list());
  for (const JsonAt& node : nodes) {
    std::vector<Call> sources;
    if (node.is_object()) {
      OCTET_CHECK(collect_histories(node, sources));
    } else {
      OCTET_TRY(const auto pointers, node.list());
      for (const JsonAt& pointer : pointers) {
        OCTET_TRY(Call call, read_pointer(pointer));
        sources.push_back(std::move(call));
      }
    }
    calls.push_back(std::move(sources));
  }
  return calls;
}

Result<std::vector<Call>> read_ends(const JsonAt& config, const char* name) {
  OCTET_TRY(const JsonAt field, config.field(name));
  OCTET_TRY(const auto list, field.list());
  std::vector<Call> ends;
  if (!list.empty() && list[0].json.is_string()) {
    OCTET_TRY(Call call, read_pointer(field));
    return std::vector{std::move(call)};
  }
  if (list.size() > kMaxNodeValues) return too_many(field.where, list.size(), "values", kMaxNodeValues);
  for (const JsonAt& at : list) {
    OCTET_TRY(Call call, read_pointer(at));
    ends.push_back(std::move(call));
  }
  if (ends.empty()) return field.invalid("the list is empty");
  return ends;
}

}  // namespace octet
