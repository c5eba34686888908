#include "converter/ops/steps.h"

#include <algorithm>

namespace octet {

ValueId Steps::op(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type) {
  if (error_ || std::find(inputs.begin(), inputs.end(), kNoValue) != inputs.end()) return kNoValue;
  const Result<ValueId> made = is_main_ ? reader_.emit(std::move(op), std::move(inputs), type)
                                        : reader_.emit_step(std::move(op), std::move(inputs), type);
  is_main_ = false;
  if (made.ok()) return *made;
  error_ = made.error();
  return kNoValue;
}

ValueId Steps::unary(UnaryKind kind, ValueId x, float alpha, float beta) {
  return op(UnaryParams{kind, alpha, beta}, {x});
}

ValueId Steps::binary(BinaryKind kind, ValueId a, ValueId b) {
  return op(BinaryParams{kind, {}}, {a, b});
}

ValueId Steps::logical_not(ValueId x) {
  Tensor yes(DataType::kBool, Shape{});
  yes.as<uint8_t>()[0] = 1;
  return compare(CompareKind::kXor, x, constant(std::move(yes)));
}

ValueId Steps::where(ValueId condition, ValueId a, ValueId b) {
  return op(WhereParams{}, {condition, a, b}, type(a));
}

ValueId Steps::reduce(ReduceKind kind, ValueId x, std::vector<int64_t> axes, bool keep_dims) {
  return op(ReduceParams{kind, std::move(axes), keep_dims}, {x});
}

ValueId Steps::reshape(ValueId x, std::vector<int64_t> dims) {
  return op(ReshapeParams{std::move(dims)}, {x});
}

ValueId Steps::transpose(ValueId x, std::vector<int64_t> permutation) {
  return op(TransposeParams{std::move(permutation)}, {x});
}

ValueId Steps::cast(ValueId x, DataType to) {
  return type(x) == to ? x : op(CastParams{}, {x}, to);
}

ValueId Steps::widen(ValueId x) {
  return type(x) == DataType::kF32 ? x : cast(x, DataType::kS64);
}

const Shape& Steps::shape(ValueId x) const {
  static const Shape scalar;
  return x == kNoValue ? scalar : reader_.graph().value(x).shape;
}

DataType Steps::type(ValueId x) const {
  return x == kNoValue ? DataType::kF32 : reader_.graph().value(x).type;
}

Result<ValueId> Steps::result(ValueId made) const {
  if (error_) return *error_;
  if (made == kNoValue) return reader_.invalid("an input is missing");
  return made;
}

Status Steps::finish(ValueId made, size_t i) {
  OCTET_TRY(const ValueId value, result(made));
  reader_.set_output(i, value);
  return {};
}

}  // namespace octet
