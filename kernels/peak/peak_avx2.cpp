// Only plain functions here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/peak/peak_loops.h"

namespace octet {

void peak_int8_avx2(int64_t rounds) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i sums[kPeakAccumulators] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
  __m256i a = _mm256_set1_epi16(1);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m256i& sum : sums) {
      __asm__ volatile("" : "+x"(a));  // the product must not be known before the loop
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, a));
      __asm__ volatile("" : "+x"(sum));  // the compiler must take the sum for used
    }
  }
}

void peak_f32_avx2(int64_t rounds) {
  const __m256 zero = _mm256_setzero_ps();
  __m256 sums[kPeakAccumulators] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
  const __m256 a = _mm256_set1_ps(0.5F);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(sum, a, a);
      __asm__ volatile("" : "+x"(sum));
    }
  }
}

}  // namespace octet
