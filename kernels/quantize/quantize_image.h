// An f32 image of the user as the u8 of the first layer: padded, normalized, quantized, and its channels put last, in
// one pass.
#pragma once

#include <vector>

#include "kernels/kernel.h"
#include "kernels/quantize/padded_rows.h"

namespace octet {

// dst[n,y,x,c] = quantize_u8(src[n,c,y-top,x-left] * scale[c] + shift[c]); where that lies outside src, of 0.
// Product and sum are rounded to f32 each, as the ops that this stands for round them.
// inputs   src  [N, C, H, W] f32, or [N, H, W, C] with channels_last
// outputs  dst  [N, top+H+bottom, left+W+right, C] u8 per tensor
//
// Not an op of the file format (it has no shape rule): the runtime puts it in the place of up to five ops.
struct QuantizeImageParams {
  std::vector<float> scale, shift;  // one for each channel
  ImagePads pads{};
  bool channels_last = false;

  // C channels as they are.
  static QuantizeImageParams plain(int64_t channels) {
    const auto count = static_cast<size_t>(channels);
    return {.scale = std::vector<float>(count, 1.0F), .shift = std::vector<float>(count, 0.0F)};
  }
};

// With the channels last: whether the constants repeat within 48 values, as those of 1, 2, 3 or 4 channels do, or are all
// equal.
bool is_supported(const QuantizeImageParams& params);
std::span<const KernelRow<QuantizeImageParams>> kernel_table(const QuantizeImageParams&);

// The fastest row of the table for a concrete shape of src.
Result<Kernel> prepare_quantize_image(const QuantizeImageParams& params, const Shape& src, QuantParams quant,
                                      int threads);

}  // namespace octet
