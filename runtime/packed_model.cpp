#include "runtime/packed_model.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace octet {
namespace {

Error damaged(const std::string& what) {
  return {ErrorCode::kInvalidFile, what};
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

bool in_range(DataType type, int32_t zero_point) {
  switch (type) {
    case DataType::kU8:
      return zero_point >= 0 && zero_point <= 255;
    case DataType::kS8:
      return zero_point >= -128 && zero_point <= 127;
    case DataType::kS32:
      return zero_point == 0;
    default:
      return false;
  }
}

Status check_quantization(const PackedTensor& tensor) {
  const std::string who = "tensor " + quoted(tensor.name);
  if (tensor.scales.empty()) {
    return tensor.zero_points.empty() ? Status{} : damaged(who + " has zero points but no scales");
  }
  if (tensor.type != DataType::kU8 && tensor.type != DataType::kS8 && tensor.type != DataType::kS32) {
    return damaged(who + " is " + to_string(tensor.type) + ", which cannot be quantized");
  }
  if (tensor.scales.size() > 1) {
    if (tensor.axis < 0 || tensor.axis >= tensor.shape.rank()) {
      return damaged(who + " has " + std::to_string(tensor.scales.size()) + " scales along axis " +
                     std::to_string(tensor.axis) + " of the shape " + tensor.shape.to_string());
    }
    if (static_cast<int64_t>(tensor.scales.size()) != tensor.shape[tensor.axis]) {
      return damaged(who + " has " + std::to_string(tensor.scales.size()) + " scales for " +
                     std::to_string(tensor.shape[tensor.axis]) + " channels");
    }
  }
  for (const float scale : tensor.scales) {
    if (!std::isfinite(scale) || scale <= 0) return damaged(who + " has the scale " + std::to_string(scale));
  }
  if (!tensor.zero_points.empty() && tensor.zero_points.size() != tensor.scales.size()) {
    return damaged(who + " has " + std::to_string(tensor.zero_points.size()) + " zero points for " +
                   std::to_string(tensor.scales.size()) + " scales");
  }
  for (const int32_t zero_point : tensor.zero_points) {
    if (!in_range(tensor.type, zero_point)) {
      return damaged(who + " has the zero point " + std::to_string(zero_point) + ", outside " + to_string(tensor.type));
    }
  }
  return {};
}

Status check_tensor(const PackedTensor& tensor) {
  const std::string who = "tensor " + quoted(tensor.name);
  if (tensor.name.empty()) return damaged("a tensor has no name");
  if (!is_known(tensor.type)) return damaged(who + " has the type " + std::to_string(static_cast<int>(tensor.type)));
  for (const int64_t dim : tensor.shape) {
    if (dim < Shape::kDynamic) return damaged(who + " has the dimension " + std::to_string(dim));
  }
  if (tensor.shape.is_concrete() && tensor.shape.element_count() < 0) {
    return damaged(who + " is " + tensor.shape.to_string() + ", more than " + std::to_string(Shape::kMaxElements) +
                   " elements");
  }
  if (tensor.data != nullptr) {
    const int64_t bytes = tensor.shape.element_count() * element_bytes(tensor.type);
    if (tensor.shape.element_count() < 0 || bytes != tensor.data_bytes) {
      return damaged(who + " is " + tensor.shape.to_string() + " of " + to_string(tensor.type) + " but has " +
                     std::to_string(tensor.data_bytes) + " bytes");
    }
  }
  return check_quantization(tensor);
}

// The descs of a node's tensors, with the given shapes.
std::vector<TensorDesc> node_descs(const PackedModel& model, const std::vector<int32_t>& ids,
                                   std::span<const Shape> shapes) {
  std::vector<TensorDesc> descs;
  descs.reserve(ids.size());
  for (const int32_t id : ids) {
    if (id < 0) {
      descs.push_back({.present = false});
      continue;
    }
    descs.push_back(model.tensors[static_cast<size_t>(id)].desc());
    descs.back().shape = shapes[static_cast<size_t>(id)];
  }
  return descs;
}

Error in_node(const PackedNode& node, const Error& error) {
  return {error.code, "node " + quoted(node.name) + ": " + error.message};
}

// Indices, order and names; after it every index can be used.
Status check_wiring(const PackedModel& model) {
  const auto count = static_cast<int64_t>(model.tensors.size());
  const auto exists = [count](int32_t id) { return id >= 0 && id < count; };
  std::vector<bool> written(model.tensors.size(), false);
  for (size_t i = 0; i < model.tensors.size(); ++i) written[i] = model.tensors[i].data != nullptr;

  if (model.inputs.empty() || model.outputs.empty()) return damaged("the model has no input or no output");
  for (const int32_t id : model.inputs) {
    if (!exists(id)) return damaged("an input is tensor " + std::to_string(id) + " of " + std::to_string(count));
    if (written[static_cast<size_t>(id)]) {
      return damaged("the input " + quoted(model.tensors[static_cast<size_t>(id)].name) +
                     " is a constant or listed twice");
    }
    written[static_cast<size_t>(id)] = true;
  }
  for (const PackedNode& node : model.nodes) {
    if (node.name.empty()) return damaged("a node has no name");
    for (const int32_t id : node.inputs) {
      if (id == -1) continue;
      if (!exists(id) || !written[static_cast<size_t>(id)]) {
        return damaged("node " + quoted(node.name) + " reads tensor " + std::to_string(id) + " of " +
                       std::to_string(count) + ", which is not written before it");
      }
    }
    if (node.outputs.empty()) return damaged("node " + quoted(node.name) + " has no output");
    for (const int32_t id : node.outputs) {
      if (!exists(id) || written[static_cast<size_t>(id)]) {
        return damaged("node " + quoted(node.name) + " writes tensor " + std::to_string(id) + " of " +
                       std::to_string(count) + ", which does not exist or is already written");
      }
      written[static_cast<size_t>(id)] = true;
    }
  }
  for (const int32_t id : model.outputs) {
    if (!exists(id) || !written[static_cast<size_t>(id)]) {
      return damaged("an output is tensor " + std::to_string(id) + " of " + std::to_string(count) +
                     ", which is never written");
    }
    if (model.tensors[static_cast<size_t>(id)].data != nullptr) {
      return damaged("the output " + quoted(model.tensors[static_cast<size_t>(id)].name) + " is a constant");
    }
  }
  return {};
}

}  // namespace

Status check_model(const PackedModel& model) {
  const auto nodes = static_cast<int64_t>(model.nodes.size()), tensors = static_cast<int64_t>(model.tensors.size());
  if (nodes > kMaxPackedNodes || tensors > kMaxPackedTensors) {
    return damaged("the model has " + std::to_string(nodes) + " nodes and " + std::to_string(tensors) +
                   " tensors, but may have " + std::to_string(kMaxPackedNodes) + " and " +
                   std::to_string(kMaxPackedTensors));
  }
  std::unordered_set<std::string_view> names;
  for (const PackedTensor& tensor : model.tensors) {
    OCTET_CHECK(check_tensor(tensor));
    if (!names.insert(tensor.name).second) return damaged("two tensors are named " + quoted(tensor.name));
  }
  names.clear();
  for (const PackedNode& node : model.nodes) {
    if (!names.insert(node.name).second) return damaged("two nodes are named " + quoted(node.name));
  }
  OCTET_CHECK(check_wiring(model));
  std::vector<Shape> shapes;
  for (const PackedTensor& tensor : model.tensors) shapes.push_back(tensor.shape);
  for (const PackedNode& node : model.nodes) {
    const auto inputs = node_descs(model, node.inputs, shapes);
    const auto outputs = node_descs(model, node.outputs, shapes);
    const Result<std::vector<Shape>> inferred = infer_shapes(node.op, inputs);
    if (!inferred.ok()) return in_node(node, inferred.error());
    if (inferred->size() != outputs.size()) {
      return damaged("node " + quoted(node.name) + " has " + std::to_string(outputs.size()) + " outputs, but its op " +
                     std::to_string(inferred->size()));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].shape != (*inferred)[i]) {
        return damaged("node " + quoted(node.name) + " makes " + (*inferred)[i].to_string() + ", but its output says " +
                       outputs[i].shape.to_string());
      }
    }
    if (const Status types = check_types(node.op, inputs, outputs); !types.ok()) return in_node(node, types.error());
  }
  return {};
}

