#include "kernels/softmax/softmax.h"

#include "kernels/checks.h"
#include "kernels/parallel.h"
#include "kernels/softmax/softmax_row.h"
#include "kernels/softmax/softmax_row_impl.h"

namespace octet {

void softmax_row_reference(const float* src, int64_t n, int64_t stride, bool log, float* dst) {
  softmax_row_impl(src, n, stride, log, dst);
}

namespace {

// src as [outer][axis][inner].
struct SoftmaxPlan {
  int64_t outer = 1;
  int64_t axis = 0;
  int64_t inner = 1;
};

SoftmaxPlan plan_of(const Problem<SoftmaxParams>& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const auto axis = static_cast<int>(problem.params.axis);
  SoftmaxPlan plan{.axis = shape[axis]};
  if (shape.element_count() == 0) return {0, 0, 0};
  for (int i = 0; i < axis; ++i) plan.outer *= shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) plan.inner *= shape[i];
  return plan;
}

bool supports_all(const Problem<SoftmaxParams>&) {
  return true;
}

[[maybe_unused]] bool supports_contiguous(const Problem<SoftmaxParams>& problem) {
  return plan_of(problem).inner <= 1;
}

template <SoftmaxRow kRow>
Result<Kernel> prepare(const Problem<SoftmaxParams>& problem) {
  return Kernel([plan = plan_of(problem), log = problem.params.log, threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const float*>(buffers.src[0]);
    auto* dst = static_cast<float*>(buffers.dst[0]);
    // An exp costs about as much as four moves.
    const int64_t grain = kElementsPerThread / 4 / (plan.axis + 1) + 1;
    parallel_for(threads, plan.outer * plan.inner, grain, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t offset = i / plan.inner * plan.axis * plan.inner + i % plan.inner;
        kRow(src + offset, plan.axis, plan.inner, log, dst + offset);
      }
    });
  });
}

constexpr KernelRow<SoftmaxParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512", Isa::kAvx512, supports_contiguous, prepare<softmax_row_avx512>},
    {"avx2", Isa::kAvx2, supports_contiguous, prepare<softmax_row_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<softmax_row_reference>},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const SoftmaxParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_axis(params.kName, params.axis, inputs[0].shape.rank()));
  return single_output(params.kName, inputs[0].shape);
}

Status check_types(const SoftmaxParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  if (plain(inputs[0], DataType::kF32) && plain(outputs[0], DataType::kF32)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<SoftmaxParams>> kernel_table(const SoftmaxParams&) {
  return kTable;
}

int in_place_input(const SoftmaxParams&, Descs, Descs) {
  return 0;
}

}  // namespace octet
