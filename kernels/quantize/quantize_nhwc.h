// Quantizing and Transpose(0, 2, 3, 1) in one pass: how an f32 image of the user becomes the u8 of the first layer.
#pragma once

#include "kernels/kernel.h"

namespace octet {

// dst[n,y,x,c] = saturate_u8(round_half_even(src[n,c,y,x] / scale) + zero_point); NaN gives the zero point.
// inputs   src  [N, C, H, W]  f32
// outputs  dst  [N, H, W, C]  u8 per tensor
//
// Not an op of the file format (it has no shape rule): the runtime puts it in the place of two ops.
struct QuantizeNhwcParams {};

std::span<const KernelRow<QuantizeNhwcParams>> kernel_table(const QuantizeNhwcParams&);

// The fastest row of the table for a concrete shape [N, C, H, W].
Result<Kernel> prepare_quantize_nchw_to_nhwc(const Shape& nchw, QuantParams quant, int threads);

}  // namespace octet
