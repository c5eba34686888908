// Softmax and its logarithm, in f32 with a fixed order of reduction: the same bytes on every CPU and thread count.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst = exp(src - m) / sum(exp(src - m)), m = max(src), over one axis; with `log`: src - m - log(sum(exp(src - m))).
//
// The order of the sum is fixed (softmax_row.h), exp and log are those of elementary.h; within 1e-6 of the exact value,
// where |src - m| is below 16 (above, the rounding of src - m shows). A NaN, or nothing but -inf, gives NaN throughout.
//
// inputs   src  f32, any shape of rank >= 1
// outputs  dst  f32, the shape of src
struct SoftmaxParams {
  static constexpr const char* kName = "softmax";

  int64_t axis = 0;  // in [0, rank)
  bool log = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axis", self.axis);
    visit("log", self.log);
  }
};

Result<std::vector<Shape>> infer_shapes(const SoftmaxParams& params, Descs inputs);
Status check_types(const SoftmaxParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<SoftmaxParams>> kernel_table(const SoftmaxParams&);
inline bool keeps_samples_apart(const SoftmaxParams& params, Descs, Descs) {
  return params.axis != 0;
}
int in_place_input(const SoftmaxParams& params, Descs inputs, Descs outputs);

}  // namespace octet
