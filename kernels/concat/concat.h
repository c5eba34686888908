// Concatenation along one axis.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst = inputs joined along `axis`; all other dimensions are equal.
//
// inputs   one or more; any type, all alike. u8 per tensor inputs may each have their own parameters and are then
//          requantized: saturate_u8(round_half_even(src_scale * (q - src_zp) / dst_scale) + dst_zp).
// outputs  dst  the type of the inputs
struct ConcatParams {
  static constexpr const char* kName = "concat";

  int64_t axis = 0;  // in [0, rank)

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axis", self.axis);
  }
};

Result<std::vector<Shape>> infer_shapes(const ConcatParams& params, Descs inputs);
Status check_types(const ConcatParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<ConcatParams>> kernel_table(const ConcatParams&);
inline bool keeps_samples_apart(const ConcatParams& params, Descs, Descs) {
  return params.axis != 0;
}

}  // namespace octet
