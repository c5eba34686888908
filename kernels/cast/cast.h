// Conversion between plain (not quantized) types.
#pragma once

#include "kernels/kernel.h"

namespace octet {

// f32 to an integer truncates towards zero and saturates; NaN gives 0. An integer to a narrower one wraps.
// To bool: x != 0. From bool: 0 or 1. To bf16: by way of f32, then rounded half to even; NaN stays NaN.
//
// inputs   src  any plain type
// outputs  dst  any plain type, the shape of src
struct CastParams {
  static constexpr const char* kName = "cast";

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

Result<std::vector<Shape>> infer_shapes(const CastParams& params, Descs inputs);
Status check_types(const CastParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<CastParams>> kernel_table(const CastParams&);
inline bool keeps_samples_apart(const CastParams&, Descs, Descs) {
  return true;
}

}  // namespace octet
