// Fully connected layer: a matrix of constants times each row of the source.
#pragma once

#include <cstdint>

#include "kernels/clamp.h"
#include "kernels/kernel.h"

namespace octet {

// dst[...,o] = clamp(bias[o] + sum over k of src[...,k] * weights[o,k])
//
// inputs   src      [..., K]       f32, bf16, or u8 per tensor; rank 2 or more
//          weights  [O, K]         constant; the type of a float src, or s8 in [-127, 127] with one scale or O scales
//                                  (axis 0)
//          bias     [O] or absent  constant; f32, or for u8 src s32 with scale src_scale * weights_scale[o]
// outputs  dst      [..., O]       f32 for f32 src; bf16 or f32 for bf16 src; u8 per tensor, or f32, for u8 src
//
// f32 src with s8 weights is the business of weight_only.h and row_quantized.h. All else is prepared as a 1x1
// convolution over an image of N x 1 pixels: the same numerics, and the fastest form in oneDNN.
struct FullyConnectedParams {
  static constexpr const char* kName = "fully_connected";
  static constexpr uint16_t kFirstFields = 1;  // the others are in a file only where they are not false

  Clamp clamp;
  bool quantize_rows = false;  // of an f32 src, for weights that are integers: row_quantized.h

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("clamp", self.clamp);
    visit("quantize_rows", self.quantize_rows);
  }
};

Result<std::vector<Shape>> infer_shapes(const FullyConnectedParams& params, Descs inputs);
Status check_types(const FullyConnectedParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<FullyConnectedParams>> kernel_table(const FullyConnectedParams&);
inline bool keeps_samples_apart(const FullyConnectedParams&, Descs, Descs) {
  return true;
}
int64_t count_macs(const FullyConnectedParams& params, Descs inputs, Descs outputs);

}  // namespace octet
