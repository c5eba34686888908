// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/concat/concat_rows.h"

namespace octet {
namespace {

template <int kVectors>
void copy_whole(const uint8_t* src, int64_t rows, int64_t pitch, uint8_t* dst) {
  for (int64_t row = 0; row < rows; ++row, src += 64 * kVectors, dst += pitch) {
    __m512i q[kVectors];
    for (int k = 0; k < kVectors; ++k) q[k] = _mm512_loadu_si512(src + 64 * k);
    for (int k = 0; k < kVectors; ++k) _mm512_storeu_si512(dst + 64 * k, q[k]);
  }
}

}  // namespace

void copy_rows_avx512(const uint8_t* src, int64_t rows, int64_t n, int64_t pitch, uint8_t* dst) {
  if (n == 64) return copy_whole<1>(src, rows, pitch, dst);
  if (n == 128) return copy_whole<2>(src, rows, pitch, dst);
  if (n == 256) return copy_whole<4>(src, rows, pitch, dst);
  const int64_t whole = n & ~int64_t{63};
  const __mmask64 rest = (uint64_t{1} << (n - whole)) - 1;
  for (int64_t row = 0; row < rows; ++row, src += n, dst += pitch) {
    for (int64_t i = 0; i < whole; i += 64) _mm512_storeu_si512(dst + i, _mm512_loadu_si512(src + i));
    if (rest != 0) _mm512_mask_storeu_epi8(dst + whole, rest, _mm512_maskz_loadu_epi8(rest, src + whole));
  }
}

}  // namespace octet
