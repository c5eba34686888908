// quantize, dequantize: QuantizeLinear, DynamicQuantizeLinear and DequantizeLinear.
//
// Constants are (de)quantized here and now. A computed value per tensor in 8 bits becomes a fake_quantize: its integers
// go through the graph as the real numbers that they stand for, and a DequantizeLinear of the same parameters has
// nothing to do. All else (per channel, computed scales, integers from elsewhere) is written out as f32 arithmetic.
#include "kernels/quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "converter/number_text.h"
#include "converter/ops/cast.h"
#include "converter/ops/quantize.h"
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

constexpr int64_t kFirstOpsetOfAxis = 13;
constexpr int64_t kOnnxFloat = 1, kOnnxUint8 = 2, kOnnxInt8 = 3;  // TensorProto.DataType
enum Input : size_t { kX, kScale, kZeroPoint };

std::string text(DataType type) {
  return to_string(type);
}

bool is_integer(DataType type) {
  return type == DataType::kU8 || type == DataType::kS8 || type == DataType::kS32;
}

std::vector<int32_t> as_s32(const Tensor& tensor) {
  std::vector<int32_t> result;
  for (int64_t i = 0; i < tensor.element_count(); ++i) {
    const auto at = static_cast<size_t>(i);
    result.push_back(tensor.type() == DataType::kU8   ? tensor.as<uint8_t>()[at]
                     : tensor.type() == DataType::kS8 ? tensor.as<int8_t>()[at]
                                                      : tensor.as<int32_t>()[at]);
  }
  return result;
}

// What octet does not compute: scales in blocks, and arithmetic in other types than f32.
Status check_attributes(const NodeReader& reader) {
  OCTET_TRY(const int64_t size, reader.attribute("block_size", int64_t{0}));
  if (size != 0) return reader.unsupported("it has a scale for each block of " + std::to_string(size) + " elements");
  OCTET_TRY(const int64_t precision, reader.attribute("precision", int64_t{0}));
  if (precision == 0 || precision == kOnnxFloat) return {};
  return reader.unsupported("its precision is " + name_of_onnx_type(precision) + ", but octet divides in f32");
}

// What QuantizeLinear names as the type of its integers.
Result<std::optional<DataType>> output_type(const NodeReader& reader) {
  OCTET_TRY(const int64_t number, reader.attribute("output_dtype", int64_t{0}));
  if (number == 0) return std::optional<DataType>();
  if (number == kOnnxUint8) return std::optional(DataType::kU8);
  if (number == kOnnxInt8) return std::optional(DataType::kS8);
  return reader.unsupported("its output_dtype is " + name_of_onnx_type(number) +
                            ", but octet quantizes to u8 and s8 alone");
}

// The type of the integers: that of the zero point, else `otherwise`.
Result<DataType> integer_type(const NodeReader& reader, DataType otherwise) {
  OCTET_CHECK(check_attributes(reader));
  if (reader.input_type(kScale) != DataType::kF32) {
    return reader.invalid("its scale is " + text(reader.input_type(kScale)) + ", not f32");
  }
  if (!reader.has_input(kZeroPoint)) return otherwise;
  const DataType type = reader.input_type(kZeroPoint);
  if (!is_integer(type)) return reader.invalid("its zero point is " + text(type) + ", not u8, s8 or s32");
  return type;
}

// The axis of a scale with several elements.
Result<int> axis_of(const NodeReader& reader, int rank) {
  if (reader.opset() < kFirstOpsetOfAxis && !reader.has_attribute("axis")) return 0;
  OCTET_TRY(const int64_t axis, reader.attribute("axis", int64_t{1}));
  OCTET_TRY(const int64_t normal, reader.normalize_axis(axis, rank));
  return static_cast<int>(normal);
}

// Whether at most one axis has several entries, so that it does not matter which.
bool is_list(const Shape& shape) {
  return std::ranges::count_if(shape, [](int64_t size) { return size != 1; }) <= 1;
}

