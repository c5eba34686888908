#include "converter/import/control_flow.h"

#include <numeric>
#include <set>

#include "converter/import/import_limits.h"

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

size_t byte_count(const std::vector<std::string>& texts) {
  return std::accumulate(texts.begin(), texts.end(), size_t{0},
                         [](size_t bytes, const std::string& text) { return bytes + text.size(); });
}

size_t byte_count(const Attribute& attribute) {
  return std::visit(
      []<class T>(const T& value) -> size_t {
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return byte_count(value) + value.size() * sizeof(std::string);
        } else if constexpr (requires { value[0]; }) {
          return value.size() * sizeof(value[0]);
        } else {
          return 0;  // a number, or a tensor, whose copies share its elements
        }
      },
      attribute);
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
  size.bytes = byte_count(body.outputs);
  for (const SourceInput& input : body.inputs) size.bytes += input.name.size();
  for (const auto& [name, tensor] : body.constants) {
    size.bytes += name.size();
    size.constant_bytes += constant_bytes(tensor);
  }
  for (const SourceNode& node : body.nodes) {
    size.names += node.inputs.size() + node.outputs.size();
    size.bytes += node.name.size() + byte_count(node.inputs) + byte_count(node.outputs);
    for (const auto& [name, attribute] : node.attributes) size.bytes += name.size() + byte_count(attribute);
    for (const auto& [attribute, inner] : node.bodies) {
      const BodySize within = size_of(*inner);
      size.nodes += within.nodes;
      size.names += within.names;
      size.bytes += within.bytes;
      size.constant_bytes += within.constant_bytes;
    }
  }
  return size;
}

size_t cost_of(const BodySize& size, size_t prefix_bytes) {
  const size_t bytes = size.bytes + (size.names + size.nodes) * prefix_bytes;
  return size.nodes + size.names / kNamesPerNode + bytes / kNameBytesPerNode;
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
