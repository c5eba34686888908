#include "converter/import/node_reader.h"

#include "converter/passes/permutation.h"

namespace octet {
namespace {

template <class T>
Result<T> typed_attribute(const NodeReader& reader, std::string_view name, const T& otherwise, const char* type) {
  const auto found = reader.node().attributes.find(name);
  if (found == reader.node().attributes.end()) return otherwise;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  return reader.invalid("the attribute '" + std::string(name) + "' is not " + type);
}

}  // namespace

ValueId NodeReader::input(size_t i) const {
  if (!has_input(i)) return kNoValue;
  const auto found = names_.find(node_.inputs[i]);
  return found == names_.end() ? kNoValue : found->second;
}

Status NodeReader::require_inputs(size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    if (input(i) == kNoValue) return invalid("its input " + std::to_string(i) + " is missing");
  }
  return {};
}

const Shape& NodeReader::input_shape(size_t i) const {
  static const Shape scalar;
  const ValueId id = input(i);
  return id == kNoValue ? scalar : graph_.value(id).shape;
}

DataType NodeReader::input_type(size_t i) const {
  const ValueId id = input(i);
  return id == kNoValue ? DataType::kF32 : graph_.value(id).type;
}

const Tensor* NodeReader::constant(size_t i) const {
  const ValueId id = input(i);
  if (id == kNoValue || !graph_.value(id).is_constant()) return nullptr;
  return &*graph_.value(id).constant;
}

Result<std::vector<int64_t>> NodeReader::constant_ints(size_t i) const {
  const Tensor* tensor = constant(i);
  if (tensor == nullptr) return unsupported("its input " + std::to_string(i) + " is computed, not a constant");
  const auto widened = [](const auto values) { return std::vector<int64_t>(values.begin(), values.end()); };
  if (tensor->type() == DataType::kS64) return widened(tensor->as<int64_t>());
  if (tensor->type() == DataType::kS32) return widened(tensor->as<int32_t>());
  if (tensor->type() == DataType::kU8) return widened(tensor->as<uint8_t>());
  if (tensor->type() == DataType::kS8) return widened(tensor->as<int8_t>());
  return invalid("its input " + std::to_string(i) + " is " + to_string(tensor->type()) + ", not an integer");
}

Result<std::vector<float>> NodeReader::constant_floats(size_t i) const {
  const Tensor* tensor = constant(i);
  if (tensor == nullptr) return unsupported("its input " + std::to_string(i) + " is computed, not a constant");
  if (tensor->type() != DataType::kF32) {
    return invalid("its input " + std::to_string(i) + " is " + to_string(tensor->type()) + ", not f32");
  }
  const auto values = tensor->as<float>();
  return std::vector<float>(values.begin(), values.end());
}

Result<int64_t> NodeReader::attribute(std::string_view name, int64_t otherwise) const {
  return typed_attribute<int64_t>(*this, name, otherwise, "an integer");
}

Result<float> NodeReader::attribute(std::string_view name, float otherwise) const {
  const auto found = node_.attributes.find(name);
  if (found != node_.attributes.end()) {
    // JSON writes 1 where it means 1.0.
    if (const int64_t* integer = std::get_if<int64_t>(&found->second)) return static_cast<float>(*integer);
  }
  return typed_attribute<float>(*this, name, otherwise, "a number");
}

Result<std::string> NodeReader::attribute(std::string_view name, const std::string& otherwise) const {
  return typed_attribute<std::string>(*this, name, otherwise, "a string");
}

Result<std::vector<int64_t>> NodeReader::attribute(std::string_view name, const std::vector<int64_t>& otherwise) const {
  return typed_attribute<std::vector<int64_t>>(*this, name, otherwise, "a list of integers");
}

Result<std::vector<float>> NodeReader::attribute(std::string_view name, const std::vector<float>& otherwise) const {
  const auto found = node_.attributes.find(name);
  if (found != node_.attributes.end()) {
    if (const auto* integers = std::get_if<std::vector<int64_t>>(&found->second)) {
      return std::vector<float>(integers->begin(), integers->end());
    }
  }
  return typed_attribute<std::vector<float>>(*this, name, otherwise, "a list of numbers");
}

Result<std::optional<std::vector<int64_t>>> NodeReader::attribute_or_input(std::string_view name, size_t i) const {
  using Ints = std::vector<int64_t>;
  if (has_attribute(name)) {
    // JSON may write a single axis as a number.
    if (const auto* integer = std::get_if<int64_t>(&node_.attributes.find(name)->second)) {
      return std::optional(Ints{*integer});
    }
    OCTET_TRY(Ints values, attribute(name, Ints{}));
    return std::optional(std::move(values));
  }
  if (!has_input(i)) return std::optional<Ints>();
  OCTET_TRY(Ints values, constant_ints(i));
  return std::optional(std::move(values));
}

