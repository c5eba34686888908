// binary: arithmetic of two tensors, and of more in a row (Sum, Mean, Min, Max).
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

// Minimum and maximum choose elements, so inputs and output share a range. Constants among them stay f32: a bound that
// nothing reaches would stretch the range.
QuantizationRule quantization(const Graph& graph, const Node& node) {
  const BinaryKind kind = node.as<BinaryParams>()->kind;
  if (!takes_u8(kind)) return QuantizationRule::kFloat;
  if (rescales_u8(kind)) return QuantizationRule::kOwnRange;
  const bool has_constant = graph.value(node.inputs[0]).is_constant() || graph.value(node.inputs[1]).is_constant();
  return has_constant ? QuantizationRule::kFloat : QuantizationRule::kSameRange;
}

// Integers are computed as s64, which the kernels know, and wrap in their own type.
Result<ValueId> emit_binary(NodeReader& reader, BinaryKind kind, ValueId a, ValueId b) {
  const DataType type = reader.graph().value(a).type;
  const DataType b_type = reader.graph().value(b).type;
  if (type != b_type) {
    return reader.invalid("its inputs are " + std::string(to_string(type)) + " and " + to_string(b_type));
  }
  Steps steps(reader);
  const ValueId left = steps.widen(a), right = steps.widen(b);
  const ValueId result = steps.cast(steps.main().binary(kind, left, right), type);
  return steps.result(result);
}

template <BinaryKind kind>
Status read_binary(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const ValueId b, second_operand(reader));
  OCTET_TRY(const ValueId result, emit_binary(reader, kind, reader.input(0), b));
  reader.set_output(0, result);
  return {};
}

// Since opset 12 the exponent may have a type of its own; the result has that of the base. A fraction makes the
// arithmetic f32.
Status read_pow(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  const DataType base = reader.input_type(0);
  const bool f32 = base == DataType::kF32 || reader.input_type(1) == DataType::kF32;
  const DataType wide = f32 ? DataType::kF32 : DataType::kS64;
  OCTET_TRY(const ValueId b, second_operand(reader));
  Steps steps(reader);
  const ValueId x = steps.cast(reader.input(0), wide), exponent = steps.cast(b, wide);
  return steps.finish(steps.cast(steps.main().binary(BinaryKind::kPow, x, exponent), base));
}

Status read_mod(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const int64_t fmod, reader.attribute("fmod", int64_t{0}));
  OCTET_TRY(const ValueId result, emit_binary(reader, fmod != 0 ? BinaryKind::kRemainder : BinaryKind::kModulo,
                                              reader.input(0), reader.input(1)));
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
    {"Mod", "mod", read_mod},
    {"Min", "min", read_variadic<BinaryKind::kMin>},
    {"Max", "max", read_variadic<BinaryKind::kMax>},
    {"Sum", "sum", read_variadic<BinaryKind::kAdd>},
    {"Mean", "mean", read_mean},
};

}  // namespace

constinit const OpRule kBinaryRule{"binary", quantization, permute_constants, kReaders};

}  // namespace octet
