#include "converter/graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "runtime/fields.h"

namespace octet {
namespace {

// The type of a node's outputs, where it is not that of the first input.
DataType inferred_type(const Node& node, size_t output, const Graph& graph) {
  if (node.is<ShapeOfParams>()) return DataType::kS64;
  // What the outputs of these are was settled when the node was made: a cast's target, the result of a comparison.
  const bool chosen = std::visit(
      []<class Params>(const Params&) {
        if constexpr (requires { Params::kIsZoo; }) return true;
        return std::is_same_v<Params, CastParams>;
      },
      node.op);
  if (chosen) return graph.value(node.outputs[output]).type;
  return graph.value(node.inputs[0]).type;
}

Error broken(const std::string& what) {
  return {ErrorCode::kInvalidFile, "the graph is broken: " + what};
}

}  // namespace

std::vector<ValueId> read_values(const Node& node) {
  std::vector<ValueId> read;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != kNoValue && !reads_only_shape(node.op, i)) read.push_back(node.inputs[i]);
  }
  return read;
}

ValueId Graph::add_value(std::string_view wanted_name, DataType type, const Shape& shape) {
  values.push_back({names_.free(values, wanted_name), type, shape, std::nullopt});
  return static_cast<ValueId>(values.size() - 1);
}

void Graph::rename(ValueId id, std::string to) {
  names_.rename(static_cast<size_t>(id), value(id).name, to);
  value(id).name = std::move(to);
}

void Graph::swap_names(ValueId a, ValueId b) {
  names_.learn(values);
  std::swap(value(a).name, value(b).name);
}

ValueId Graph::add_constant(std::string_view wanted_name, Tensor tensor) {
  const ValueId id = add_value(wanted_name, tensor.type(), tensor.shape());
  value(id).constant = std::move(tensor);
  return id;
}

void Graph::insert_node(size_t index, std::string_view wanted_name, GraphOp op, std::vector<ValueId> node_inputs,
                        std::vector<ValueId> node_outputs) {
  Node node{nodes.free_name(wanted_name), std::move(op), std::move(node_inputs), std::move(node_outputs)};
  nodes.insert(index, std::move(node));
}

Node* Graph::producer(ValueId id) {
  const std::optional<size_t> writer = nodes.writer(id);
  return writer ? &nodes[*writer] : nullptr;
}

int Graph::use_count(ValueId id) const {
  return static_cast<int>(std::count(outputs.begin(), outputs.end(), id)) + static_cast<int>(nodes.readers(id).size());
}

bool Graph::is_output(ValueId id) const {
  return std::find(outputs.begin(), outputs.end(), id) != outputs.end();
}

std::vector<Node*> Graph::users(ValueId id) {
  std::vector<Node*> found;
  for (const uint32_t reader : nodes.readers(id)) {
    if (found.empty() || found.back() != &nodes[reader]) found.push_back(&nodes[reader]);
  }
  return found;
}

void Graph::replace_uses(ValueId from, ValueId to) {
  nodes.replace_inputs(from, to);
  std::replace(outputs.begin(), outputs.end(), from, to);
}

void Graph::replace_value(ValueId from, ValueId to) {
  replace_uses(from, to);
  // A graph input or another output keeps the name that the user knows it by.
  const bool to_is_public = std::find(inputs.begin(), inputs.end(), to) != inputs.end() ||
                            std::count(outputs.begin(), outputs.end(), to) > 1 || value(to).is_constant();
  if (!to_is_public) swap_names(from, to);
}

int Graph::remove_dead() {
  std::vector<bool> live(values.size(), false);
  for (const ValueId id : outputs) live[static_cast<size_t>(id)] = true;
  std::vector<bool> needed(nodes.size(), false);
  for (size_t i = nodes.size(); i-- > 0;) {
    const Node& node = nodes[i];
    needed[i] = std::any_of(node.outputs.begin(), node.outputs.end(),
                            [&](ValueId id) { return live[static_cast<size_t>(id)]; });
    if (!needed[i]) continue;
    for (const ValueId id : node.inputs) {
      if (id != kNoValue) live[static_cast<size_t>(id)] = true;
    }
    for (const ValueId id : node.outputs) live[static_cast<size_t>(id)] = true;
  }
  const auto dropped = static_cast<int>(std::count(needed.begin(), needed.end(), false));
  size_t at = 0;
  nodes.erase_if([&](const Node&) { return !needed[at++]; });

  for (const ValueId id : inputs) live[static_cast<size_t>(id)] = true;
  std::vector<ValueId> new_ids(values.size(), kNoValue);
  std::vector<Value> kept_values;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!live[i]) {
      names_.erase(kept_values.size(), values[i].name);
      continue;
    }
    new_ids[i] = static_cast<ValueId>(kept_values.size());
    kept_values.push_back(std::move(values[i]));
  }
  values = std::move(kept_values);
  const auto renumber = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids) {
      if (id != kNoValue) id = new_ids[static_cast<size_t>(id)];
    }
  };
  nodes.renumber(new_ids);
  renumber(inputs);
  renumber(outputs);
  return dropped;
}

