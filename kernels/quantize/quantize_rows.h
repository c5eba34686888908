// The inner loops of quantizing, one set per ISA.
#pragma once

#include <cstdint>

#include "octet/types.h"

namespace octet {

// dst[i] = quantize_u8(src[i], quant)
using QuantizeRow = void (*)(const float* src, int64_t n, QuantParams quant, uint8_t* dst);
// dst[3*i + c] = quantize_u8(src[c*plane + i], quant), c in 0..2
using QuantizeThreePlanes = void (*)(const float* src, int64_t plane, int64_t n, QuantParams quant, uint8_t* dst);

void quantize_row_reference(const float* src, int64_t n, QuantParams quant, uint8_t* dst);
void quantize_row_avx2(const float* src, int64_t n, QuantParams quant, uint8_t* dst);
void quantize_row_avx512(const float* src, int64_t n, QuantParams quant, uint8_t* dst);

void quantize_three_planes_reference(const float* src, int64_t plane, int64_t n, QuantParams quant, uint8_t* dst);
void quantize_three_planes_avx2(const float* src, int64_t plane, int64_t n, QuantParams quant, uint8_t* dst);
void quantize_three_planes_avx512(const float* src, int64_t plane, int64_t n, QuantParams quant, uint8_t* dst);

}  // namespace octet
