// fully_connected: Gemm with constant weights. (A MatMul is one too where it can be: matmul.cpp.)
#include "converter/ops/rules.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr std::array<int64_t, 2> kSwap{1, 0};

Tensor scaled(const Tensor& tensor, float factor) {
  Tensor result(DataType::kF32, tensor.shape());
  const auto src = tensor.as<float>();
  std::transform(src.begin(), src.end(), result.as<float>().begin(), [&](float x) { return x * factor; });
  return result;
}

// C of Gemm as one number per column of a result with `columns`; nothing if it is computed or varies along the rows.
std::optional<Tensor> column_bias(const Tensor* c, int64_t columns, float beta) {
  if (c == nullptr || c->type() != DataType::kF32 || c->shape().rank() > 2) return std::nullopt;
  const int64_t count = c->element_count();
  const bool per_column = count == columns && (c->shape().rank() == 0 || c->shape()[c->shape().rank() - 1] == count);
  if (!per_column && count != 1) return std::nullopt;
  Tensor bias(DataType::kF32, {columns});
  for (size_t i = 0; i < static_cast<size_t>(columns); ++i) {
    bias.as<float>()[i] = beta * c->as<float>()[per_column ? i : 0];
  }
  return bias;
}

// y = alpha * A' B' + beta * C. With a constant B: fully_connected; else matmul and what it takes of mul and add.
Status read_gemm(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1.0F));
  OCTET_TRY(const float beta, reader.attribute("beta", 1.0F));
  OCTET_TRY(const int64_t trans_a, reader.attribute("transA", int64_t{0}));
  OCTET_TRY(const int64_t trans_b, reader.attribute("transB", int64_t{0}));
  const Shape& b_shape = reader.input_shape(1);
  if (reader.input_shape(0).rank() != 2 || b_shape.rank() != 2) {
    return reader.invalid("it multiplies " + reader.input_shape(0).to_string() + " by " + b_shape.to_string() +
                          ", but both must be of rank 2");
  }
  if (reader.input_type(0) != DataType::kF32) {
    return reader.unsupported("its input is " + std::string(to_string(reader.input_type(0))) + ", not f32");
  }
  const int64_t columns = b_shape[trans_b != 0 ? 0 : 1];
  ValueId a = reader.input(0);
  if (trans_a != 0) {
    OCTET_TRY(a, reader.emit_step(TransposeParams{{1, 0}}, {a}));
  }
  bool add_c = reader.has_input(2) && beta != 0;
  ValueId result = kNoValue;
  const Tensor* b = reader.constant(1);
  if (b != nullptr && b->type() == DataType::kF32) {
    Tensor weights = trans_b != 0 ? *b : transposed(*b, kSwap);
    if (alpha != 1.0F) weights = scaled(weights, alpha);
    std::vector<ValueId> inputs{a, reader.add_constant(weights, "weights")};
    const std::optional<Tensor> bias = add_c ? column_bias(reader.constant(2), columns, beta) : std::nullopt;
    if (bias) inputs.push_back(reader.add_constant(*bias, "bias"));
    add_c = add_c && !bias;
    OCTET_TRY(result, reader.emit(FullyConnectedParams{}, std::move(inputs)));
  } else {
    ValueId b_value = reader.input(1);
    if (trans_b != 0) {
      OCTET_TRY(b_value, reader.emit_step(TransposeParams{{1, 0}}, {b_value}));
    }
    OCTET_TRY(result, reader.emit(MatmulParams{}, {a, b_value}));
    if (alpha != 1.0F) {
      const ValueId factor = scalar_constant(reader, alpha, "alpha");
      OCTET_TRY(result, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {result, factor}));
    }
  }
  if (add_c) {
    ValueId c = reader.input(2);
    if (beta != 1.0F) {
      const ValueId factor = scalar_constant(reader, beta, "beta");
      OCTET_TRY(c, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {c, factor}));
    }
    OCTET_TRY(result, reader.emit_step(BinaryParams{BinaryKind::kAdd, {}}, {result, c}));
  }
  reader.set_output(0, result);
  return {};
}

// JSON: x [N, K], weights [O, K], bias [O], as the op itself takes them.
Status read_fully_connected(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  if (reader.constant(1) == nullptr || (reader.has_input(2) && reader.constant(2) == nullptr)) {
    return reader.unsupported("its weights or bias are computed, not constants");
  }
  std::vector<ValueId> inputs{reader.input(0), reader.input(1)};
  if (reader.has_input(2)) inputs.push_back(reader.input(2));
  OCTET_TRY(const ValueId result, reader.emit(FullyConnectedParams{}, std::move(inputs)));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {{"Gemm", "gemm", read_gemm}, {"", "fully_connected", read_fully_connected}};

}  // namespace

constinit const OpRule kFullyConnectedRule{"fully_connected", always<QuantizationRule::kWeighted>, nullptr, kReaders};

}  // namespace octet
