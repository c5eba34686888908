// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/lookup.h"

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

// Every third lane.
constexpr uint64_t kThird = 0x9249249249249249;

}  // namespace

void apply_lookup_avx512vbmi(const LookupU8& entries, const uint8_t* src, int64_t n, uint8_t* dst) {
  const Table table = load_table(entries.data());
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) _mm512_storeu_si512(dst + i, look_up(table, _mm512_loadu_si512(src + i)));
  if (i < n) {
    const __mmask64 lanes = first_lanes(n - i);
    _mm512_mask_storeu_epi8(dst + i, lanes, look_up(table, _mm512_maskz_loadu_epi8(lanes, src + i)));
  }
}

void apply_three_lookups_avx512vbmi(const LookupU8* entries, const uint8_t* src, int64_t pixels, uint8_t* dst) {
  const Table tables[3] = {load_table(entries[0].data()), load_table(entries[1].data()), load_table(entries[2].data())};
  const int64_t n = 3 * pixels;
  // 64 = 3 * 21 + 1: vector k of three starts with channel k.
  for (int64_t i = 0; i < n; i += 192) {
    for (int k = 0; k < 3; ++k) {
      const int64_t at = i + 64 * k;
      if (at >= n) break;
      const __mmask64 lanes = first_lanes(n - at);
      const __m512i q = _mm512_maskz_loadu_epi8(lanes, src + at);
      __m512i bytes = look_up(tables[k], q);
      bytes = _mm512_mask_mov_epi8(bytes, kThird << 1, look_up(tables[(k + 1) % 3], q));
      bytes = _mm512_mask_mov_epi8(bytes, kThird << 2, look_up(tables[(k + 2) % 3], q));
      _mm512_mask_storeu_epi8(dst + at, lanes, bytes);
    }
  }
}

}  // namespace octet
