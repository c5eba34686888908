#include "kernels/quantize/dequantize_rows.h"

namespace octet {

void dequantize_u8_avx512(const uint8_t* src, int64_t n, QuantParams quant, float* dst) {
  dequantize_u8(src, n, quant, dst);
}

void dequantize_u8_avx512(const uint8_t* src, int64_t n, QuantParams quant, Bf16* dst) {
  dequantize_u8(src, n, quant, dst);
}

}  // namespace octet
