#include "converter/import/import_limits.h"

#include <algorithm>

namespace octet {

Error too_many(const std::string& owner, size_t count, const char* what, size_t most) {
  return {ErrorCode::kUnsupported,
          owner + " has " + std::to_string(count) + " " + what + ", but at most " + std::to_string(most) + " are read"};
}

Status check_counts(const SourceModel& source, std::span<const SourceNode> nodes) {
  if (nodes.size() > kMaxNodes) return too_many("the model", nodes.size(), "nodes", kMaxNodes);
  size_t cost = nodes.size();
  for (const SourceNode& node : nodes) {
    const size_t most = std::max(node.inputs.size(), node.outputs.size());
    if (most > kMaxNodeValues) {
      return too_many("node '" + node.name + "' (" + node.op_type + ")", most, "values", kMaxNodeValues);
    }
    if (!node.outputs.empty()) cost += kNodesPerOutput * (node.outputs.size() - 1);
    cost += node.name.size() * node.outputs.size() / kNameBytesPerNode;  // each output gets a name with it
  }
  if (cost > kMaxNodes) {
    return too_many("the model", cost, "nodes (an output beyond a node's first counts as 8, 4096 bytes of names as 1)",
                    kMaxNodes);
  }
  if (source.constants.size() > kMaxConstants) {
    return too_many("the model", source.constants.size(), "constants", kMaxConstants);
  }
  if (source.outputs.empty()) return Error{ErrorCode::kInvalidFile, "the model has no outputs"};
  return {};
}

Status check_values(const Graph& graph) {
  if (graph.values.size() <= kMaxValues) return {};
  return Error{ErrorCode::kUnsupported, "the nodes up to here become " + std::to_string(graph.values.size()) +
                                            " values, but at most " + std::to_string(kMaxValues) + " are made"};
}

int64_t constant_bytes(const Graph& graph, size_t first_value) {
  int64_t bytes = 0;
  for (size_t i = first_value; i < graph.values.size(); ++i) {
    const std::optional<Tensor>& constant = graph.values[i].constant;
    if (constant) bytes += constant->byte_count();
  }
  return bytes;
}

int64_t ConstantReaders::shared_bytes(const Graph& graph, size_t first_node) {
  is_read_.resize(graph.values.size());
  int64_t bytes = 0;
  for (size_t i = first_node; i < graph.nodes.size(); ++i) {
    for (const ValueId id : read_values(graph.nodes[i])) {
      const Value& value = graph.value(id);
      if (!value.is_constant()) continue;
      if (is_read_[static_cast<size_t>(id)]) bytes += value.constant->byte_count();
      is_read_[static_cast<size_t>(id)] = true;
    }
  }
  return bytes;
}

}  // namespace octet
