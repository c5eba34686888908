// unary: elementwise functions, activations among them.
#include <cmath>
#include <limits>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Functions of unbounded slope lose too much between two integers.
QuantizationRule quantization(const Graph&, const Node& node) {
  switch (node.as<UnaryParams>()->kind) {
    case UnaryKind::kExp:
    case UnaryKind::kLog:
    case UnaryKind::kSqrt:
    case UnaryKind::kReciprocal:
    case UnaryKind::kFloor:
    case UnaryKind::kCeil:
    case UnaryKind::kRound:
      return QuantizationRule::kFloat;
    default:
      return QuantizationRule::kOwnRange;
  }
}

Status finish(NodeReader& reader, const UnaryParams& params) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0)}));
  reader.set_output(0, result);
  return {};
}

// On integers by arithmetic in s64: -x = 0 - x, |x| = max(x, -x).
template <UnaryKind kind>
Status read_signed(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const DataType type = reader.input_type(0);
  if (type == DataType::kF32) return finish(reader, {.kind = kind});
  Steps steps(reader);
  const ValueId x = steps.widen(reader.input(0));
  ValueId result = steps.binary(BinaryKind::kSub, steps.whole(0), x);
  if (kind == UnaryKind::kAbs) result = steps.binary(BinaryKind::kMax, x, result);
  return steps.finish(steps.cast(result, type));
}

template <UnaryKind kind>
Status read_plain(NodeReader& reader) {
  return finish(reader, {.kind = kind});
}

template <int six>
Status read_relu(NodeReader& reader) {
  return finish(reader, {UnaryKind::kClip, 0, six != 0 ? 6.0F : kInfinity});
}

// A bound of Clip: an attribute before opset 11, a constant input of one element from it on.
Result<float> clip_bound(NodeReader& reader, const char* name, size_t i, float otherwise) {
  if (reader.has_attribute(name)) return reader.attribute(name, otherwise);
  if (!reader.has_input(i)) return otherwise;
  OCTET_TRY(const std::vector<float> bound, reader.constant_floats(i));
  if (bound.size() == 1) return bound[0];
  return reader.invalid("the bound '" + std::string(name) + "' has " + std::to_string(bound.size()) + " elements");
}

// min(max(x, min), max), integers in s64.
Status read_integer_clip(NodeReader& reader) {
  Steps steps(reader);
  ValueId x = steps.widen(reader.input(0));
  if (reader.has_input(1)) x = steps.binary(BinaryKind::kMax, x, steps.widen(reader.input(1)));
  if (reader.has_input(2)) x = steps.binary(BinaryKind::kMin, x, steps.widen(reader.input(2)));
  return steps.finish(steps.main().op(CastParams{}, {x}, reader.input_type(0)));
}

Status read_clip(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  if (reader.input_type(0) != DataType::kF32) return read_integer_clip(reader);
  OCTET_TRY(float min, clip_bound(reader, "min", 1, -kInfinity));
  OCTET_TRY(float max, clip_bound(reader, "max", 2, kInfinity));
  // Before opset 11 the ends of f32 stood for "no bound".
  if (min == std::numeric_limits<float>::lowest()) min = -kInfinity;
  if (max == std::numeric_limits<float>::max()) max = kInfinity;
  // min(max(x, min), max): where the bounds cross, the upper one decides.
  return finish(reader, {UnaryKind::kClip, std::min(min, max), max});
}

Status read_leaky_relu(NodeReader& reader) {
  OCTET_TRY(const float alpha, reader.attribute("alpha", 0.01F));
  return finish(reader, {UnaryKind::kLeakyRelu, alpha, 0});
}

Status read_elu(NodeReader& reader) {
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1.0F));
  return finish(reader, {UnaryKind::kElu, alpha, 0});
}

// celu(x) = max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) = alpha * elu(x / alpha), with elu's alpha 1
Status read_celu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1.0F));
  if (!(alpha != 0) || !std::isfinite(alpha)) return reader.invalid("its alpha is " + std::to_string(alpha));
  Steps steps(reader);
  const ValueId scaled = steps.binary(BinaryKind::kDiv, reader.input(0), alpha);
  return steps.finish(steps.binary(BinaryKind::kMul, steps.main().unary(UnaryKind::kElu, scaled, 1), alpha));
}

Status read_hard_sigmoid(NodeReader& reader) {
  OCTET_TRY(const float alpha, reader.attribute("alpha", 0.2F));
  OCTET_TRY(const float beta, reader.attribute("beta", 0.5F));
  return finish(reader, {UnaryKind::kHardSigmoid, alpha, beta});
}

// selu(x) = gamma * elu(x), with elu's alpha
Status read_selu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1.67326319217681884765625F));
  OCTET_TRY(const float gamma, reader.attribute("gamma", 1.05070102214813232421875F));
  OCTET_TRY(const ValueId elu, reader.emit(UnaryParams{UnaryKind::kElu, alpha, 0}, {reader.input(0)}));
  const ValueId factor = scalar_constant(reader, gamma, "gamma");
  OCTET_TRY(const ValueId result, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {elu, factor}));
  reader.set_output(0, result);
  return {};
}

