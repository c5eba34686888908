// The float graph: what importers make and passes rewrite. It cannot carry a scale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "converter/node_list.h"
#include "converter/tensor.h"
#include "converter/unique_names.h"
#include "octet/result.h"

namespace octet {

// A tensor that flows: a graph input, a node's output, or a constant.
struct Value {
  std::string name;  // unique; changed by rename() and swap_names()
  DataType type = DataType::kF32;
  Shape shape;  // images are NHWC where a conv2d, pool2d or resize reads or writes them; see import/node_reader.h
  std::optional<Tensor> constant;

  bool is_constant() const { return constant.has_value(); }
};

// The inputs of which the node reads elements: present, and not for their shapes only.
std::vector<ValueId> read_values(const Node& node);

// Nodes stand in an order in which they can run. Values are never erased, only orphaned (compact() drops orphans).
class Graph {
 public:
  std::string name;
  std::vector<Value> values;
  NodeList nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::string preprocessing;             // what the model file itself says; may be empty
  std::vector<std::string> class_names;  // likewise

  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }

  // Adds a value; a name that is taken gets a suffix.
  ValueId add_value(std::string_view wanted_name, DataType type, const Shape& shape);
  ValueId add_constant(std::string_view wanted_name, Tensor tensor);
  // It may be the name of another value, which then has to get one before verify().
  void rename(ValueId id, std::string to);
  void swap_names(ValueId a, ValueId b);
  // A node that is to stand before nodes[index]; its output values must exist. A name that is taken gets a suffix.
  void insert_node(size_t index, std::string_view wanted_name, GraphOp op, std::vector<ValueId> inputs,
                   std::vector<ValueId> outputs);

  // The node that writes the value, or null (graph inputs, constants). This and the next are looked up, not searched
  // for. Invalid after nodes change.
  Node* producer(ValueId id);
  const Node* producer(ValueId id) const { return const_cast<Graph*>(this)->producer(id); }
  // How often nodes read the value, and once more for each graph output that it is.
  int use_count(ValueId id) const;
  bool is_output(ValueId id) const;
  // Nodes that read the value, in order.
  std::vector<Node*> users(ValueId id);
  // All readers of `from`, graph outputs included, read `to` instead.
  void replace_uses(ValueId from, ValueId to);
  // replace_uses, and `to` takes over the name of `from` (which becomes an orphan): for rewrites that keep a value's
  // meaning.
  void replace_value(ValueId from, ValueId to);

  // Drops nodes whose outputs nobody reads, then orphaned values (ids change). Returns the number of nodes dropped.
  int remove_dead();

  // Re-infers type and shape of every node output, in order, after a rewrite or a new input shape.
  Status infer();
  // Names unique and not empty, nodes in order, every value written once, inputs and outputs known, stored shapes equal
  // to inferred ones.
  Status verify() const;
  // A node per line: name, op, parameters, inputs, outputs with types and shapes. For people and for --dump-passes.
  std::string dump() const;

  // As kernels see values (constants with their data); valid while the graph does not change.
  std::vector<TensorDesc> descs(const std::vector<ValueId>& ids) const;

 private:
  NameIndex names_;  // of values
};

}  // namespace octet
