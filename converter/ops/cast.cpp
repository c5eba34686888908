// cast: Cast.
#include "converter/ops/cast.h"

#include <iterator>

#include "converter/ops/rules.h"

namespace octet {
namespace {

// TensorProto.DataType, as far as octet has a type for it. Half, double and bfloat16 are f32 in octet.
std::optional<DataType> type_of_onnx(int64_t type) {
  switch (type) {
    case 1:
    case 10:
    case 11:
    case 16:
      return DataType::kF32;
    case 2:
      return DataType::kU8;
    case 3:
      return DataType::kS8;
    case 6:
      return DataType::kS32;
    case 7:
      return DataType::kS64;
    case 9:
      return DataType::kBool;
    default:
      return std::nullopt;
  }
}

Status finish(NodeReader& reader, DataType type) {
  const GraphOp op = type == reader.input_type(0) ? GraphOp(IdentityParams{}) : GraphOp(CastParams{});
  OCTET_TRY(const ValueId result, reader.emit(op, {reader.input(0)}, type));
  reader.set_output(0, result);
  return {};
}

Status read_cast(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const DataType type, target_type(reader, "to"));
  return finish(reader, type);
}

// To the type of the second input, whose values do not matter.
Status read_cast_like(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  return finish(reader, reader.input_type(1));
}

constexpr OpReader kReaders[] = {{"Cast", "cast", read_cast}, {"CastLike", "", read_cast_like}};

}  // namespace

std::string name_of_onnx_type(int64_t type) {
  constexpr const char* kNames[] = {"undefined",      "float",    "uint8",        "int8",           "uint16",
                                    "int16",          "int32",    "int64",        "string",         "bool",
                                    "float16",        "double",   "uint32",       "uint64",         "complex64",
                                    "complex128",     "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
                                    "float8e5m2fnuz", "uint4",    "int4",         "float4e2m1"};
  const bool known = type >= 0 && type < static_cast<int64_t>(std::size(kNames));
  return known ? kNames[type] : std::to_string(type);
}

Result<DataType> target_type(const NodeReader& reader, const char* attribute) {
  const auto found = reader.node().attributes.find(attribute);
  if (found == reader.node().attributes.end()) return reader.invalid("it has no '" + std::string(attribute) + "'");
  if (const auto* name = std::get_if<std::string>(&found->second)) {
    for (uint8_t i = 1; is_known(DataType{i}); ++i) {
      if (*name == to_string(DataType{i})) return DataType{i};
    }
    return reader.invalid("the type '" + *name + "' is not known");
  }
  OCTET_TRY(const int64_t number, reader.attribute(attribute, int64_t{0}));
  if (const std::optional<DataType> type = type_of_onnx(number)) return *type;
  return reader.unsupported("octet has no type for ONNX's type " + name_of_onnx_type(number));
}

constinit const OpRule kCastRule{"cast", always<QuantizationRule::kFloat>, permute_nothing, kReaders};

}  // namespace octet
