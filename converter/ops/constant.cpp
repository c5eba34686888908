// Constant, ConstantOfShape, Range, NonZero, EyeLike and Expand: values rather than operations.
#include <algorithm>
#include <cmath>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

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
  return Shape{std::span<const int64_t>(*dims)};
}

Status read_constant_of_shape(NodeReader& reader) {
  OCTET_TRY(const Shape shape, constant_shape(reader, "shape", 0));
  const auto found = reader.node().attributes.find("value");
  const Tensor* value = found == reader.node().attributes.end() ? nullptr : std::get_if<Tensor>(&found->second);
  if (value == nullptr) {
    OCTET_TRY(const float number, reader.attribute("value", 0.0F));
    OCTET_TRY(Tensor tensor, reader.make_constant(DataType::kF32, shape));
    std::fill(tensor.as<float>().begin(), tensor.as<float>().end(), number);
    return bind(reader, std::move(tensor));
  }
  if (value->element_count() != 1) {
    return reader.invalid("its value has " + std::to_string(value->element_count()) + " elements");
  }
  OCTET_TRY(Tensor tensor, reader.make_constant(value->type(), shape));
  const auto bytes = static_cast<size_t>(element_bytes(value->type()));
  auto* dst = static_cast<std::byte*>(tensor.data());
  for (int64_t i = 0; i < tensor.element_count(); ++i, dst += bytes) std::memcpy(dst, value->data(), bytes);
  return bind(reader, std::move(tensor));
}

// expand(x, shape) = x * ones(shape): numbers stay what they are, broadcasting does the rest.
Status read_expand(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const Shape shape, constant_shape(reader, "shape", 1));
  Steps steps(reader);
  const ValueId x = steps.widen(reader.input(0));
  OCTET_TRY(Tensor ones, reader.make_constant(steps.type(x), shape));
  if (ones.type() == DataType::kF32) {
    std::fill(ones.as<float>().begin(), ones.as<float>().end(), 1.0F);
  } else {
    std::fill(ones.as<int64_t>().begin(), ones.as<int64_t>().end(), int64_t{1});
  }
  const ValueId expanded = steps.main().binary(BinaryKind::kMul, x, reader.add_constant(std::move(ones), "ones"));
  return steps.finish(steps.cast(expanded, reader.input_type(0)));
}

constexpr int64_t kMaxRange = int64_t{1} << 24;

template <class T>
Result<Tensor> range_of(NodeReader& reader, DataType type) {
  T bounds[3];
  for (size_t i = 0; i < 3; ++i) {
    const Tensor* tensor = reader.constant(i);
    if (tensor == nullptr || tensor->type() != type || tensor->element_count() != 1) {
      return reader.unsupported("its input " + std::to_string(i) + " is not a constant of one " + to_string(type));
    }
    bounds[i] = tensor->as<T>()[0];
  }
  const auto [start, limit, delta] = bounds;
  // In double, as nothing overflows there.
  const double count =
      std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
  if (!(count <= static_cast<double>(kMaxRange))) {
    return reader.unsupported("from " + std::to_string(start) + " to " + std::to_string(limit) + " by " +
                              std::to_string(delta) + " are no numbers, or too many");
  }
  OCTET_TRY(Tensor result, reader.make_constant(type, {std::max<int64_t>(static_cast<int64_t>(count), 0)}));
  for (int64_t i = 0; i < result.element_count(); ++i) {
    result.as<T>()[i] =
        static_cast<T>(static_cast<double>(start) + static_cast<double>(i) * static_cast<double>(delta));
  }
  return result;
}

// start, start + delta, ... before limit
Status read_range(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(3));
  const DataType type = reader.input_type(0);
  OCTET_TRY(Tensor numbers, type == DataType::kS64   ? range_of<int64_t>(reader, type)
                            : type == DataType::kS32 ? range_of<int32_t>(reader, type)
                                                     : range_of<float>(reader, DataType::kF32));
  return bind(reader, std::move(numbers));
}

// The places of elements that are not 0, of a constant: how many there are must be known.
Status read_non_zero(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Tensor* x = reader.constant(0);
  if (x == nullptr) {
    return reader.unsupported("the size of its output depends on the data; octet reads it of constants");
  }
  const auto* bytes = static_cast<const std::byte*>(x->data());
  const int64_t size = element_bytes(x->type());
  const auto is_zero = [&](int64_t i) {
    return x->type() == DataType::kF32
               ? x->as<float>()[i] == 0.0F  // -0 too
               : std::all_of(bytes + i * size, bytes + (i + 1) * size, [](std::byte b) { return b == std::byte{0}; });
  };
  int64_t count = 0;
  for (int64_t i = 0; i < x->element_count(); ++i) count += is_zero(i) ? 0 : 1;
  const int rank = x->shape().rank();
  OCTET_TRY(Tensor places, reader.make_constant(DataType::kS64, {rank, count}));
  int64_t k = 0;
  for (int64_t i = 0; i < x->element_count(); ++i) {
    if (is_zero(i)) continue;
    int64_t rest = i;
    for (int axis = rank - 1; axis >= 0; --axis) {
      places.as<int64_t>()[axis * count + k] = rest % x->shape()[axis];
      rest /= x->shape()[axis];
    }
    ++k;
  }
  return bind(reader, std::move(places));
}

// Ones on diagonal k, zeros elsewhere.
Status read_eye_like(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape src = reader.input_shape(0);
  OCTET_TRY(const int64_t k, reader.attribute("k", int64_t{0}));
  if (src.rank() != 2) return reader.unsupported("its input has the shape " + src.to_string());
  DataType type = reader.input_type(0);
  if (reader.has_attribute("dtype")) {
    OCTET_TRY(type, target_type(reader, "dtype"));
  }
  OCTET_TRY(Tensor eye, reader.make_constant(DataType::kS64, src));
  for (int64_t i = 0; i < src[0] * src[1]; ++i) eye.as<int64_t>()[i] = i % src[1] - i / src[1] == k ? 1 : 0;
  Steps steps(reader);
  return steps.finish(steps.cast(steps.constant(std::move(eye)), type));
}

constexpr OpReader kReaders[] = {
    {"Constant", "constant", read_constant}, {"ConstantOfShape", "constant_of_shape", read_constant_of_shape},
    {"Expand", "expand", read_expand},       {"Range", "range", read_range},
    {"NonZero", "non_zero", read_non_zero},  {"EyeLike", "", read_eye_like},
};

}  // namespace

constinit const OpRule kConstantRule{"constant", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
