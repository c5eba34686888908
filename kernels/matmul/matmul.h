// Matrix product of two tensors.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]; the leading dimensions broadcast as NumPy does.
// The order of the sum is the kernel's own: bytes may change with CPU and threads, by 1e-5 relative.
//
// inputs   a, b  f32, rank >= 2; either may be constant
// outputs  dst   f32
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
