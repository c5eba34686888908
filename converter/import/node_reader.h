// What an importer hands to an op's reader: one node of the source model, and a way to emit graph nodes for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "converter/constant_folding.h"
#include "converter/graph.h"
#include "converter/import/quantized_values.h"

namespace octet {

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor>;

struct SourceModel;

// A node as ONNX describes it, free of protobuf. JSON models come in the same form, so one reader per op serves both.
struct SourceNode {
  std::string name;
  std::string op_type;              // "Conv"
  std::string domain;               // "" is ai.onnx
  int opset = 13;                   // of that domain, as the file imports it
  std::vector<std::string> inputs;  // "" where an optional input is absent
  std::vector<std::string> outputs;
  std::map<std::string, Attribute, std::less<>> attributes;
  // Of If and Loop. What a body reads from outside stands behind the node's own inputs.
  std::map<std::string, std::shared_ptr<const SourceModel>, std::less<>> bodies = {};
  std::string refusal = {};  // why no reader is to look at it; empty: one is
  ErrorCode refusal_code = ErrorCode::kUnsupported;

  // Null where it is absent, or of another type.
  template <class T>
  const T* attribute(std::string_view attribute) const {
    const auto found = attributes.find(attribute);
    return found == attributes.end() ? nullptr : std::get_if<T>(&found->second);
  }
  int64_t int_attribute(std::string_view attribute_name, int64_t otherwise) const {
    const auto* value = attribute<int64_t>(attribute_name);
    return value == nullptr ? otherwise : *value;
  }
};

// Reads one SourceNode into a Graph. The source's images are NCHW; conv2d, pool2d and resize are NHWC in the graph, so
// their readers put a transpose before and after (emit_channels_last), and passes/layout.cpp removes the pairs.
class NodeReader {
 public:
  // `names` maps the source's value names to graph values; outputs are added to it. `constant_bytes_left`: for
  // make_constant.
  NodeReader(const SourceNode& node, Graph& graph, std::map<std::string, ValueId, std::less<>>& names,
             QuantizedValues& quantized, int64_t constant_bytes_left = kMaxFoldedBytes)
      : node_(node),
        graph_(graph),
        names_(names),
        quantized_(quantized),
        constant_bytes_left_(constant_bytes_left) {}

  const SourceNode& node() const { return node_; }
  int opset() const { return node_.opset; }
  Graph& graph() { return graph_; }
  QuantizedValues& quantized() { return quantized_; }

  bool has_input(size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  // The value of input i; kNoValue if it is absent. (The importer has checked that every name is known.)
  ValueId input(size_t i) const;
  // An error where one of the first `count` inputs is absent.
  Status require_inputs(size_t count) const;
  // A scalar's where the input is absent.
  const Shape& input_shape(size_t i) const;
  DataType input_type(size_t i) const;  // f32 where the input is absent
  // Input i's elements if it is a constant, else null.
  const Tensor* constant(size_t i) const;
  // Input i as integers, whatever integer type it has; an error that names the node if it is no constant.
  Result<std::vector<int64_t>> constant_ints(size_t i) const;
  Result<std::vector<float>> constant_floats(size_t i) const;

  bool has_attribute(std::string_view name) const { return node_.attributes.contains(name); }
  // The attribute, or the default where it is absent; an error where it has another type.
  Result<int64_t> attribute(std::string_view name, int64_t otherwise) const;
  Result<float> attribute(std::string_view name, float otherwise) const;
  Result<std::string> attribute(std::string_view name, const std::string& otherwise) const;
  Result<std::vector<int64_t>> attribute(std::string_view name, const std::vector<int64_t>& otherwise) const;
  Result<std::vector<float>> attribute(std::string_view name, const std::vector<float>& otherwise) const;

  // What older operator sets give as an attribute and newer ones as constant input i (JSON models as either); nothing
  // where it is given in neither way.
  Result<std::optional<std::vector<int64_t>>> attribute_or_input(std::string_view name, size_t i) const;

  // An axis in [-rank, rank) as one in [0, rank).
  Result<int64_t> normalize_axis(int64_t axis, int rank) const;

  // Appends a graph node with one new value as its output, shape inferred; type: that of the first input unless given.
  // It takes the source node's name.
  Result<ValueId> emit(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type = std::nullopt);
  // The same for what goes before or after the op itself: named "node:op".
  Result<ValueId> emit_step(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type = std::nullopt);
  // The same for an op with several outputs, which have these types.
  Result<std::vector<ValueId>> emit_outputs(GraphOp op, std::vector<ValueId> inputs,
                                            const std::vector<DataType>& types);
  // transpose(0,2,3,1), op, transpose(0,3,1,2): for ops that are NHWC in the graph, on a value that is NCHW. Further
  // inputs (weights, bias) go in as they are.
  Result<ValueId> emit_channels_last(GraphOp op, ValueId image, std::vector<ValueId> others = {});
  // Zeros, for a constant whose size follows from a shape or an attribute: a few bytes of a file can ask for any.
  // kUnsupported, with both numbers and before it is there, where it is too large, or no more bytes are left.
  Result<Tensor> make_constant(DataType type, const Shape& shape);
  ValueId add_constant(Tensor tensor, std::string_view suffix);

  // Binds output i of the source node to a value, which takes the output's name.
  void set_output(size_t i, ValueId value);

  // kUnsupported / kInvalidFile, with the node's name and op before the message.
  Error unsupported(const std::string& why) const;
  Error invalid(const std::string& why) const;

 private:
  Result<ValueId> append(std::string_view name, GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type);
  Result<std::vector<ValueId>> append_all(std::string_view name, GraphOp op, std::vector<ValueId> inputs,
                                          std::span<const DataType> types);

  // Layers of no weights are a mistake, and their other dimensions are bounded by nothing that is in a file.
  Status check_weights(const GraphOp& op, std::span<const ValueId> inputs) const;

  const SourceNode& node_;
  Graph& graph_;
  std::map<std::string, ValueId, std::less<>>& names_;
  QuantizedValues& quantized_;
  int64_t constant_bytes_left_;
};

// How one op of a source format becomes graph nodes.
struct OpReader {
  std::string_view onnx;  // op_type, domain ""; empty: not an ONNX op
  std::string_view json;  // the op's name in octet's own JSON; empty: not offered there
  Status (*read)(NodeReader&);
};

}  // namespace octet
