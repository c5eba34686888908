#include "converter/import/control_flow.h"

#include <set>

namespace octet {
namespace {

std::set<std::string> defined_names(const SourceModel& body) {
  std::set<std::string> names;
  for (const SourceInput& input : body.inputs) names.insert(input.name);
  for (const auto& [name, tensor] : body.constants) names.insert(name);
  for (const SourceNode& node : body.nodes) names.insert(node.outputs.begin(), node.outputs.end());
  names.erase("");
  return names;
}

int64_t constant_bytes(const Tensor& tensor) {
  return tensor.element_count() * element_bytes(tensor.type());
}

// Bodies within the body may read its names: there they are renamed, unless it defines them anew.
void rename(SourceModel& body, const std::set<std::string>& names, const std::string& prefix) {
  const auto renamed = [&](std::string& name) {
    if (names.contains(name)) name = prefix + name;
  };
  for (SourceInput& input : body.inputs) renamed(input.name);
  for (auto& [name, tensor] : body.constants) renamed(name);
  for (std::string& name : body.outputs) renamed(name);
  for (SourceNode& node : body.nodes) {
    for (std::string& name : node.inputs) renamed(name);
    for (std::string& name : node.outputs) renamed(name);
    for (auto& [attribute, inner] : node.bodies) {
      std::set<std::string> seen = names;
      for (const std::string& name : defined_names(*inner)) seen.erase(name);
      SourceModel copy = *inner;
      rename(copy, seen, prefix);
      inner = std::make_shared<const SourceModel>(std::move(copy));
    }
  }
}

}  // namespace

std::vector<std::string> outer_names(const SourceModel& body) {
  std::set<std::string> seen = defined_names(body);
  std::vector<std::string> names;
  const auto read = [&](const std::string& name) {
    if (!name.empty() && seen.insert(name).second) names.push_back(name);
  };
  for (const SourceNode& node : body.nodes) {
    for (const std::string& name : node.inputs) read(name);
  }
  for (const std::string& name : body.outputs) read(name);
  return names;
}

BodySize size_of(const SourceModel& body) {
  BodySize size{.nodes = body.nodes.size() + 1};
  size.names = body.inputs.size() + body.outputs.size() + body.constants.size();
  for (const auto& [name, tensor] : body.constants) size.constant_bytes += constant_bytes(tensor);
  for (const SourceNode& node : body.nodes) {
    size.names += node.inputs.size() + node.outputs.size();
    for (const auto& [attribute, inner] : node.bodies) {
      const BodySize within = size_of(*inner);
      size.nodes += within.nodes;
      size.names += within.names;
      size.constant_bytes += within.constant_bytes;
    }
  }
  return size;
}

SourceModel with_prefix(SourceModel body, const std::string& prefix) {
  rename(body, defined_names(body), prefix);
  for (size_t i = 0; i < body.nodes.size(); ++i) {
    SourceNode& node = body.nodes[i];
    node.name = prefix + (node.name.empty() ? node.op_type + "_" + std::to_string(i) : node.name);
  }
  return body;
}

}  // namespace octet
