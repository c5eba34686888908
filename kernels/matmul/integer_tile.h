// The tile kernel of integer matrix products, compiled once per ISA. V names the ISA's vectors (vectors_avx2.h
// and the like).
#pragma once

#include <cstring>

#include "kernels/always_inline.h"
#include "kernels/matmul/integer.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

constexpr int kVectors = 4;  // of a block of columns

OCTET_INLINE void finish_row(const int32_t* sums, int64_t columns, const IntegerMatmulNumbers& numbers, void* dst) {
  if (numbers.to_f32) {
    float* to = static_cast<float*>(dst);
    for (int64_t j = 0; j < columns; ++j) to[j] = static_cast<float>(sums[j]) * numbers.multiplier;
  } else {
    uint8_t* to = static_cast<uint8_t*>(dst);
    const float multiplier = numbers.multiplier;
    const int32_t zero_point = numbers.dst_zero_point;
    for (int64_t j = 0; j < columns; ++j) {
      to[j] = round_saturate_u8(static_cast<float>(sums[j]) * multiplier, zero_point);
    }
  }
}

// kRows rows from number `first` on.
template <class V, int kRows>
OCTET_INLINE void run_rows(const IntegerTile& tile, int64_t first, const IntegerMatmulNumbers& numbers) {
  typename V::Int sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) sums[r][q] = V::set1(0);
  }
  const int16_t* a = tile.a + first * 2 * tile.pairs;
  const int16_t* b = tile.b;
  for (int64_t k = 0; k < tile.pairs; ++k, b += 2 * kVectors * V::kLanes) {
    typename V::Int columns[kVectors];
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) columns[q] = V::load(b + q * 2 * V::kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t pair;
      std::memcpy(&pair, a + 2 * (r * tile.pairs + k), sizeof pair);
      const auto row = V::set1(pair);
#pragma GCC unroll 4
      for (int q = 0; q < kVectors; ++q) V::add_products(sums[r][q], row, columns[q]);
    }
  }
  const int64_t bytes = numbers.to_f32 ? 4 : 1;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    alignas(64) int32_t row[kVectors * V::kLanes];
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) V::store(reinterpret_cast<int16_t*>(row + q * V::kLanes), sums[r][q]);
    finish_row(row, tile.columns, numbers, static_cast<char*>(tile.dst) + (first + r) * tile.dst_step * bytes);
  }
}

template <class V, int kRows>
void run_tile(const IntegerTile& tile, const IntegerMatmulNumbers& numbers) {
  int64_t row = 0;
  for (; row + kRows <= tile.rows; row += kRows) run_rows<V, kRows>(tile, row, numbers);
  for (; row < tile.rows; ++row) run_rows<V, 1>(tile, row, numbers);
}

template <class V, int kRows>
constexpr IntegerMatmulKernel kKernelOf{run_tile<V, kRows>, kVectors* V::kLanes};

}  // namespace
}  // namespace octet
