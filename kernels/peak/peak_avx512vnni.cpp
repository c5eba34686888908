// Only plain functions here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/peak/peak_loops.h"

namespace octet {

void peak_int8_avx512vnni(int64_t rounds) {
  const __m512i zero = _mm512_setzero_si512();
  __m512i sums[kPeakAccumulators] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};
  const __m512i a = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, a, a);
      __asm__ volatile("" : "+v"(sum));  // the compiler must take the sum for used
    }
  }
}

}  // namespace octet