std::vector<TensorDesc> Graph::descs(const std::vector<ValueId>& ids) const {
  std::vector<TensorDesc> found;
  for (const ValueId id : ids) {
    if (id == kNoValue) {
      found.push_back({.present = false});
      continue;
    }
    const Value& v = value(id);
    found.push_back({.type = v.type, .shape = v.shape, .data = v.is_constant() ? v.constant->data() : nullptr});
  }
  return found;
}

Status Graph::infer() {
  for (const Node& node : nodes) {
    const std::vector<TensorDesc> in = descs(node.inputs);
    Result<std::vector<Shape>> shapes = infer_shapes(node.op, in);
    if (!shapes.ok()) {
      return Error{shapes.error().code, "node '" + node.name + "': " + shapes.error().message};
    }
    if (shapes->size() != node.outputs.size()) {
      return broken("node '" + node.name + "' has " + std::to_string(node.outputs.size()) + " outputs, but its op " +
                    std::to_string(shapes->size()));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      Value& output = value(node.outputs[i]);
      output.type = inferred_type(node, i, *this);
      output.shape = (*shapes)[i];
    }
  }
  return {};
}

Status Graph::verify() const {
  if (!nodes.is_indexed_right()) return broken("a node was changed past its list");
  if (!names_.is_right(values)) return broken("a value was named past its graph");
  std::unordered_set<std::string_view> names;
  const auto valid = [&](ValueId id) { return id >= 0 && static_cast<size_t>(id) < values.size(); };
  for (const Value& v : values) {
    if (v.name.empty() || !names.insert(v.name).second)
      return broken("the value name '" + v.name + "' is empty or taken");
    if (v.is_constant() && (v.constant->shape() != v.shape || v.constant->type() != v.type)) {
      return broken("the constant '" + v.name + "' is " + v.constant->shape().to_string() + ", but its value says " +
                    v.shape.to_string());
    }
  }
  std::vector<bool> ready(values.size(), false);
  for (size_t i = 0; i < values.size(); ++i) ready[i] = values[i].is_constant();
  for (const ValueId id : inputs) {
    if (!valid(id)) return broken("a graph input does not exist");
    ready[static_cast<size_t>(id)] = true;
  }
  names.clear();
  for (const Node& node : nodes) {
    if (node.name.empty() || !names.insert(node.name).second) {
      return broken("the node name '" + node.name + "' is empty or taken");
    }
    for (const ValueId id : node.inputs) {
      if (id == kNoValue) continue;
      if (!valid(id) || !ready[static_cast<size_t>(id)]) {
        return broken("node '" + node.name + "' reads " + (valid(id) ? "'" + value(id).name + "'" : "a value") +
                      " before it is written");
      }
    }
    const Result<std::vector<Shape>> shapes = infer_shapes(node.op, descs(node.inputs));
    if (!shapes.ok()) return broken("node '" + node.name + "': " + shapes.error().message);
    if (shapes->size() != node.outputs.size()) return broken("node '" + node.name + "' has a wrong number of outputs");
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId id = node.outputs[i];
      if (!valid(id) || ready[static_cast<size_t>(id)]) {
        return broken("node '" + node.name + "' writes " + (valid(id) ? "'" + value(id).name + "' again" : "no value"));
      }
      if (value(id).shape != (*shapes)[i]) {
        return broken("'" + value(id).name + "' has the shape " + value(id).shape.to_string() + ", but node '" +
                      node.name + "' makes " + (*shapes)[i].to_string());
      }
      ready[static_cast<size_t>(id)] = true;
    }
  }
  for (const ValueId id : outputs) {
    if (!valid(id) || !ready[static_cast<size_t>(id)]) return broken("a graph output is never written");
  }
  return {};
}

std::string Graph::dump() const {
  std::string text;
  const auto list = [&](const std::vector<ValueId>& ids) {
    std::string part;
    for (const ValueId id : ids) {
      if (!part.empty()) part += ", ";
      if (id == kNoValue) {
        part += "-";
        continue;
      }
      part += value(id).name + ":" + to_string(value(id).type) + "[" + value(id).shape.to_string() + "]";
      if (value(id).is_constant()) part += " const";
    }
    return part;
  };
  text += "inputs " + list(inputs) + "\n";
  for (const Node& node : nodes) {
    const std::string fields = std::visit([](const auto& params) { return fields_to_string(params); }, node.op);
    text += "  " + node.name + " = " + op_name(node.op) + "(" + fields + ") (" + list(node.inputs) + ") -> (" +
            list(node.outputs) + ")\n";
  }
  return text + "outputs " + list(outputs) + "\n";
}

}  // namespace octet