// Scales and zero points where both are constants, checked against the shape of x; nothing where they are computed.
Result<std::optional<GivenConstant>> constant_params(const NodeReader& reader, DataType type) {
  const Tensor* scales = reader.constant(kScale);
  const Tensor* points = reader.constant(kZeroPoint);
  if (scales == nullptr || (reader.has_input(kZeroPoint) && points == nullptr)) return std::optional<GivenConstant>();
  GivenConstant given{.type = type};
  given.scales.assign(scales->as<float>().begin(), scales->as<float>().end());
  given.zero_points = points == nullptr ? std::vector<int32_t>(given.scales.size(), 0) : as_s32(*points);
  for (const Tensor* tensor : {scales, points}) {
    if (tensor != nullptr && !is_list(tensor->shape())) {
      return reader.unsupported("its scale or zero point has the shape " + tensor->shape().to_string());
    }
  }
  const auto bad = std::ranges::find_if(given.scales, [](float s) { return !std::isfinite(s) || s <= 0; });
  if (bad != given.scales.end()) {
    const std::string index = given.scales.size() == 1 ? "" : "[" + std::to_string(bad - given.scales.begin()) + "]";
    return reader.invalid("its scale '" + reader.node().inputs[kScale] + "'" + index + " is " + number_text(*bad) +
                          ", but scales are positive and finite");
  }
  if (given.zero_points.size() != given.scales.size()) {
    return reader.invalid("it has " + std::to_string(given.zero_points.size()) + " zero points for " +
                          std::to_string(given.scales.size()) + " scales");
  }
  if (type == DataType::kS32) {
    for (const int32_t point : given.zero_points) {
      if (point != 0)
        return reader.unsupported("its zero point of s32 integers is " + std::to_string(point) + ", not 0");
    }
  }
  if (given.scales.size() == 1) return std::optional(std::move(given));
  const Shape& shape = reader.input_shape(kX);
  OCTET_TRY(given.axis, axis_of(reader, shape.rank()));
  if (static_cast<int64_t>(given.scales.size()) != shape[given.axis]) {
    return reader.invalid("it has " + std::to_string(given.scales.size()) + " scales, but its input " +
                          shape.to_string() + " has " + std::to_string(shape[given.axis]) + " entries along axis " +
                          std::to_string(given.axis));
  }
  return std::optional(std::move(given));
}

// The parameters of element i of a constant.
class ParamsOf {
 public:
  ParamsOf(const GivenConstant& given, const Shape& shape) : given_(given) {
    for (int i = given.axis + 1; i < shape.rank(); ++i) inner_ *= static_cast<size_t>(shape[i]);
  }
  QuantParams operator()(size_t i) const {
    const size_t count = given_.scales.size();
    const size_t k = count == 1 ? 0 : i / inner_ % count;
    return {given_.scales[k], given_.zero_points[k]};
  }

 private:
  const GivenConstant& given_;
  size_t inner_ = 1;
};

Tensor quantized(const Tensor& x, const GivenConstant& given) {
  const ParamsOf params(given, x.shape());
  Tensor result(given.type, x.shape());
  const std::span<const float> values = x.as<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    QuantParams quant = params(i);
    if (given.type == DataType::kS8) quant.zero_point += 128;
    const int32_t q = quantize_u8(values[i], quant);
    if (given.type == DataType::kS8) {
      result.as<int8_t>()[i] = static_cast<int8_t>(q - 128);
    } else {
      result.as<uint8_t>()[i] = static_cast<uint8_t>(q);
    }
  }
  return result;
}

Tensor dequantized(const GivenConstant& given) {
  const Shape& shape = given.integers.shape();
  const ParamsOf params(given, shape);
  Tensor result(DataType::kF32, shape);
  const std::vector<int32_t> integers = as_s32(given.integers);
  for (size_t i = 0; i < integers.size(); ++i) {
    const QuantParams quant = params(i);
    // In double: s32 has more bits than f32.
    const double difference = static_cast<double>(integers[i]) - quant.zero_point;
    result.as<float>()[i] = static_cast<float>(static_cast<double>(quant.scale) * difference);
  }
  return result;
}

Result<ValueId> arithmetic(NodeReader& reader, BinaryKind kind, ValueId a, ValueId b) {
  return reader.emit_step(BinaryParams{kind, {}}, {a, b});
}

Result<ValueId> as_f32(NodeReader& reader, ValueId value) {
  if (reader.graph().value(value).type == DataType::kF32) return value;
  return reader.emit_step(CastParams{}, {value}, DataType::kF32);
}

