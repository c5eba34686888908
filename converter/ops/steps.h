// Several graph nodes for one source node, written as an expression.
#pragma once

#include <optional>
#include <vector>

#include "converter/import/node_reader.h"

namespace octet {

// Emits nodes that are named after the source node. The first error stays; whatever is made of its kNoValue is kNoValue
// again, and finish() returns the error. Constants are folded later, so arithmetic on them is written like any other.
class Steps {
 public:
  explicit Steps(NodeReader& reader) : reader_(reader) {}

  // The next node is the one that people know by the source node's name.
  Steps& main() {
    is_main_ = true;
    return *this;
  }

  ValueId op(GraphOp op, std::vector<ValueId> inputs, std::optional<DataType> type = std::nullopt);
  ValueId unary(UnaryKind kind, ValueId x, float alpha = 0, float beta = 0);
  ValueId binary(BinaryKind kind, ValueId a, ValueId b);
  ValueId binary(BinaryKind kind, ValueId a, float b) { return binary(kind, a, number(b)); }
  // f32 or s64 tensors (bool for and, or, xor); greater is less with its inputs swapped.
  ValueId compare(CompareKind kind, ValueId a, ValueId b) { return op(CompareParams{kind}, {a, b}, DataType::kBool); }
  ValueId logical_not(ValueId x);
  ValueId where(ValueId condition, ValueId a, ValueId b);
  ValueId reduce(ReduceKind kind, ValueId x, std::vector<int64_t> axes, bool keep_dims = true);
  // dims as ReshapeParams has them. A first dimension that may be a batch is written as 0 or -1.
  ValueId reshape(ValueId x, std::vector<int64_t> dims);
  ValueId transpose(ValueId x, std::vector<int64_t> permutation);
  // x, if it has the type already.
  ValueId cast(ValueId x, DataType type);
  // Integers and bool as s64, which the kernels compute with; f32 as it is.
  ValueId widen(ValueId x);

  ValueId constant(Tensor tensor) { return reader_.add_constant(std::move(tensor), "constant"); }
  ValueId number(float value) { return constant(Tensor::f32(Shape{}, std::span(&value, 1))); }
  ValueId whole(int64_t value) { return constant(Tensor::s64(Shape{}, std::span(&value, 1))); }

  const Shape& shape(ValueId x) const;
  DataType type(ValueId x) const;
  bool ok() const { return !error_.has_value(); }

  // What was made, or the first error.
  Result<ValueId> result(ValueId made) const;
  // Binds output i of the source node.
  Status finish(ValueId made, size_t i = 0);

 private:
  NodeReader& reader_;
  bool is_main_ = false;
  std::optional<Error> error_;
};

}  // namespace octet
