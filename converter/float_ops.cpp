#include "converter/float_ops.h"

#include <algorithm>

namespace octet {

Result<std::vector<Shape>> infer_shapes(const BatchNormParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 5, 5));
  const Shape& src = inputs[0].shape;
  if (params.axis < 0 || params.axis >= src.rank()) {
    return Error{ErrorCode::kInvalidFile,
                 "batch_norm: axis " + std::to_string(params.axis) + " of the shape " + src.to_string()};
  }
  for (const TensorDesc& statistic : inputs.subspan(1)) {
    if (statistic.shape != Shape{src[static_cast<int>(params.axis)]}) {
      return Error{ErrorCode::kInvalidFile, "batch_norm: a statistic has the shape " + statistic.shape.to_string() +
                                                ", but the input " + src.to_string()};
    }
  }
  return std::vector{src};
}

Result<std::vector<Shape>> infer_shapes(const ShapeOfParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  const int64_t rank = inputs[0].shape.rank();
  const int64_t start = std::clamp<int64_t>(params.start, 0, rank);
  return std::vector{Shape{std::max<int64_t>(std::clamp<int64_t>(params.end, 0, rank) - start, 0)}};
}

Result<std::vector<Shape>> infer_shapes(const IdentityParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  return std::vector{inputs[0].shape};
}

Result<std::vector<Shape>> infer_shapes(const FakeQuantizeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  return std::vector{inputs[0].shape};
}

const char* op_name(const GraphOp& op) {
  return std::visit([](const auto& params) { return params.kName; }, op);
}

Result<std::vector<Shape>> infer_shapes(const GraphOp& op, Descs inputs) {
  return std::visit([&](const auto& params) { return infer_shapes(params, inputs); }, op);
}

bool reads_only_shape(const GraphOp& op, size_t input) {
  return std::visit([&](const auto& params) { return reads_only_shape(params, input); }, op);
}

std::optional<OpParams> to_packed(const GraphOp& op) {
  return std::visit(
      []<class Params>(const Params& params) -> std::optional<OpParams> {
        if constexpr (std::is_constructible_v<OpParams, Params>) {
          return OpParams{params};
        } else {
          return std::nullopt;
        }
      },
      op);
}

}  // namespace octet
