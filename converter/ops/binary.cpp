// binary: arithmetic of two tensors, and of more in a row (Sum, Mean, Min, Max).
#include "converter/ops/rules.h"

namespace octet {
namespace {

QuantizationRule quantization(const Graph&, const Node& node) {
  const BinaryKind kind = node.as<BinaryParams>()->kind;
  const bool integer = kind == BinaryKind::kAdd || kind == BinaryKind::kSub || kind == BinaryKind::kMul;
  return integer ? QuantizationRule::kOwnRange : QuantizationRule::kFloat;
}

// s32 is computed as s64, which the kernels know.
Result<ValueId> widen(NodeReader& reader, ValueId id) {
  if (reader.graph().value(id).type != DataType::kS32) return id;
  return reader.emit_step(CastParams{}, {id}, DataType::kS64);
}

Result<ValueId> emit_binary(NodeReader& reader, BinaryKind kind, ValueId a, ValueId b) {
  const DataType type = reader.graph().value(a).type;
  OCTET_TRY(a, widen(reader, a));
  OCTET_TRY(b, widen(reader, b));
  const DataType a_type = reader.graph().value(a).type;
  const DataType b_type = reader.graph().value(b).type;
  if (a_type != b_type) {
    return reader.invalid("its inputs are " + std::string(to_string(a_type)) + " and " + to_string(b_type));
  }
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{kind, {}}, {a, b}));
  if (type != DataType::kS32) return result;
  return reader.emit_step(CastParams{}, {result}, DataType::kS32);
}

template <BinaryKind kind>
Status read_binary(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const ValueId result, emit_binary(reader, kind, reader.input(0), reader.input(1)));
  reader.set_output(0, result);
  return {};
}

// Since opset 12 the exponent may have a type of its own; the result has that of the base.
Status read_pow(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  ValueId exponent = reader.input(1);
  const DataType base = reader.input_type(0);
  if (reader.input_type(1) != base) {
    OCTET_TRY(exponent, reader.emit_step(CastParams{}, {exponent}, base));
  }
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{BinaryKind::kPow, {}}, {reader.input(0), exponent}));
  reader.set_output(0, result);
  return {};
}

// One input passes through under a name of its own.
Result<ValueId> fold_inputs(NodeReader& reader, BinaryKind kind) {
  const size_t count = reader.node().inputs.size();
  OCTET_CHECK(reader.require_inputs(std::max<size_t>(count, 1)));
  if (count == 1) return reader.emit(IdentityParams{}, {reader.input(0)});
  ValueId result = reader.input(0);
  for (size_t i = 1; i < count; ++i) {
    OCTET_TRY(result, emit_binary(reader, kind, result, reader.input(i)));
  }
  return result;
}

template <BinaryKind kind>
Status read_variadic(NodeReader& reader) {
  OCTET_TRY(const ValueId result, fold_inputs(reader, kind));
  reader.set_output(0, result);
  return {};
}

Status read_mean(NodeReader& reader) {
  OCTET_TRY(ValueId result, fold_inputs(reader, BinaryKind::kAdd));
  if (reader.node().inputs.size() > 1) {
    const ValueId count = scalar_constant(reader, static_cast<float>(reader.node().inputs.size()), "count");
    OCTET_TRY(result, reader.emit_step(BinaryParams{BinaryKind::kDiv, {}}, {result, count}));
  }
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {
    {"Add", "add", read_binary<BinaryKind::kAdd>},
    {"Sub", "sub", read_binary<BinaryKind::kSub>},
    {"Mul", "mul", read_binary<BinaryKind::kMul>},
    {"Div", "div", read_binary<BinaryKind::kDiv>},
    {"Pow", "pow", read_pow},
    {"Min", "min", read_variadic<BinaryKind::kMin>},
    {"Max", "max", read_variadic<BinaryKind::kMax>},
    {"Sum", "sum", read_variadic<BinaryKind::kAdd>},
    {"Mean", "mean", read_mean},
};

}  // namespace

constinit const OpRule kBinaryRule{"binary", quantization, permute_constants, kReaders};

}  // namespace octet
