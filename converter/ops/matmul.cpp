// matmul: MatMul, where it is no fully connected layer.
#include "converter/ops/rules.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// NumPy's matmul: a vector is a row on the left and a column on the right, and its axis is gone from the result.
Status read_matmul(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  const Shape a_shape = reader.input_shape(0);
  const Shape b_shape = reader.input_shape(1);
  const Tensor* b = reader.constant(1);
  ValueId result = kNoValue;
  if (a_shape.rank() == 2 && b_shape.rank() == 2 && b != nullptr && b->type() == DataType::kF32 &&
      reader.input_type(0) == DataType::kF32) {
    constexpr std::array<int64_t, 2> kSwap{1, 0};
    const ValueId weights = reader.add_constant(transposed(*b, kSwap), "weights");
    OCTET_TRY(result, reader.emit(FullyConnectedParams{}, {reader.input(0), weights}));
    reader.set_output(0, result);
    return {};
  }
  if (a_shape.rank() == 0 || b_shape.rank() == 0) return reader.invalid("one of its inputs is a scalar");
  ValueId a_value = reader.input(0);
  ValueId b_value = reader.input(1);
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
  reader.set_output(0, result);
  return {};
}

// A constant that differs from sample to sample or head to head has one scale for all of it. (Weights that do not are a
// layer's, with a scale per channel: matmul_to_conv.)
QuantizationRule quantization(const Graph& graph, const Node& node) {
  const Shape& a = graph.value(node.inputs[0]).shape;
  const int64_t depth = a[a.rank() - 1];
  return depth > 0 && depth <= kMaxMatmulDepth ? QuantizationRule::kOwnRange : QuantizationRule::kFloat;
}

constexpr OpReader kReaders[] = {{"MatMul", "matmul", read_matmul}};

}  // namespace

constinit const OpRule kMatmulRule{"matmul", quantization, nullptr, kReaders};

}  // namespace octet