// Scale or zero point as f32, shaped so that it broadcasts along its axis.
Result<ValueId> aligned(NodeReader& reader, size_t input) {
  OCTET_TRY(ValueId value, as_f32(reader, reader.input(input)));
  const Shape shape = reader.graph().value(value).shape;
  const int rank = reader.input_shape(kX).rank();
  if (shape.rank() == 0) return value;
  if (shape.rank() != 1) return reader.unsupported("its scale or zero point has the shape " + shape.to_string());
  std::vector<int64_t> dims;
  if (shape[0] != 1) {
    OCTET_TRY(const int axis, axis_of(reader, rank));
    if (reader.input_shape(kX)[axis] != shape[0]) {
      return reader.invalid("it has " + std::to_string(shape[0]) + " scales or zero points for an input of shape " +
                            reader.input_shape(kX).to_string());
    }
    dims.assign(static_cast<size_t>(rank - axis), 1);
    dims[0] = shape[0];
  }
  return reader.emit_step(ReshapeParams{dims}, {value});
}

Result<ValueId> to_integers(NodeReader& reader, ValueId x, ValueId scale, ValueId zero_point, DataType type) {
  OCTET_TRY(ValueId q, arithmetic(reader, BinaryKind::kDiv, x, scale));
  OCTET_TRY(q, reader.emit_step(UnaryParams{.kind = UnaryKind::kRound}, {q}));
  if (zero_point != kNoValue) {
    OCTET_TRY(q, arithmetic(reader, BinaryKind::kAdd, q, zero_point));
  }
  const float least = type == DataType::kU8 ? 0 : -128;
  OCTET_TRY(q, reader.emit_step(UnaryParams{UnaryKind::kClip, least, least + 255}, {q}));
  return reader.emit_step(CastParams{}, {q}, type);
}

Result<ValueId> emit_rounding(NodeReader& reader, ValueId x, const IntegerType& type) {
  const QuantParams quant = type.as_u8();
  return reader.emit(FakeQuantizeParams{quant.scale, quant.zero_point, type.type}, {x});
}

Status read_quantize(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const std::optional<DataType> named, output_type(reader));
  OCTET_TRY(const DataType type, integer_type(reader, named.value_or(DataType::kU8)));
  // Graphs hold what files have in 16 bits as s32.
  if (type == DataType::kS32) {
    return reader.unsupported("its zero point is uint16, int16 or wider, but octet quantizes to u8 and s8 alone");
  }
  if (named && *named != type) {
    return reader.invalid("its output_dtype is " + text(*named) + ", its zero point " + text(type));
  }
  if (reader.input_type(kX) != DataType::kF32) {
    return reader.unsupported("its input is " + text(reader.input_type(kX)) + ", not f32");
  }
  OCTET_TRY(const std::optional<GivenConstant> given, constant_params(reader, type));
  if (given && reader.constant(kX) != nullptr) {
    reader.set_output(0, reader.add_constant(quantized(*reader.constant(kX), *given), "integers"));
    return {};
  }
  if (given && given->scales.size() == 1) {
    const IntegerType integers{type, {given->scales[0], given->zero_points[0]}};
    OCTET_TRY(const ValueId result, emit_rounding(reader, reader.input(kX), integers));
    reader.quantized().integers[result] = integers;
    reader.set_output(0, result);
    return {};
  }
  OCTET_TRY(const ValueId scale, aligned(reader, kScale));
  ValueId zero_point = kNoValue;
  if (reader.has_input(kZeroPoint)) {
    OCTET_TRY(zero_point, aligned(reader, kZeroPoint));
  }
  OCTET_TRY(const ValueId result, to_integers(reader, reader.input(kX), scale, zero_point, type));
  reader.set_output(0, result);
  return {};
}

