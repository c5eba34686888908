#include "kernels/matmul/matmul_rows.h"
#include "kernels/strides.h"

namespace octet {
namespace {

// A stack of products: [m, k] * [k, n], which matrices meet is the loop's business (offsets in matrices).
struct MatmulPlan {
  StridedLoop<2> matrices;
  int64_t m = 0, k = 0, n = 0;
  int threads = 1;
};

// One row of dst in the order of k, in blocks of columns that stay in registers and the first level cache.
void multiply_row(const float* a, const float* b, int64_t k, int64_t n, float* dst) {
  constexpr int64_t kBlock = 128;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t width = std::min(kBlock, n - begin);
    float acc[kBlock] = {};
    for (int64_t i = 0; i < k; ++i) {
      const float factor = a[i];
      const float* row = b + i * n + begin;
      for (int64_t j = 0; j < width; ++j) acc[j] += factor * row[j];
    }
    std::copy_n(acc, width, dst + begin);
  }
}

}  // namespace

Result<Kernel> prepare_matmul_reference(const Problem<MatmulParams>& problem) {
  const Shape& dst = problem.outputs[0].shape;
  if (dst.element_count() == 0) return Kernel([](const Buffers&) {});
  const auto leading = [](const Shape& shape) {
    return Shape(std::span<const int64_t>(shape.begin(), static_cast<size_t>(shape.rank() - 2)));
  };
  const Shape& a = problem.inputs[0].shape;
  const MatmulPlan plan{.matrices = broadcast_loop(leading(a), leading(problem.inputs[1].shape), leading(dst)),
                        .m = dst[dst.rank() - 2],
                        .k = a[a.rank() - 1],
                        .n = dst[dst.rank() - 1],
                        .threads = problem.threads};
  return Kernel([plan](const Buffers& buffers) {
    const auto* src_a = static_cast<const float*>(buffers.src[0]);
    const auto* src_b = static_cast<const float*>(buffers.src[1]);
    auto* to = static_cast<float*>(buffers.dst[0]);
    const int64_t rows = plan.matrices.shape.element_count() * plan.m;
    const int64_t grain = kElementsPerThread / (plan.k * plan.n + 1) + 1;
    parallel_for(plan.threads, rows, grain, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const Walker<2> at(plan.matrices, plan.matrices.shape.rank(), row / plan.m);
        multiply_row(src_a + (at.offset(0) * plan.m + row % plan.m) * plan.k, src_b + at.offset(1) * plan.k * plan.n,
                     plan.k, plan.n, to + row * plan.n);
      }
    });
  });
}

}  // namespace octet
