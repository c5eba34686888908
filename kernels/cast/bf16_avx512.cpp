#include "kernels/cast/bf16_rows.h"

namespace octet {

void narrow_avx512(const float* src, int64_t n, Bf16* dst) {
  narrow(src, n, dst);
}

void widen_avx512(const Bf16* src, int64_t n, float* dst) {
  widen(src, n, dst);
}

}  // namespace octet
