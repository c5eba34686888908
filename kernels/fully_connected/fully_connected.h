// Fully connected layer: a matrix of constants times each row of the source.
#pragma once

#include <cstdint>

#include "kernels/clamp.h"
#include "kernels/kernel.h"

namespace octet {

// dst[n,o] = clamp(bias[o] + sum over k of src[n,k] * weights[o,k])
//
// inputs   src      [N, K]         f32, bf16, or u8 per tensor
//          weights  [O, K]         constant; the type of a float src, or s8 in [-127, 127] with one scale or O scales
//                                  (axis 0)
//          bias     [O] or absent  constant; f32, or s32 with scale src_scale * weights_scale[o]
// outputs  dst      [N, O]         f32 for f32 src; bf16 or f32 for bf16 src; u8 per tensor, or f32, for u8 src
//
// Prepared as a 1x1 convolution over an image of N x 1 pixels: the same numerics, and the fastest form in oneDNN.
struct FullyConnectedParams {
  static constexpr const char* kName = "fully_connected";

  Clamp clamp;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("clamp", self.clamp);
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
