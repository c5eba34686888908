// A run of u8 to f32 or bf16, compiled once per ISA.
#pragma once

#include "kernels/bf16.h"
#include "octet/types.h"

namespace octet {

template <class To>
using DequantizeU8Row = void (*)(const uint8_t* src, int64_t n, QuantParams quant, To* dst);

OCTET_INLINE void store(float x, float& dst) {
  dst = x;
}
OCTET_INLINE void store(float x, Bf16& dst) {
  dst = to_bf16(x);
}

// As dequantize() of kernels/quantization.h.
template <class To>
OCTET_INLINE void dequantize_u8(const uint8_t* src, int64_t n, QuantParams quant, To* dst) {
  for (int64_t i = 0; i < n; ++i) store(quant.scale * static_cast<float>(src[i] - quant.zero_point), dst[i]);
}

void dequantize_u8_avx2(const uint8_t* src, int64_t n, QuantParams quant, float* dst);
void dequantize_u8_avx2(const uint8_t* src, int64_t n, QuantParams quant, Bf16* dst);
void dequantize_u8_avx512(const uint8_t* src, int64_t n, QuantParams quant, float* dst);
void dequantize_u8_avx512(const uint8_t* src, int64_t n, QuantParams quant, Bf16* dst);

}  // namespace octet
