// From pixels to the u8 of the first layer by tables: what normalizing and quantizing do to each of 256 values.
#pragma once

#include <vector>

#include "kernels/kernel.h"
#include "kernels/lookup.h"

namespace octet {

// dst[..., c] = tables[c][src[..., c]]
// inputs   src  u8, any shape whose last dimension is the number of tables
// outputs  dst  u8, as many elements
//
// Not an op of the file format: the runtime puts it in the place of the nodes that quantize an image.
struct PixelLookupParams {
  std::vector<LookupU8> tables;  // one for each channel
};

std::span<const KernelRow<PixelLookupParams>> kernel_table(const PixelLookupParams&);

// table[p] = quantize_u8(values[p], quant): the byte of a pixel that stands for the f32 values[p].
LookupU8 make_pixel_table(std::span<const float, 256> values, QuantParams quant);

}  // namespace octet
