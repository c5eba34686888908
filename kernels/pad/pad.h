// Padding of any axes.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class PadMode : int64_t { kConstant = 0, kReflect = 1, kEdge = 2 };

// before[i] and after[i] elements are added along axis i; negative counts remove elements. What reflect and edge show
// comes from the elements that are left: reflect needs more of them than are added at either side, edge at least one.
//
// inputs   src  f32, s64, or u8 per tensor
// outputs  dst  the type and quantization of src; a constant pad is `value` quantized with those parameters, for s64
//               a whole number
struct PadParams {
  static constexpr const char* kName = "pad";

  PadMode mode = PadMode::kConstant;
  std::vector<int64_t> before, after;  // one per axis
  float value = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("mode", self.mode);
    visit("before", self.before);
    visit("after", self.after);
    visit("value", self.value);
  }
};

Result<std::vector<Shape>> infer_shapes(const PadParams& params, Descs inputs);
Status check_types(const PadParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<PadParams>> kernel_table(const PadParams&);
inline bool keeps_samples_apart(const PadParams& params, Descs, Descs) {
  return params.before[0] == 0 && params.after[0] == 0;
}

}  // namespace octet
