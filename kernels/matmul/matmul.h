// Matrix product of two tensors.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]; the leading dimensions broadcast as NumPy does.
//
// f32  The order of the sum is the kernel's own: bytes may change with CPU and threads, by 1e-5 relative.
// u8   Each tensor per tensor quantized with its own parameters, at most kMaxMatmulDepth products in a sum:
//   sum = sum over k of (a - a_zp) * (b - b_zp), exactly, in s32
//   u8 dst   saturate_u8(round_half_even(f32(sum) * (a_scale*b_scale/dst_scale)) + dst_zp)
//   f32 dst  f32(sum) * (a_scale*b_scale)
//   with requantization_multiplier() of the scales (kernels/quantization.h)
//
// inputs   a, b  both f32 or both u8, rank >= 2; either may be constant
// outputs  dst   f32, or u8 of u8
constexpr int64_t kMaxMatmulDepth = INT32_MAX / (255 * 255);

struct MatmulParams {
  static constexpr const char* kName = "matmul";

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

Result<std::vector<Shape>> infer_shapes(const MatmulParams& params, Descs inputs);
Status check_types(const MatmulParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<MatmulParams>> kernel_table(const MatmulParams&);
inline bool keeps_samples_apart(const MatmulParams&, Descs inputs, Descs outputs) {
  return activations_have_rank(inputs, outputs[0].shape.rank());
}
int64_t count_macs(const MatmulParams& params, Descs inputs, Descs outputs);

}  // namespace octet
