// matmul: MatMul, where it is no fully connected layer, and MatMulInteger.
#include <cmath>

#include "converter/ops/integer_sums.h"
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// NumPy's matmul: a vector is a row on the left and a column on the right, and its axis is gone from the result.
Result<ValueId> multiply(NodeReader& reader, ValueId a_value, ValueId b_value) {
  const Shape a_shape = reader.graph().value(a_value).shape;
  const Shape b_shape = reader.graph().value(b_value).shape;
  const Value& b = reader.graph().value(b_value);
  ValueId result = kNoValue;
  if (a_shape.rank() == 2 && b_shape.rank() == 2 && b.is_constant() && b.type == DataType::kF32 &&
      reader.graph().value(a_value).type == DataType::kF32) {
    constexpr std::array<int64_t, 2> kSwap{1, 0};
    const ValueId weights = reader.add_constant(transposed(*b.constant, kSwap), "weights");
    return reader.emit(FullyConnectedParams{}, {a_value, weights});
  }
  if (a_shape.rank() == 0 || b_shape.rank() == 0) return reader.invalid("one of its inputs is a scalar");
  if (a_shape.rank() == 1) {
    OCTET_TRY(a_value, reader.emit_step(ReshapeParams{{1, -1}}, {a_value}));
  }
  if (b_shape.rank() == 1) {
    OCTET_TRY(b_value, reader.emit_step(ReshapeParams{{-1, 1}}, {b_value}));
  }
  OCTET_TRY(result, reader.emit(MatmulParams{}, {a_value, b_value}));
  if (a_shape.rank() == 1 || b_shape.rank() == 1) {
    const Shape full = reader.graph().value(result).shape;
    const int leading = full.rank() - 2;
    std::vector<int64_t> dims(full.begin(), full.begin() + leading);
    if (leading > 0) dims[0] = 0;
    if (a_shape.rank() != 1) dims.push_back(leading == 0 ? 0 : full[leading]);
    if (b_shape.rank() != 1) dims.push_back(full[leading + 1]);
    OCTET_TRY(result, reader.emit_step(ReshapeParams{dims}, {result}));
  }
  return result;
}

Status read_matmul(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const ValueId result, multiply(reader, reader.input(0), reader.input(1)));
  reader.set_output(0, result);
  return {};
}

// Of inputs that are integers as real numbers (expand_qoperators): parts that f32 counts, added up in s64.
Status read_matmul_integer(NodeReader& reader) {
  OCTET_CHECK(require_reals(reader));
  const Shape& a = reader.input_shape(0);
  const Shape& b = reader.input_shape(1);
  if (a.rank() == 0 || b.rank() == 0) return reader.invalid("one of its inputs is a scalar");
  const int a_axis = a.rank() - 1, b_axis = std::max(b.rank() - 2, 0);
  const int64_t depth = b[b_axis];
  if (a[a_axis] != depth) {
    return reader.invalid("its inputs have the shapes " + a.to_string() + " and " + b.to_string());
  }
  std::vector<int64_t> cuts;
  if (reader.constant(1) == nullptr) {
    OCTET_TRY(cuts, exact_parts(reader, depth));
  } else {
    std::vector<int64_t> weights;
    for (const float w : reader.constant(1)->as<float>()) weights.push_back(static_cast<int64_t>(std::fabs(w)));
    OCTET_TRY(cuts, exact_parts(reader, weights, depth, b.rank() == 1 ? 1 : b[b.rank() - 1]));
  }
  Steps steps(reader);
  const bool is_one = cuts.size() == 2;
  const auto part = [&](size_t input, int64_t axis, size_t i) {
    if (is_one) return reader.input(input);
    return steps.op(SliceParams{{axis}, {cuts[i]}, {cuts[i + 1]}, {1}}, {reader.input(input)});
  };
  ValueId sum = kNoValue;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    OCTET_TRY(const ValueId x, steps.result(part(0, a_axis, i)));
    OCTET_TRY(const ValueId w, steps.result(part(1, b_axis, i)));
    OCTET_TRY(ValueId product, multiply(reader, x, w));
    if (!is_one) product = steps.cast(product, DataType::kS64);
    sum = i == 0 ? product : steps.binary(BinaryKind::kAdd, sum, product);
  }
  return steps.finish(steps.cast(sum, DataType::kS32));
}

// A constant that differs from sample to sample or head to head has one scale for all of it. (Weights that do not are a
// layer's, with a scale per channel: matmul_to_conv.)
QuantizationRule quantization(const Graph& graph, const Node& node) {
  const Shape& a = graph.value(node.inputs[0]).shape;
  const int64_t depth = a[a.rank() - 1];
  return depth > 0 && depth <= kMaxMatmulDepth ? QuantizationRule::kOwnRange : QuantizationRule::kFloat;
}

constexpr OpReader kReaders[] = {{"MatMul", "matmul", read_matmul}, {"MatMulInteger", "", read_matmul_integer}};

}  // namespace

constinit const OpRule kMatmulRule{"matmul", quantization, nullptr, kReaders};

}  // namespace octet