// u8 of the range that x has and 0 lies in: integers, scale and zero point. The scale of nothing but zeros is the least
// there is, so that they stay zeros.
Status read_dynamic_quantize(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  if (reader.input_type(kX) != DataType::kF32) {
    return reader.unsupported("its input is " + text(reader.input_type(kX)) + ", not f32");
  }
  Steps steps(reader);
  const ValueId x = reader.input(kX);
  std::vector<int64_t> axes;
  for (int i = 0; i < reader.input_shape(kX).rank(); ++i) axes.push_back(i);
  const ValueId least = steps.binary(BinaryKind::kMin, steps.reduce(ReduceKind::kMin, x, axes, false), 0.0F);
  const ValueId most = steps.binary(BinaryKind::kMax, steps.reduce(ReduceKind::kMax, x, axes, false), 0.0F);
  const ValueId range = steps.binary(BinaryKind::kSub, most, least);
  constexpr float kLeastScale = std::numeric_limits<float>::min();
  const ValueId scale = steps.binary(BinaryKind::kMax, steps.binary(BinaryKind::kDiv, range, 255.0F), kLeastScale);
  const ValueId shift = steps.binary(BinaryKind::kDiv, steps.unary(UnaryKind::kNeg, least), scale);
  const ValueId zero_point = steps.unary(UnaryKind::kRound, steps.unary(UnaryKind::kClip, shift, 0, 255));
  OCTET_TRY(const ValueId point, steps.result(zero_point));
  OCTET_TRY(const ValueId integers, to_integers(reader, x, scale, point, DataType::kU8));
  OCTET_CHECK(steps.finish(integers));
  OCTET_CHECK(steps.finish(scale, 1));
  return steps.finish(steps.cast(zero_point, DataType::kU8), 2);
}

Status read_dequantize(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  const auto known = reader.quantized().integers.find(reader.input(kX));
  const bool rounded = known != reader.quantized().integers.end();
  const DataType x_type = rounded ? known->second.type : reader.input_type(kX);
  OCTET_TRY(const DataType type, integer_type(reader, x_type));
  if (!is_integer(x_type)) return reader.invalid("its input is " + text(x_type) + ", not an integer");
  if (type != x_type) return reader.invalid("its input is " + text(x_type) + ", its zero point " + text(type));
  OCTET_TRY(std::optional<GivenConstant> given, constant_params(reader, type));
  const bool per_tensor = given && given->scales.size() == 1 && type != DataType::kS32;
  if (given && reader.constant(kX) != nullptr) {
    given->integers = *reader.constant(kX);
    const ValueId result = reader.add_constant(dequantized(*given), "real");
    reader.quantized().constants[result] = std::move(*given);
    reader.set_output(0, result);
    return {};
  }
  const IntegerType wanted = per_tensor ? IntegerType{type, {given->scales[0], given->zero_points[0]}} : IntegerType{};
  if (rounded && per_tensor && known->second == wanted) {
    OCTET_TRY(const ValueId result, reader.emit(IdentityParams{}, {reader.input(kX)}));
    reader.set_output(0, result);
    return {};
  }
  ValueId x = reader.input(kX);
  if (rounded) {
    OCTET_TRY(x, emit_integers(reader, x, known->second));
  }
  OCTET_TRY(x, as_f32(reader, x));
  if (reader.has_input(kZeroPoint)) {
    OCTET_TRY(const ValueId zero_point, aligned(reader, kZeroPoint));
    OCTET_TRY(x, arithmetic(reader, BinaryKind::kSub, x, zero_point));
  }
  OCTET_TRY(const ValueId scale, aligned(reader, kScale));
  OCTET_TRY(x, arithmetic(reader, BinaryKind::kMul, x, scale));
  // Changes nothing, but says that these are integers.
  if (per_tensor) {
    OCTET_TRY(x, emit_rounding(reader, x, wanted));
  }
  reader.set_output(0, x);
  return {};
}

constexpr OpReader kQuantizeReaders[] = {{"QuantizeLinear", "", read_quantize},
                                         {"DynamicQuantizeLinear", "", read_dynamic_quantize}};
constexpr OpReader kDequantizeReaders[] = {{"DequantizeLinear", "", read_dequantize}};

}  // namespace

Result<ValueId> emit_integers(NodeReader& reader, ValueId real, const IntegerType& type) {
  const ValueId scale = scalar_constant(reader, type.quant.scale, "scale");
  const ValueId zero_point = scalar_constant(reader, static_cast<float>(type.quant.zero_point), "zero_point");
  return to_integers(reader, real, scale, zero_point, type.type);
}

constinit const OpRule kQuantizeRule{"quantize", always<QuantizationRule::kFloat>, permute_nothing, kQuantizeReaders};
constinit const OpRule kDequantizeRule{"dequantize", always<QuantizationRule::kFloat>, nullptr, kDequantizeReaders};
constinit const OpRule kFakeQuantizeRule{"fake_quantize", always<QuantizationRule::kFloat>, permute_nothing, {}};

}  // namespace octet
