#include "kernels/matmul/integer.h"
#include "kernels/matmul/matmul_rows.h"
#include "kernels/quantization.h"
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

// The same of integers.
struct IntegerRows {
  int32_t a_zero_point, b_zero_point;
  IntegerMatmulNumbers numbers;

  void multiply(const uint8_t* a, const uint8_t* b, int64_t k, int64_t n, void* dst, int64_t at) const {
    constexpr int64_t kBlock = 128;
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      const int64_t width = std::min(kBlock, n - begin);
      int32_t sums[kBlock] = {};
      for (int64_t i = 0; i < k; ++i) {
        const int32_t factor = a[i] - a_zero_point;
        const uint8_t* row = b + i * n + begin;
        for (int64_t j = 0; j < width; ++j) sums[j] += factor * (row[j] - b_zero_point);
      }
      for (int64_t j = 0; j < width; ++j) {
        const float scaled = static_cast<float>(sums[j]) * numbers.multiplier;
        if (numbers.to_f32) {
          static_cast<float*>(dst)[at + begin + j] = scaled;
        } else {
          static_cast<uint8_t*>(dst)[at + begin + j] = round_saturate_u8(scaled, numbers.dst_zero_point);
        }
      }
    }
  }
};

// multiply(a, b, row): row `row` of dst from elements a of one input and b of the other.
template <class F>
Kernel make_kernel(const MatmulPlan& plan, const F& multiply) {
  return [plan, multiply](const Buffers& buffers) {
    const int64_t rows = plan.matrices.shape.element_count() * plan.m;
    const int64_t grain = kElementsPerThread / (plan.k * plan.n + 1) + 1;
    parallel_for(plan.threads, rows, grain, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const Walker<2> at(plan.matrices, plan.matrices.shape.rank(), row / plan.m);
        multiply(buffers, (at.offset(0) * plan.m + row % plan.m) * plan.k, at.offset(1) * plan.k * plan.n, row);
      }
    });
  };
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
  if (problem.inputs[0].type == DataType::kU8) {
    const IntegerRows rows{problem.inputs[0].quant().zero_point, problem.inputs[1].quant().zero_point,
                           integer_matmul_numbers(problem)};
    return make_kernel(
        plan, [k = plan.k, n = plan.n, rows](const Buffers& buffers, int64_t at_a, int64_t at_b, int64_t row) {
          rows.multiply(static_cast<const uint8_t*>(buffers.src[0]) + at_a,
                        static_cast<const uint8_t*>(buffers.src[1]) + at_b, k, n, buffers.dst[0], row * n);
        });
  }
  return make_kernel(plan, [k = plan.k, n = plan.n](const Buffers& buffers, int64_t at_a, int64_t at_b, int64_t row) {
    multiply_row(static_cast<const float*>(buffers.src[0]) + at_a, static_cast<const float*>(buffers.src[1]) + at_b, k,
                 n, static_cast<float*>(buffers.dst[0]) + row * n);
  });
}

IntegerMatmulNumbers integer_matmul_numbers(const Problem<MatmulParams>& problem) {
  const QuantParams dst = problem.outputs[0].quant();
  return {requantization_multiplier(problem.inputs[0].quant().scale, problem.inputs[1].quant().scale, dst.scale),
          dst.zero_point, problem.outputs[0].type == DataType::kF32};
}

}  // namespace octet