Result<int64_t> NodeReader::normalize_axis(int64_t axis, int rank) const {
  if (axis < -rank || axis >= rank) {
    return invalid("the axis " + std::to_string(axis) + " does not exist in a tensor of rank " + std::to_string(rank));
  }
  return axis < 0 ? axis + rank : axis;
}

Result<ValueId> NodeReader::emit(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type) {
  return append(node_.name, std::move(op), std::move(inputs), type);
}

Result<ValueId> NodeReader::emit_step(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type) {
  const std::string name = node_.name + ":" + op_name(op);
  return append(name, std::move(op), std::move(inputs), type);
}

Result<ValueId> NodeReader::append(std::string_view name, GraphOp op, std::vector<ValueId> inputs,
                                   std::optional<DataType> type) {
  const DataType wanted = type.value_or(graph_.value(inputs[0]).type);
  OCTET_TRY(const std::vector<ValueId> outputs, append_all(name, std::move(op), std::move(inputs), {&wanted, 1}));
  return outputs.front();
}

Result<std::vector<ValueId>> NodeReader::append_all(std::string_view name, GraphOp op, std::vector<ValueId> inputs,
                                                    std::span<const DataType> types) {
  OCTET_CHECK(check_weights(op, inputs));
  const Result<std::vector<Shape>> shapes = infer_shapes(op, graph_.descs(inputs));
  if (!shapes.ok()) return Error{shapes.error().code, unsupported(shapes.error().message).message};
  std::vector<ValueId> outputs;
  for (size_t i = 0; i < types.size(); ++i) {
    outputs.push_back(graph_.add_value(node_.name + ":" + op_name(op), types[i], (*shapes)[i]));
  }
  graph_.insert_node(graph_.nodes.size(), name, std::move(op), std::move(inputs), outputs);
  return outputs;
}

Status NodeReader::check_weights(const GraphOp& op, std::span<const ValueId> inputs) const {
  const bool is_layer = std::holds_alternative<Conv2dParams>(op) || std::holds_alternative<FullyConnectedParams>(op);
  if (!is_layer || inputs.size() < 2 || inputs[1] == kNoValue) return {};
  const Value& weights = graph_.value(inputs[1]);
  if (weights.shape.element_count() != 0) return {};
  return invalid("its weights '" + weights.name + "' have the shape " + weights.shape.to_string() +
                 ", which has 0 elements");
}

Result<std::vector<ValueId>> NodeReader::emit_outputs(GraphOp op, std::vector<ValueId> inputs,
                                                      const std::vector<DataType>& types) {
  return append_all(node_.name, std::move(op), std::move(inputs), types);
}

Result<ValueId> NodeReader::emit_channels_last(GraphOp op, ValueId image, std::vector<ValueId> others) {
  OCTET_TRY(const ValueId before, emit_step(TransposeParams{kToChannelsLast}, {image}));
  others.insert(others.begin(), before);
  OCTET_TRY(const ValueId result, emit(std::move(op), std::move(others)));
  return emit_step(TransposeParams{kToChannelsFirst}, {result});
}

Result<Tensor> NodeReader::make_constant(DataType type, const Shape& shape) {
  Result<Tensor> made = octet::make_constant(type, shape, constant_bytes_left_);
  if (!made.ok()) return Error{made.error().code, unsupported(made.error().message).message};
  return made;
}

ValueId NodeReader::add_constant(Tensor tensor, std::string_view suffix) {
  return graph_.add_constant(node_.name + "." + std::string(suffix), std::move(tensor));
}

void NodeReader::set_output(size_t i, ValueId value) {
  if (i >= node_.outputs.size() || node_.outputs[i].empty()) return;
  const std::string& name = node_.outputs[i];
  names_[name] = value;
  // A value that this node made takes the output's name; one that passes through (Identity) keeps its own.
  const bool made_here = graph_.value(value).name.starts_with(node_.name + ":");
  if (made_here) graph_.rename(value, name);
}

Error NodeReader::unsupported(const std::string& why) const {
  return {ErrorCode::kUnsupported, "node '" + node_.name + "' (" + node_.op_type + "): " + why};
}

Error NodeReader::invalid(const std::string& why) const {
  return {ErrorCode::kInvalidFile, "node '" + node_.name + "' (" + node_.op_type + "): " + why};
}

}  // namespace octet
