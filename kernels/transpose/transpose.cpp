#include "kernels/transpose/transpose.h"

#include "kernels/checks.h"
#include "kernels/strides.h"
#include "kernels/transpose/block.h"

namespace octet {
namespace {

StridedLoop<1> transposed(const TransposeParams& params, const Problem<TransposeParams>& problem) {
  const Dims strides = row_major_strides(problem.inputs[0].shape);
  StridedLoop<1> loop{problem.outputs[0].shape, {}, {}};
  for (int i = 0; i < loop.shape.rank(); ++i) loop.strides[0][i] = strides[params.permutation[i]];
  return collapse(loop);
}

// A stack of matrices, each to be transposed: dst[b][i][j] = src[b][j][i]. NCHW to NHWC and back are of this form.
struct Matrices {
  int64_t count, rows, columns;  // of dst
};

bool as_matrices(const StridedLoop<1>& loop, Matrices& matrices) {
  const int rank = loop.shape.rank();
  if (rank != 2 && rank != 3) return false;
  const int64_t rows = loop.shape[rank - 2];
  const int64_t columns = loop.shape[rank - 1];
  matrices = {rank == 3 ? loop.shape[0] : 1, rows, columns};
  return loop.strides[0][rank - 2] == 1 && loop.strides[0][rank - 1] == rows &&
         (rank == 2 || loop.strides[0][0] == rows * columns);
}

// Tiles keep the lines that are read and those that are written in the first level cache.
constexpr int64_t kTile = 64;

// Tiles of rows of dst; within one, all columns.
template <class T>
void transpose_tiles(const T* src, const Matrices& m, int64_t first, int64_t last, T* dst) {
  const int64_t tiles = (m.rows + kTile - 1) / kTile;
  for (int64_t tile = first; tile < last; ++tile) {
    const int64_t offset = tile / tiles * m.rows * m.columns;
    const int64_t row = tile % tiles * kTile;
    const int64_t rows = std::min(kTile, m.rows - row);
    for (int64_t column = 0; column < m.columns; column += kTile) {
      transpose_block(src + offset + column * m.rows + row, m.rows, std::min(kTile, m.columns - column), rows,
                      dst + offset + row * m.columns + column, m.columns);
    }
  }
}

template <class T>
Kernel matrices_kernel(const Matrices& matrices, int threads) {
  return [matrices, threads](const Buffers& buffers) {
    const auto* src = static_cast<const T*>(buffers.src[0]);
    auto* dst = static_cast<T*>(buffers.dst[0]);
    const int64_t tiles = matrices.count * ((matrices.rows + kTile - 1) / kTile);
    const int64_t grain = kElementsPerThread / (kTile * matrices.columns) + 1;
    parallel_for(threads, tiles, grain, 1,
                 [&](int64_t first, int64_t last) { transpose_tiles(src, matrices, first, last, dst); });
  };
}

bool has_few_columns_or_rows(const Matrices& m) {
  return m.rows < 4 || m.columns < 4;
}

bool supports_tiles(const Problem<TransposeParams>& problem) {
  Matrices matrices{};
  return problem.outputs[0].shape.element_count() > 0 && element_bytes(problem.outputs[0].type) != 8 &&
         as_matrices(transposed(problem.params, problem), matrices) && !has_few_columns_or_rows(matrices);
}

Result<Kernel> prepare_tiles(const Problem<TransposeParams>& problem) {
  Matrices matrices{};
  as_matrices(transposed(problem.params, problem), matrices);
  switch (element_bytes(problem.outputs[0].type)) {
    case 1:
      return matrices_kernel<uint8_t>(matrices, problem.threads);
    case 2:
      return matrices_kernel<uint16_t>(matrices, problem.threads);
    default:
      return matrices_kernel<uint32_t>(matrices, problem.threads);
  }
}

bool supports_all(const Problem<TransposeParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<TransposeParams>& problem) {
  return Kernel([loop = transposed(problem.params, problem), bytes = element_bytes(problem.outputs[0].type),
                 threads = problem.threads](const Buffers& buffers) {
    copy_strided(loop, bytes, buffers.src[0], buffers.dst[0], threads);
  });
}

constexpr KernelRow<TransposeParams> kTable[] = {
    {"tiles", Isa::kAny, supports_tiles, prepare_tiles},
    {"reference", Isa::kAny, supports_all, prepare_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const TransposeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  const Shape& src = inputs[0].shape;
  if (params.permutation.size() != static_cast<size_t>(src.rank())) {
    return invalid(params.kName, "a permutation of " + std::to_string(params.permutation.size()) +
                                     " axes for a tensor of rank " + std::to_string(src.rank()));
  }
  OCTET_CHECK(check_axes(params.kName, params.permutation, src.rank()));
  Shape dst = src;
  for (int i = 0; i < src.rank(); ++i) dst[i] = src[static_cast<int>(params.permutation[i])];
  return single_output(params.kName, dst);
}

Status check_types(const TransposeParams& params, Descs inputs, Descs outputs) {
  return check_moves(params.kName, inputs, outputs);
}

std::span<const KernelRow<TransposeParams>> kernel_table(const TransposeParams&) {
  return kTable;
}

}  // namespace octet
