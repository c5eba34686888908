// A run of f32 to bf16 and back, compiled once per ISA.
#pragma once

#include <cstdint>

#include "kernels/bf16.h"

namespace octet {

using NarrowRow = void (*)(const float* src, int64_t n, Bf16* dst);
using WidenRow = void (*)(const Bf16* src, int64_t n, float* dst);

OCTET_INLINE void narrow(const float* src, int64_t n, Bf16* dst) {
  for (int64_t i = 0; i < n; ++i) dst[i] = to_bf16(src[i]);
}
OCTET_INLINE void widen(const Bf16* src, int64_t n, float* dst) {
  for (int64_t i = 0; i < n; ++i) dst[i] = to_f32(src[i]);
}

void narrow_avx2(const float* src, int64_t n, Bf16* dst);
void widen_avx2(const Bf16* src, int64_t n, float* dst);
void narrow_avx512(const float* src, int64_t n, Bf16* dst);
void widen_avx512(const Bf16* src, int64_t n, float* dst);

}  // namespace octet
