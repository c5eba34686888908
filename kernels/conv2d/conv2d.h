// 2-D convolution, dense, grouped and depthwise, with its bias, residual and clamp fused.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/clamp.h"
#include "kernels/kernel.h"

namespace octet {

// dst[n,y,x,o] = clamp(bias[o] + residual[n,y,x,o] +
//     sum over i,j,c of src[n, y*stride_h - top + i*dilation_h, x*stride_w - left + j*dilation_w, g(o)*C/groups + c] *
//                       weights[o,i,j,c])
// with g(o) = o / (O/groups); taps outside src read the real value 0 (the zero point of a quantized src).
//
// inputs   src       [N, H, W, C]                 f32, bf16, or u8 per tensor
//          weights   [O, KH, KW, C/groups]        constant; the type of a float src; or s8 with one scale or O scales
//                                                 (axis 0); zero points are 0 but in imported models:
//                                                 weights_scale[o] * (q - zero_point[o])
//          bias      [O] or absent                constant; f32, or s32 with scale src_scale * weights_scale[o]
//          residual  as dst or absent             the type of a float dst, or u8 per tensor; may share dst's memory
// outputs  dst       [N, OH, OW, O]               f32 for f32 src; bf16 or f32 for bf16 src; u8 per tensor, or f32, for
//                                                 u8 src (f32 without residual)
//
// bf16: products of two are exact in f32, sums are f32, and a bf16 dst is rounded once, at the end. The order of the
// sums is the row's: results differ by roundings of f32, and a bf16 dst now and then by its last bit.
struct Conv2dParams {
  static constexpr const char* kName = "conv2d";

  std::array<int64_t, 2> strides{1, 1};    // height, width; >= 1
  std::array<int64_t, 2> dilations{1, 1};  // height, width; >= 1
  std::array<int64_t, 4> pads{};           // top, left, bottom, right; >= 0
  int64_t groups = 1;                      // divides C and O
  Clamp clamp;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("strides", self.strides);
    visit("dilations", self.dilations);
    visit("pads", self.pads);
    visit("groups", self.groups);
    visit("clamp", self.clamp);
  }
};

Result<std::vector<Shape>> infer_shapes(const Conv2dParams& params, Descs inputs);
Status check_types(const Conv2dParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<Conv2dParams>> kernel_table(const Conv2dParams&);
inline bool keeps_samples_apart(const Conv2dParams&, Descs, Descs) {
  return true;
}
int64_t count_macs(const Conv2dParams& params, Descs inputs, Descs outputs);
int in_place_input(const Conv2dParams& params, Descs inputs, Descs outputs);

// Output size of a sliding window: floor((size + pad_before + pad_after - dilation*(kernel-1) - 1) / stride) + 1, or
// with `ceil` the ceiling, less a last window that would start behind the input and its leading pad (ONNX and PyTorch).
// An error if the window does not fit once; kDynamic for a dynamic size.
Result<int64_t> window_output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                                   int64_t pad_before, int64_t pad_after, bool ceil = false);

// The positions of inputs[].
enum Conv2dInput : size_t { kConvSrc, kConvWeights, kConvBias, kConvResidual };

}  // namespace octet
