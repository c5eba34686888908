// Matrix products of integers: what a tile kernel of an ISA computes.
//
// Tiles of dst are some rows times a block of columns. Taps are widened to s16, less their zero points, and taken two
// at a time (vpmaddwd): their sums fit into s32 on every CPU, where pairs of u8 * s8 would saturate at 16 bits.
#pragma once

#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace octet {

// What becomes of the sums.
struct IntegerMatmulNumbers {
  float multiplier = 1;  // a_scale * b_scale / dst_scale
  int32_t dst_zero_point = 0;
  bool to_f32 = false;  // dst is f32: no rounding, no zero point
};

struct IntegerTile {
  const int16_t* a;  // [rows][2 * pairs]
  const int16_t* b;  // [pairs][width of the kernel][2], aligned to 64 bytes
  int64_t rows, pairs, columns;
  void* dst;         // u8 or f32
  int64_t dst_step;  // elements from row to row
};

struct IntegerMatmulKernel {
  void (*run)(const IntegerTile& tile, const IntegerMatmulNumbers& numbers);
  int64_t width;  // columns of a block
};
extern const IntegerMatmulKernel kIntegerMatmulSse41, kIntegerMatmulAvx2, kIntegerMatmulAvx512,
    kIntegerMatmulAvx512Vnni;

bool matmul_integer_supports(const Problem<MatmulParams>& problem);
Result<Kernel> prepare_matmul_sse41(const Problem<MatmulParams>& problem);
Result<Kernel> prepare_matmul_avx2(const Problem<MatmulParams>& problem);
Result<Kernel> prepare_matmul_avx512(const Problem<MatmulParams>& problem);
Result<Kernel> prepare_matmul_avx512vnni(const Problem<MatmulParams>& problem);

// Of u8 inputs.
IntegerMatmulNumbers integer_matmul_numbers(const Problem<MatmulParams>& problem);

}  // namespace octet
