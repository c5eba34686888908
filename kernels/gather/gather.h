// Selection of slices by index.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst[before..., i..., after...] = data[before..., indices[i...], after...]; a negative index counts from the end, one
// outside the axis gives zeros (the zero point of quantized data).
//
// inputs   data     rank >= 1; any type (quantized s32: zero point 0 only)
//          indices  s64 or s32, any shape
// outputs  dst      the type and quantization (per tensor) of data; data's shape, the axis replaced by indices' shape
struct GatherParams {
  static constexpr const char* kName = "gather";

  int64_t axis = 0;  // in [0, rank)

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axis", self.axis);
  }
};

Result<std::vector<Shape>> infer_shapes(const GatherParams& params, Descs inputs);
Status check_types(const GatherParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<GatherParams>> kernel_table(const GatherParams&);
inline bool keeps_samples_apart(const GatherParams& params, Descs inputs, Descs) {
  return params.axis != 0 && inputs[1].is_constant();
}

}  // namespace octet
