// 256-entry tables in registers, for the files that are compiled for AVX512-VBMI.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octet {
namespace {

// 256 entries in four registers. A permutation of two of them looks at the low seven bits of an index.
struct Table {
  __m512i part[4];
};

inline Table load_table(const uint8_t* entries) {
  Table table{};
  for (int i = 0; i < 4; ++i) table.part[i] = _mm512_loadu_si512(entries + 64 * i);
  return table;
}

inline __m512i look_up(const Table& table, __m512i q) {
  const __m512i low = _mm512_permutex2var_epi8(table.part[0], q, table.part[1]);
  const __m512i high = _mm512_permutex2var_epi8(table.part[2], q, table.part[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(q), low, high);
}

inline __mmask64 first_lanes(int64_t n) {
  return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

// n bytes through the table.
inline void look_up_row(const Table& table, const uint8_t* src, int64_t n, uint8_t* dst) {
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) _mm512_storeu_si512(dst + i, look_up(table, _mm512_loadu_si512(src + i)));
  if (i < n) {
    const __mmask64 lanes = first_lanes(n - i);
    _mm512_mask_storeu_epi8(dst + i, lanes, look_up(table, _mm512_maskz_loadu_epi8(lanes, src + i)));
  }
}

}  // namespace
}  // namespace octet
