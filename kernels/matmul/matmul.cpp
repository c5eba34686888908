#include "kernels/matmul/matmul.h"

#include "kernels/checks.h"
#include "kernels/matmul/integer.h"
#include "kernels/matmul/matmul_rows.h"
#include "kernels/strides.h"

namespace octet {
namespace {

Shape leading_dims(const Shape& shape) {
  return Shape(std::span<const int64_t>(shape.begin(), static_cast<size_t>(shape.rank() - 2)));
}

int64_t dim_from_end(const Shape& shape, int i) {
  return shape[shape.rank() - i];
}

bool supports_all(const Problem<MatmulParams>&) {
  return true;
}

constexpr KernelRow<MatmulParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512vnni", Isa::kAvx512Vnni, matmul_integer_supports, prepare_matmul_avx512vnni},
    {"avx512", Isa::kAvx512, matmul_integer_supports, prepare_matmul_avx512},
    {"avx2", Isa::kAvx2, matmul_integer_supports, prepare_matmul_avx2},
    {"sse41", Isa::kSse41, matmul_integer_supports, prepare_matmul_sse41},
#endif
    {"onednn", Isa::kAny, matmul_onednn_supports, prepare_matmul_onednn},
    {"reference", Isa::kAny, supports_all, prepare_matmul_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const MatmulParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 2, 2));
  const Shape& a = inputs[0].shape;
  const Shape& b = inputs[1].shape;
  if (a.rank() < 2 || b.rank() < 2) {
    return invalid(params.kName,
                   "shapes " + a.to_string() + " and " + b.to_string() + " are not both of rank 2 or more");
  }
  const int64_t a_depth = dim_from_end(a, 1);
  const int64_t b_depth = dim_from_end(b, 2);
  if (a_depth != b_depth && a_depth != Shape::kDynamic && b_depth != Shape::kDynamic) {
    return invalid(params.kName, "shapes " + a.to_string() + " and " + b.to_string() + ": " + std::to_string(a_depth) +
                                     " columns meet " + std::to_string(b_depth) + " rows");
  }
  OCTET_TRY(const Shape leading, broadcast_shapes(params.kName, leading_dims(a), leading_dims(b)));
  std::vector<int64_t> dims(leading.begin(), leading.end());
  dims.push_back(dim_from_end(a, 2));
  dims.push_back(dim_from_end(b, 1));
  return single_output(params.kName, Shape(dims));
}

Status check_types(const MatmulParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 2, 2, outputs));
  if (plain(inputs[0], DataType::kF32) && plain(inputs[1], DataType::kF32) && plain(outputs[0], DataType::kF32)) {
    return {};
  }
  const bool integers = per_tensor_u8(inputs[0]) && per_tensor_u8(inputs[1]) &&
                        (per_tensor_u8(outputs[0]) || plain(outputs[0], DataType::kF32));
  if (!integers) return unsupported_types(params.kName, inputs, outputs);
  const int64_t depth = dim_from_end(inputs[0].shape, 1);
  if (depth > kMaxMatmulDepth) {
    return Error{ErrorCode::kUnsupported, std::string(params.kName) + ": sums of " + std::to_string(depth) +
                                              " products of integers, but 32 bits hold " +
                                              std::to_string(kMaxMatmulDepth)};
  }
  return {};
}

std::span<const KernelRow<MatmulParams>> kernel_table(const MatmulParams&) {
  return kTable;
}

int64_t count_macs(const MatmulParams&, Descs inputs, Descs outputs) {
  const int64_t count = outputs[0].shape.element_count();
  return count <= 0 ? 0 : checked_multiply(count, dim_from_end(inputs[0].shape, 1)).value_or(0);
}

}  // namespace octet
