// Constant, ConstantOfShape, and Expand: values rather than operations.
#include "converter/ops/rules.h"

namespace octet {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 26;

Status bind(NodeReader& reader, Tensor tensor) {
  if (reader.node().outputs.empty() || reader.node().outputs[0].empty()) return {};
  // Made under the name that set_output knows as this node's own.
  const ValueId id = reader.graph().add_constant(reader.node().name + ":constant", std::move(tensor));
  reader.set_output(0, id);
  return {};
}

Status read_constant(NodeReader& reader) {
  for (const auto& [name, attribute] : reader.node().attributes) {
    if (!name.starts_with("value")) continue;
    if (const auto* tensor = std::get_if<Tensor>(&attribute)) return bind(reader, *tensor);
    if (const auto* integer = std::get_if<int64_t>(&attribute)) {
      return bind(reader, Tensor::s64(Shape{}, std::span(integer, 1)));
    }
    if (const auto* number = std::get_if<float>(&attribute)) {
      return bind(reader, Tensor::f32(Shape{}, std::span(number, 1)));
    }
    if (const auto* integers = std::get_if<std::vector<int64_t>>(&attribute)) {
      return bind(reader, Tensor::s64({static_cast<int64_t>(integers->size())}, *integers));
    }
    if (const auto* numbers = std::get_if<std::vector<float>>(&attribute)) {
      return bind(reader, Tensor::f32({static_cast<int64_t>(numbers->size())}, *numbers));
    }
    return reader.unsupported("its attribute '" + name + "' is of a type that octet does not compute with");
  }
  return reader.invalid("it has no value");
}

Result<Shape> constant_shape(const NodeReader& reader, const char* attribute, size_t input) {
  OCTET_TRY(const auto dims, reader.attribute_or_input(attribute, input));
  if (!dims) return reader.invalid("it has no shape");
  if (dims->size() > Shape::kMaxRank) {
    return reader.unsupported("its shape has rank " + std::to_string(dims->size()));
  }
  const Shape shape{std::span<const int64_t>(*dims)};
  const int64_t count = shape.element_count();
  if (count < 0 || count > kMaxElements) {
    return reader.unsupported("its shape " + shape.to_string() + " is negative or has more than " +
                              std::to_string(kMaxElements) + " elements");
  }
  return shape;
}

Status read_constant_of_shape(NodeReader& reader) {
  OCTET_TRY(const Shape shape, constant_shape(reader, "shape", 0));
  const auto found = reader.node().attributes.find("value");
  const Tensor* value = found == reader.node().attributes.end() ? nullptr : std::get_if<Tensor>(&found->second);
  if (value == nullptr) {
    OCTET_TRY(const float number, reader.attribute("value", 0.0F));
    Tensor tensor(DataType::kF32, shape);
    std::fill(tensor.as<float>().begin(), tensor.as<float>().end(), number);
    return bind(reader, std::move(tensor));
  }
  if (value->element_count() != 1) {
    return reader.invalid("its value has " + std::to_string(value->element_count()) + " elements");
  }
  Tensor tensor(value->type(), shape);
  const auto bytes = static_cast<size_t>(element_bytes(value->type()));
  auto* dst = static_cast<std::byte*>(tensor.data());
  for (int64_t i = 0; i < tensor.element_count(); ++i, dst += bytes) std::memcpy(dst, value->data(), bytes);
  return bind(reader, std::move(tensor));
}

// expand(x, shape) = x * ones(shape): numbers stay what they are, broadcasting does the rest.
Status read_expand(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const Shape shape, constant_shape(reader, "shape", 1));
  const DataType type = reader.input_type(0);
  if (type != DataType::kF32 && type != DataType::kS64) {
    return reader.unsupported("its input is " + std::string(to_string(type)));
  }
  Tensor ones(type, shape);
  if (type == DataType::kF32) {
    std::fill(ones.as<float>().begin(), ones.as<float>().end(), 1.0F);
  } else {
    std::fill(ones.as<int64_t>().begin(), ones.as<int64_t>().end(), int64_t{1});
  }
  const ValueId factor = reader.add_constant(std::move(ones), "ones");
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{BinaryKind::kMul, {}}, {reader.input(0), factor}));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {
    {"Constant", "constant", read_constant},
    {"ConstantOfShape", "constant_of_shape", read_constant_of_shape},
    {"Expand", "expand", read_expand},
};

}  // namespace

constinit const OpRule kConstantRule{"constant", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
