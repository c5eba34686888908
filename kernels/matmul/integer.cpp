// Matrix products of integers on the tile kernels: widens the taps, and cuts dst into tiles.
#include "kernels/matmul/integer.h"

#include <algorithm>
#include <memory>

#include "kernels/parallel.h"
#include "kernels/strides.h"

namespace octet {
namespace {

// Rows for which a block of b is widened once, as many as stay in a near cache.
constexpr int64_t kMostRows = 240, kRowBytes = 64 << 10;
// Multiply-accumulates that make a second thread worth its fork and join.
constexpr int64_t kMacsPerThread = int64_t{1} << 20;

struct Plan {
  StridedLoop<2> matrices;
  int64_t m, k, n;
  int32_t a_zero_point, b_zero_point;
  IntegerMatmulNumbers numbers;
  const IntegerMatmulKernel& kernel;
  int threads;
  int64_t tile_rows, row_blocks, column_blocks;
  int64_t a_bytes, thread_bytes;  // of scratch memory
  std::shared_ptr<Scratchpad> scratchpad;

  int64_t pairs() const { return (k + 1) / 2; }
};

// rows of [k] -> rows of [2 * pairs]
void widen_rows(const Plan& plan, const uint8_t* a, int64_t rows, int16_t* to) {
  for (int64_t i = 0; i < rows; ++i, a += plan.k) {
    for (int64_t j = 0; j < plan.k; ++j) to[j] = static_cast<int16_t>(a[j] - plan.a_zero_point);
    to += plan.k;
    if (plan.k % 2 != 0) *to++ = 0;
  }
}

// `columns` columns of [k, n] -> [pairs][width][2], with zeros where there is nothing
void widen_columns(const Plan& plan, const uint8_t* b, int64_t columns, int16_t* to) {
  const int64_t width = plan.kernel.width;
  if (columns < width) std::fill_n(to, plan.pairs() * width * 2, int16_t{0});
  const auto zero_point = static_cast<int16_t>(plan.b_zero_point);
  for (int64_t i = 0; i < plan.k; i += 2, b += 2 * plan.n, to += 2 * width) {
    const uint8_t* even = b;
    const uint8_t* odd = b + plan.n;
    if (i + 1 < plan.k) {
      for (int64_t j = 0; j < columns; ++j) {
        to[2 * j] = static_cast<int16_t>(even[j] - zero_point);
        to[2 * j + 1] = static_cast<int16_t>(odd[j] - zero_point);
      }
    } else {
      for (int64_t j = 0; j < columns; ++j) {
        to[2 * j] = static_cast<int16_t>(even[j] - zero_point);
        to[2 * j + 1] = 0;
      }
    }
  }
}

void run_block(const Plan& plan, int64_t block, const Buffers& buffers) {
  std::byte* scratch = plan.scratchpad->data() + thread_index() * plan.thread_bytes;
  auto* a = reinterpret_cast<int16_t*>(scratch);
  auto* b = reinterpret_cast<int16_t*>(scratch + plan.a_bytes);
  const int64_t matrix = block / (plan.row_blocks * plan.column_blocks);
  const int64_t row = block / plan.column_blocks % plan.row_blocks * plan.tile_rows;
  const int64_t column = block % plan.column_blocks * plan.kernel.width;
  const int64_t rows = std::min(plan.tile_rows, plan.m - row), columns = std::min(plan.kernel.width, plan.n - column);
  const Walker<2> at(plan.matrices, plan.matrices.shape.rank(), matrix);
  widen_rows(plan, static_cast<const uint8_t*>(buffers.src[0]) + (at.offset(0) * plan.m + row) * plan.k, rows, a);
  widen_columns(plan, static_cast<const uint8_t*>(buffers.src[1]) + at.offset(1) * plan.k * plan.n + column, columns,
                b);
  const int64_t element = (matrix * plan.m + row) * plan.n + column;
  char* dst = static_cast<char*>(buffers.dst[0]) + element * (plan.numbers.to_f32 ? 4 : 1);
  plan.kernel.run({a, b, rows, plan.pairs(), columns, dst, plan.n}, plan.numbers);
}

Result<Kernel> prepare(const Problem<MatmulParams>& problem, const IntegerMatmulKernel& kernel) {
  const auto leading = [](const Shape& shape) {
    return Shape(std::span<const int64_t>(shape.begin(), static_cast<size_t>(shape.rank() - 2)));
  };
  const Shape &a = problem.inputs[0].shape, &b = problem.inputs[1].shape, &dst = problem.outputs[0].shape;
  auto plan = std::make_shared<Plan>(Plan{.matrices = broadcast_loop(leading(a), leading(b), leading(dst)),
                                          .m = dst[dst.rank() - 2],
                                          .k = a[a.rank() - 1],
                                          .n = dst[dst.rank() - 1],
                                          .a_zero_point = problem.inputs[0].quant().zero_point,
                                          .b_zero_point = problem.inputs[1].quant().zero_point,
                                          .numbers = integer_matmul_numbers(problem),
                                          .kernel = kernel,
                                          .threads = problem.threads,
                                          .tile_rows = 0,
                                          .row_blocks = 0,
                                          .column_blocks = 0,
                                          .a_bytes = 0,
                                          .thread_bytes = 0,
                                          .scratchpad = problem.scratchpad});
  plan->tile_rows = std::min(std::clamp<int64_t>(kRowBytes / (4 * plan->pairs()) / 6, 1, kMostRows / 6) * 6, plan->m);
  plan->row_blocks = (plan->m + plan->tile_rows - 1) / plan->tile_rows;
  plan->column_blocks = (plan->n + kernel.width - 1) / kernel.width;
  const auto rounded = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  plan->a_bytes = rounded(plan->tile_rows * plan->pairs() * 4);
  plan->thread_bytes = plan->a_bytes + rounded(plan->pairs() * kernel.width * 4);
  if (plan->scratchpad == nullptr) plan->scratchpad = std::make_shared<Scratchpad>();
  plan->scratchpad->reserve(static_cast<size_t>(plan->thread_bytes * plan->threads));
  return Kernel([plan](const Buffers& buffers) {
    const int64_t blocks = plan->matrices.shape.element_count() * plan->row_blocks * plan->column_blocks;
    const int64_t macs = plan->tile_rows * std::min(plan->kernel.width, plan->n) * plan->k;
    parallel_for(plan->threads, blocks, kMacsPerThread / macs + 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) run_block(*plan, block, buffers);
    });
  });
}

}  // namespace

bool matmul_integer_supports(const Problem<MatmulParams>& problem) {
  const Shape& a = problem.inputs[0].shape;
  return problem.inputs[0].type == DataType::kU8 && problem.outputs[0].shape.element_count() > 0 && a[a.rank() - 1] > 0;
}

#if defined(__x86_64__)
Result<Kernel> prepare_matmul_sse41(const Problem<MatmulParams>& problem) {
  return prepare(problem, kIntegerMatmulSse41);
}

Result<Kernel> prepare_matmul_avx2(const Problem<MatmulParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx2);
}

Result<Kernel> prepare_matmul_avx512(const Problem<MatmulParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx512);
}

Result<Kernel> prepare_matmul_avx512vnni(const Problem<MatmulParams>& problem) {
  return prepare(problem, kIntegerMatmulAvx512Vnni);
}
#endif

}  // namespace octet
