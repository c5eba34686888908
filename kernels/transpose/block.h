// Transposing small matrices in registers: the inner part of all moves between channels first and channels last.
#pragma once

#include <cstdint>
#include <cstring>

namespace octet {

// 16 bytes of T.
template <class T>
struct Lanes {
  static constexpr int kCount = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));
};

// a0 b0 a1 b1 ... of the lower and of the upper halves of a and b.
inline Lanes<uint8_t>::Vector interleave_low(Lanes<uint8_t>::Vector a, Lanes<uint8_t>::Vector b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Lanes<uint8_t>::Vector interleave_high(Lanes<uint8_t>::Vector a, Lanes<uint8_t>::Vector b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
inline Lanes<uint16_t>::Vector interleave_low(Lanes<uint16_t>::Vector a, Lanes<uint16_t>::Vector b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
inline Lanes<uint16_t>::Vector interleave_high(Lanes<uint16_t>::Vector a, Lanes<uint16_t>::Vector b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
inline Lanes<uint32_t>::Vector interleave_low(Lanes<uint32_t>::Vector a, Lanes<uint32_t>::Vector b) {
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
}
inline Lanes<uint32_t>::Vector interleave_high(Lanes<uint32_t>::Vector a, Lanes<uint32_t>::Vector b) {
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}

// A square of as many rows as a vector has elements. Interleaving row i with row i + n/2 rotates the bits of an
// element's index (row, column) by one; after log2(n) rounds row and column have changed places.
template <class T>
void transpose_square(const T* src, int64_t src_stride, T* dst, int64_t dst_stride) {
  constexpr int kCount = Lanes<T>::kCount;
  typename Lanes<T>::Vector rows[kCount], next[kCount];
  for (int i = 0; i < kCount; ++i) std::memcpy(&rows[i], src + i * src_stride, sizeof rows[i]);
  for (int round = 1; round < kCount; round *= 2) {
    for (int i = 0; i < kCount / 2; ++i) {
      next[2 * i] = interleave_low(rows[i], rows[i + kCount / 2]);
      next[2 * i + 1] = interleave_high(rows[i], rows[i + kCount / 2]);
    }
    for (int i = 0; i < kCount; ++i) rows[i] = next[i];
  }
  for (int i = 0; i < kCount; ++i) std::memcpy(dst + i * dst_stride, &rows[i], sizeof rows[i]);
}

// dst[j * dst_stride + i] = src[i * src_stride + j], i in [0, rows), j in [0, columns). T is uint8_t, uint16_t or
// uint32_t.
template <class T>
void transpose_block(const T* src, int64_t src_stride, int64_t rows, int64_t columns, T* dst, int64_t dst_stride) {
  constexpr int64_t kCount = Lanes<T>::kCount;
  const int64_t whole_rows = rows / kCount * kCount;
  const int64_t whole_columns = columns / kCount * kCount;
  for (int64_t i = 0; i < whole_rows; i += kCount) {
    for (int64_t j = 0; j < whole_columns; j += kCount) {
      transpose_square(src + i * src_stride + j, src_stride, dst + j * dst_stride + i, dst_stride);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) {
      dst[j * dst_stride + i] = src[i * src_stride + j];
    }
  }
}

}  // namespace octet