// prelu(x) = x < 0 ? slope * x : x; with more than one slope it is max(x, 0) + slope * min(x, 0)
Status read_prelu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  if (const Tensor* slope = reader.constant(1); slope != nullptr && slope->element_count() == 1 &&
                                                slope->type() == DataType::kF32 &&
                                                slope->shape().rank() <= reader.input_shape(0).rank()) {
    return finish(reader, {UnaryKind::kLeakyRelu, slope->as<float>()[0], 0});
  }
  const ValueId x = reader.input(0);
  ValueId slope = reader.input(1);
  constexpr int kNewBroadcast = 7;  // before it, slopes in a row are those of the channels
  if (reader.opset() < kNewBroadcast && reader.input_shape(1).rank() == 1 && reader.input_shape(0).rank() > 2) {
    std::vector<int64_t> dims(static_cast<size_t>(reader.input_shape(0).rank() - 1), 1);
    dims[0] = 0;
    OCTET_TRY(slope, reader.emit_step(ReshapeParams{std::move(dims)}, {slope}));
  }
  OCTET_TRY(const ValueId above, reader.emit_step(UnaryParams{UnaryKind::kClip, 0, kInfinity}, {x}));
  OCTET_TRY(const ValueId below, reader.emit_step(UnaryParams{UnaryKind::kClip, -kInfinity, 0}, {x}));
  OCTET_TRY(const ValueId sloped, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {below, slope}));
  if (reader.graph().value(sloped).shape != reader.input_shape(0)) {
    return reader.invalid("its slope " + reader.input_shape(1).to_string() + " does not broadcast to its input " +
                          reader.input_shape(0).to_string());
  }
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{BinaryKind::kAdd, {}}, {above, sloped}));
  reader.set_output(0, result);
  return {};
}

// gelu(x) = x * (0.5 + 0.5 * erf(x / sqrt(2)))
Status read_gelu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Result<std::string> approximate = reader.attribute("approximate", std::string("none"));
  if (!approximate.ok()) return approximate.error();
  const ValueId x = reader.input(0);
  if (*approximate == "tanh") {
    // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
    Steps steps(reader);
    const ValueId cube = steps.binary(BinaryKind::kMul, steps.binary(BinaryKind::kMul, x, x), x);
    const ValueId sum = steps.binary(BinaryKind::kAdd, x, steps.binary(BinaryKind::kMul, cube, 0.044715F));
    const ValueId tanh = steps.unary(UnaryKind::kTanh, steps.binary(BinaryKind::kMul, sum, 0.7978845608F));
    const ValueId gate = steps.binary(BinaryKind::kAdd, steps.binary(BinaryKind::kMul, tanh, 0.5F), 0.5F);
    return steps.finish(steps.main().binary(BinaryKind::kMul, x, gate));
  }
  if (*approximate != "none") return reader.invalid("approximate is '" + *approximate + "'");
  const ValueId root = scalar_constant(reader, static_cast<float>(std::sqrt(0.5)), "root");
  const ValueId half = scalar_constant(reader, 0.5F, "half");
  OCTET_TRY(const ValueId scaled, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {x, root}));
  OCTET_TRY(const ValueId erf, reader.emit_step(UnaryParams{.kind = UnaryKind::kErf}, {scaled}));
  OCTET_TRY(const ValueId halved, reader.emit_step(BinaryParams{BinaryKind::kMul, {}}, {erf, half}));
  OCTET_TRY(const ValueId gate, reader.emit_step(BinaryParams{BinaryKind::kAdd, {}}, {halved, half}));
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{BinaryKind::kMul, {}}, {x, gate}));
  reader.set_output(0, result);
  return {};
}

// mish(x) = x * tanh(softplus(x))
Status read_mish(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const ValueId x = reader.input(0);
  OCTET_TRY(const ValueId softplus, reader.emit_step(UnaryParams{.kind = UnaryKind::kSoftplus}, {x}));
  OCTET_TRY(const ValueId gate, reader.emit_step(UnaryParams{.kind = UnaryKind::kTanh}, {softplus}));
  OCTET_TRY(const ValueId result, reader.emit(BinaryParams{BinaryKind::kMul, {}}, {x, gate}));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {
    {"Relu", "relu", read_relu<0>},
    {"", "relu6", read_relu<6>},
    {"Clip", "clip", read_clip},
    {"LeakyRelu", "leaky_relu", read_leaky_relu},
    {"PRelu", "prelu", read_prelu},
    {"Elu", "elu", read_elu},
    {"Celu", "celu", read_celu},
    {"Selu", "selu", read_selu},
    {"Gelu", "gelu", read_gelu},
    {"Mish", "mish", read_mish},
    {"Sigmoid", "sigmoid", read_plain<UnaryKind::kSigmoid>},
    {"Tanh", "tanh", read_plain<UnaryKind::kTanh>},
    {"HardSigmoid", "hard_sigmoid", read_hard_sigmoid},
    {"HardSwish", "hard_swish", read_plain<UnaryKind::kHardSwish>},
    {"", "silu", read_plain<UnaryKind::kSilu>},
    {"Exp", "exp", read_plain<UnaryKind::kExp>},
    {"Log", "log", read_plain<UnaryKind::kLog>},
    {"Sqrt", "sqrt", read_plain<UnaryKind::kSqrt>},
    {"Neg", "neg", read_signed<UnaryKind::kNeg>},
    {"Abs", "abs", read_signed<UnaryKind::kAbs>},
    {"Reciprocal", "reciprocal", read_plain<UnaryKind::kReciprocal>},
    {"Floor", "floor", read_plain<UnaryKind::kFloor>},
    {"Ceil", "ceil", read_plain<UnaryKind::kCeil>},
    {"Round", "round", read_plain<UnaryKind::kRound>},
    {"Erf", "erf", read_plain<UnaryKind::kErf>},
    {"Softplus", "softplus", read_plain<UnaryKind::kSoftplus>},
    {"Softsign", "softsign", read_plain<UnaryKind::kSoftsign>},
};

}  // namespace

constinit const OpRule kUnaryRule{"unary", quantization, permute_nothing, kReaders};

}  // namespace octet
