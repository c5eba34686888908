// From pixels to the u8 of the first layer by tables: what normalizing and quantizing do to each of 256 values.
#pragma once

#include <vector>

#include "kernels/kernel.h"
#include "kernels/lookup.h"
#include "kernels/quantize/padded_rows.h"

namespace octet {

// dst[n,y,x,c] = tables[c][src[n,y-top,x-left,c]]; where that lies outside src, border[c]
// inputs   src  u8 [N, H, W, C], C the number of tables
// outputs  dst  u8 [N, top+H+bottom, left+W+right, C]
//
// Not an op of the file format: the runtime puts it in the place of the nodes that quantize an image.
struct PixelLookupParams {
  std::vector<LookupU8> tables;  // one for each channel
  ImagePads pads{};
  std::vector<uint8_t> border;  // a byte for each channel; unused without pads
};

std::span<const KernelRow<PixelLookupParams>> kernel_table(const PixelLookupParams&);

// table[p] = quantize_u8(values[p] * scale + shift, quant): the byte of a pixel that stands for the f32 values[p].
LookupU8 make_pixel_table(std::span<const float, 256> values, float scale, float shift, QuantParams quant);

}  // namespace octet
