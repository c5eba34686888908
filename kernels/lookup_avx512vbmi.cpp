// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include "kernels/lookup_avx512vbmi.h"

#include "kernels/lookup.h"

namespace octet {
namespace {

// Every third lane.
constexpr uint64_t kThird = 0x9249249249249249;

}  // namespace

void apply_lookup_avx512vbmi(const uint8_t* entries, const uint8_t* src, int64_t n, uint8_t* dst) {
  look_up_row(load_table(entries), src, n, dst);
}

void apply_three_lookups_avx512vbmi(const uint8_t* entries, const uint8_t* src, int64_t pixels, uint8_t* dst) {
  const Table tables[3] = {load_table(entries), load_table(entries + 256), load_table(entries + 512)};
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
