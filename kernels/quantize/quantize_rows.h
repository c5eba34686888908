// The inner loops of quantizing, one set per ISA.
#pragma once

#include <cstdint>

#include "octet/types.h"

namespace octet {

// What happens to values before they are quantized: the constants of 48 values in a row, then the same again. Pixels of
// one, two, three or four channels beside each other repeat within that.
struct Normalization {
  static constexpr int64_t kPeriod = 48;
  alignas(64) float scale[kPeriod];
  alignas(64) float shift[kPeriod];
};

// dst[i] = quantize_u8(src[i] * scale[i % 48] + shift[i % 48], quant), product and sum rounded to f32 each
using QuantizeRow = void (*)(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                             uint8_t* dst);
// dst[3*i + c] = quantize_u8(src[c*plane + i] * scale + shift, quant), c in 0..2, with planes[c].scale[0] and shift[0]
using QuantizeThreePlanes = void (*)(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                     QuantParams quant, uint8_t* dst);

void quantize_row_reference(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                            uint8_t* dst);
void quantize_row_avx2(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                       uint8_t* dst);
void quantize_row_avx512(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                         uint8_t* dst);

void quantize_three_planes_reference(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                     QuantParams quant, uint8_t* dst);
void quantize_three_planes_avx2(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                QuantParams quant, uint8_t* dst);
void quantize_three_planes_avx512(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                  QuantParams quant, uint8_t* dst);

}  // namespace octet
