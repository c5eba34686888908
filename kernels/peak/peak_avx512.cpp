// Only plain functions here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/peak/peak_loops.h"

namespace octet {

void peak_int8_avx512(int64_t rounds) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i sums[kPeakAccumulators] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
  __m512i a = _mm512_set1_epi16(1);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) {
      __asm__ volatile("" : "+v"(a));  // the product must not be known before the loop
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, a));
      __asm__ volatile("" : "+v"(sum));  // the compiler must take the sum for used
    }
  }
}

void peak_f32_avx512(int64_t rounds) {
  const __m512 zero = _mm512_setzero_ps();
  __m512 sums[kPeakAccumulators] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
  const __m512 a = _mm512_set1_ps(0.5F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(sum, a, a);
      __asm__ volatile("" : "+v"(sum));
    }
  }
}

}  // namespace octet
