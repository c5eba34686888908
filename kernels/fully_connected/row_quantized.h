// Fully connected layers that quantize each row of an f32 source when they run, and multiply integers.
//
//   min, max = the least and greatest of the row and 0
//   scale = (max - min) / 255, zero_point = round_half_even(-min / scale); 1 and 0 where that scale is not normal
//   q[k] = quantize_u8(src[k])                                         (kernels/quantization.h)
//   sum = sum over k of (q[k] - zero_point) * weights[o,k], exactly, in s32
//   dst = clamp(f32(sum) * (scale * weights_scale[o]) + bias[o])       in f32
//
// A row's numbers come from that row alone, so the answer does not depend on the batch, and it has the same bytes on
// every CPU and for any number of threads.
#pragma once

#include <cstdint>

#include "kernels/fully_connected/fully_connected.h"

namespace octet {

// Products of [-255, 255] and [-128, 127] that s32 holds.
constexpr int64_t kMaxRowTaps = INT32_MAX / (255 * 128);

// Of a row of n values. NaN have no say.
QuantParams row_params(const float* src, int64_t n);

// Beside what has_float_rows() layers take.
Status check_row_quantized_types(Descs inputs, Descs outputs);

bool row_quantized_supports(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_row_quantized_sse41(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_row_quantized_avx2(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_row_quantized_avx512(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_row_quantized_avx512vnni(const Problem<FullyConnectedParams>& problem);
Result<Kernel> prepare_row_quantized_reference(const Problem<FullyConnectedParams>& problem);

}  // namespace octet
