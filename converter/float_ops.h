// Ops that only a float graph has: passes fold them away before lowering, but for
// fake_quantize, which becomes quantize and dequantize.
#pragma once

#include <cstdint>

#include "runtime/op.h"

namespace octet {

// dst = (src - mean) / sqrt(variance + epsilon) * scale + bias, per channel along `axis`.
// inputs   src; scale, bias, mean, variance [C], constant f32
struct BatchNormParams {
  static constexpr const char* kName = "batch_norm";

  float epsilon = 1e-5F;
  int64_t axis = 1;  // in [0, rank)

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("epsilon", self.epsilon);
    visit("axis", self.axis);
  }
};

// dst = the dimensions of src from `start` to before `end`, as s64 [rank of the part].
struct ShapeOfParams {
  static constexpr const char* kName = "shape_of";

  int64_t start = 0, end = Shape::kMaxRank;  // clamped to [0, rank]

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("start", self.start);
    visit("end", self.end);
  }
};

// dst = src: Identity, and Dropout as it is when a network is used.
struct IdentityParams {
  static constexpr const char* kName = "identity";

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

// dst = dequantize(quantize_u8(src)): where a quantized model rounds, to integers of its own `type`. In s8 the zero
// point is 128 less.
struct FakeQuantizeParams {
  static constexpr const char* kName = "fake_quantize";

  float scale = 1;
  int64_t zero_point = 0;  // in [0, 255]
  DataType type = DataType::kU8;

  QuantParams quant() const { return {scale, static_cast<int32_t>(zero_point)}; }

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("scale", self.scale);
    visit("zero_point", self.zero_point);
    visit("type", self.type);
  }
};

Result<std::vector<Shape>> infer_shapes(const BatchNormParams& params, Descs inputs);
Result<std::vector<Shape>> infer_shapes(const ShapeOfParams& params, Descs inputs);
Result<std::vector<Shape>> infer_shapes(const IdentityParams& params, Descs inputs);
Result<std::vector<Shape>> infer_shapes(const FakeQuantizeParams& params, Descs inputs);

// All ops of op_list.inc, and those above.
template <class... More>
struct ExtendVariant;
template <class... Ops, class... More>
struct ExtendVariant<std::variant<Ops...>, More...> {
  using type = std::variant<Ops..., More...>;
};
using GraphOp = ExtendVariant<OpParams, BatchNormParams, ShapeOfParams, IdentityParams, FakeQuantizeParams>::type;

const char* op_name(const GraphOp& op);
Result<std::vector<Shape>> infer_shapes(const GraphOp& op, Descs inputs);
bool reads_only_shape(const GraphOp& op, size_t input);
// The packed op, or null for one that only a float graph has.
std::optional<OpParams> to_packed(const GraphOp& op);

}  // namespace octet
