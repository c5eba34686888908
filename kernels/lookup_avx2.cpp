// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include <cstring>

#include "kernels/lookup.h"

namespace octet {
namespace {

// A shuffle looks up 16 entries and gives 0 where an index is 128 or more: of the 16 parts of the table, only that
// which a byte's high half names gives an entry.
inline __m256i look_up(const uint8_t* table, __m256i q) {
  __m256i found = _mm256_setzero_si256();
#pragma GCC unroll 16
  for (int64_t part = 0; part < 16; ++part) {
    const __m256i entries =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table + 16 * part)));
    const __m256i low = _mm256_xor_si256(q, _mm256_set1_epi8(static_cast<char>(16 * part)));  // < 16 if of this part
    const __m256i index = _mm256_adds_epu8(low, _mm256_set1_epi8(0x70));
    found = _mm256_or_si256(found, _mm256_shuffle_epi8(entries, index));
  }
  return found;
}

inline __m256i load(const uint8_t* src) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src));
}

inline void store(uint8_t* dst, __m256i q) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst), q);
}

}  // namespace

void apply_lookup_avx2(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst) {
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) store(dst + i, look_up(table, load(src + i)));
  if (i < n) {
    uint8_t part[32] = {};
    std::memcpy(part, src + i, static_cast<size_t>(n - i));
    store(part, look_up(table, load(part)));
    std::memcpy(dst + i, part, static_cast<size_t>(n - i));
  }
}

}  // namespace octet