Result<std::vector<Shape>> propagate_shapes(const PackedModel& model, std::span<const Shape> input_shapes) {
  if (input_shapes.size() != model.inputs.size()) {
    return Error{ErrorCode::kUsage, "the model has " + std::to_string(model.inputs.size()) + " inputs, but " +
                                        std::to_string(input_shapes.size()) + " shapes are given"};
  }
  std::vector<Shape> shapes;
  for (const PackedTensor& tensor : model.tensors) shapes.push_back(tensor.shape);
  const auto set = [&](int32_t id, const Shape& shape) -> Status {
    if (shape.is_concrete() && shape.element_count() < 0) {
      return Error{ErrorCode::kUsage, "with these input shapes " + quoted(model.tensors[static_cast<size_t>(id)].name) +
                                          " would be " + shape.to_string() + ", more than " +
                                          std::to_string(Shape::kMaxElements) + " elements"};
    }
    // What the model itself says is empty may be.
    const auto is_empty = [](const Shape& s) { return std::find(s.begin(), s.end(), 0) != s.end(); };
    if (is_empty(shape) && !is_empty(model.tensors[static_cast<size_t>(id)].shape)) {
      return Error{ErrorCode::kUsage, "with these input shapes " + quoted(model.tensors[static_cast<size_t>(id)].name) +
                                          " would be " + shape.to_string() + ", which has no elements"};
    }
    shapes[static_cast<size_t>(id)] = shape;
    return {};
  };
  for (size_t i = 0; i < input_shapes.size(); ++i) OCTET_CHECK(set(model.inputs[i], input_shapes[i]));
  for (const PackedNode& node : model.nodes) {
    const Result<std::vector<Shape>> inferred = infer_shapes(node.op, node_descs(model, node.inputs, shapes));
    if (!inferred.ok()) return Error{ErrorCode::kUsage, in_node(node, inferred.error()).message};
    for (size_t i = 0; i < node.outputs.size(); ++i) OCTET_CHECK(set(node.outputs[i], (*inferred)[i]));
  }
  return shapes;
}

Result<std::vector<Shape>> infer_model_shapes(const PackedModel& model, std::span<const Shape> input_shapes) {
  for (size_t i = 0; i < std::min(input_shapes.size(), model.inputs.size()); ++i) {
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(model.inputs[i])];
    const Shape& given = input_shapes[i];
    bool fits = given.rank() == tensor.shape.rank() && given.is_concrete();
    for (int axis = 0; fits && axis < given.rank(); ++axis) {
      fits = tensor.shape[axis] == Shape::kDynamic ? given[axis] > 0 : tensor.shape[axis] == given[axis];
    }
    if (!fits) {
      return Error{ErrorCode::kUsage, "the input " + quoted(tensor.name) + " is " + tensor.shape.to_string() +
                                          ", but the given shape is " + given.to_string()};
    }
  }
  return propagate_shapes(model, input_shapes);
}

}  // namespace octet
