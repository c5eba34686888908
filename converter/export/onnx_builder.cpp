#include "converter/export/onnx_builder.h"

#include <onnx/onnx_pb.h>

#include <limits>

namespace octet {
namespace {

using onnx::TensorProto;

int onnx_type(DataType type) {
  switch (type) {
    case DataType::kF32:
      return TensorProto::FLOAT;
    case DataType::kU8:
      return TensorProto::UINT8;
    case DataType::kS8:
      return TensorProto::INT8;
    case DataType::kS32:
      return TensorProto::INT32;
    case DataType::kS64:
      return TensorProto::INT64;
    case DataType::kBool:
      return TensorProto::BOOL;
    case DataType::kBf16:  // written as f32
      break;
  }
  return TensorProto::UNDEFINED;
}

struct AttributeSetter {
  onnx::AttributeProto& proto;

  void operator()(int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const std::string& value : values) proto.add_strings(value);
  }
};

void set_value_info(onnx::ValueInfoProto& info, const std::string& name, DataType type, const Shape& shape) {
  info.set_name(name);
  auto* tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx_type(type));
  auto* dims = tensor->mutable_shape();
  for (int i = 0; i < shape.rank(); ++i) {
    auto* dim = dims->add_dim();
    if (shape[i] != Shape::kDynamic) {
      dim->set_dim_value(shape[i]);
    } else {
      dim->set_dim_param(i == 0 ? "N" : name + "_" + std::to_string(i));
    }
  }
}

}  // namespace

OnnxBuilder::OnnxBuilder(const std::string& graph_name) : model_(std::make_unique<onnx::ModelProto>()) {
  model_->set_ir_version(8);
  model_->set_producer_name("octet");
  model_->add_opset_import()->set_version(kOpset);
  model_->mutable_graph()->set_name(graph_name.empty() ? "octet" : graph_name);
}

OnnxBuilder::~OnnxBuilder() = default;

std::string OnnxBuilder::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !names_.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
  return name;
}

std::string OnnxBuilder::add_constant(const std::string& name, DataType type, const Shape& shape, const void* data) {
  TensorProto& tensor = *model_->mutable_graph()->add_initializer();
  tensor.set_name(unique(name));
  tensor.set_data_type(onnx_type(type));
  for (const int64_t dim : shape) tensor.add_dims(dim);
  tensor.set_raw_data(data, static_cast<size_t>(shape.element_count() * element_bytes(type)));
  return tensor.name();
}

std::string OnnxBuilder::add_floats(const std::string& name, const std::vector<float>& values) {
  return add_constant(name, DataType::kF32, {static_cast<int64_t>(values.size())}, values.data());
}

std::string OnnxBuilder::add_ints(const std::string& name, const std::vector<int64_t>& values) {
  return add_constant(name, DataType::kS64, {static_cast<int64_t>(values.size())}, values.data());
}

std::string OnnxBuilder::add_scalar(const std::string& name, float value) {
  return add_constant(name, DataType::kF32, {}, &value);
}

std::string OnnxBuilder::add_node(const std::string& op, const std::vector<std::string>& inputs,
                                  const std::string& output, const OnnxAttributes& attributes) {
  return add_node(op, inputs, std::vector{output}, attributes)[0];
}

std::vector<std::string> OnnxBuilder::add_node(const std::string& op, const std::vector<std::string>& inputs,
                                               const std::vector<std::string>& outputs,
                                               const OnnxAttributes& attributes) {
  std::vector<std::string> names;
  for (const std::string& output : outputs) {
    names.push_back(unique(output));
    makers_[names.back()] = model_->graph().node_size();
  }
  onnx::NodeProto& node = *model_->mutable_graph()->add_node();
  node.set_name(names[0]);
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(current_name(input));
  for (const std::string& name : names) node.add_output(name);
  for (const auto& [key, value] : attributes) {
    onnx::AttributeProto& proto = *node.add_attribute();
    proto.set_name(key);
    std::visit(AttributeSetter{proto}, value);
  }
  return names;
}

void OnnxBuilder::add_input(const std::string& name, DataType type, const Shape& shape) {
  names_.insert(name);
  set_value_info(*model_->mutable_graph()->add_input(), name, type, shape);
}

void OnnxBuilder::rename(const std::string& from, const std::string& to) {
  for (onnx::NodeProto& node : *model_->mutable_graph()->mutable_node()) {
    for (std::string& input : *node.mutable_input()) {
      if (input == from) input = to;
    }
    for (std::string& output : *node.mutable_output()) {
      if (output == from) output = to;
    }
  }
  makers_[to] = makers_[from];
  makers_.erase(from);
  renamed_[from] = to;
}

const std::string& OnnxBuilder::current_name(const std::string& value) const {
  const auto found = renamed_.find(value);
  return found == renamed_.end() ? value : found->second;
}

void OnnxBuilder::add_output(const std::string& name, const std::string& value, DataType type, const Shape& shape) {
  const bool can_rename = makers_.contains(value) && !outputs_.contains(value);
  rename(can_rename ? value : add_node("Identity", {value}, name), name);
  outputs_.insert(name);
  set_value_info(*model_->mutable_graph()->add_output(), name, type, shape);
}

void OnnxBuilder::add_metadata(const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto& entry = *model_->add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

Result<std::string> OnnxBuilder::bytes() const {
  const size_t size = model_->ByteSizeLong();
  if (size > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return Error{ErrorCode::kUnsupported, "the model has " + std::to_string(size) + " bytes, but an ONNX file holds " +
                                              std::to_string(std::numeric_limits<int32_t>::max())};
  }
  return model_->SerializeAsString();
}

}  // namespace octet
