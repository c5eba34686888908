// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/lookup.h"

namespace octet {
namespace {

// A shuffle looks up 16 entries and gives 0 where an index is 128 or more: of the 16 parts of the table, only that
// which a byte's high half names gives an entry.
inline __m512i look_up(const uint8_t* table, __m512i q) {
  __m512i found = _mm512_setzero_si512();
#pragma GCC unroll 16
  for (int64_t part = 0; part < 16; ++part) {
    const __m512i entries =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * part)));
    const __m512i low = _mm512_xor_si512(q, _mm512_set1_epi8(static_cast<char>(16 * part)));  // < 16 if of this part
    const __m512i index = _mm512_adds_epu8(low, _mm512_set1_epi8(0x70));
    found = _mm512_or_si512(found, _mm512_shuffle_epi8(entries, index));
  }
  return found;
}

}  // namespace

void apply_lookup_avx512(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) _mm512_storeu_si512(dst + i, look_up(table, _mm512_loadu_si512(src + i)));
  if (i < n) {
    const __mmask64 lanes = (uint64_t{1} << (n - i)) - 1;
    _mm512_mask_storeu_epi8(dst + i, lanes, look_up(table, _mm512_maskz_loadu_epi8(lanes, src + i)));
  }
}

}  // namespace octet
