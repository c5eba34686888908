// A part of a tensor, with steps.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// Along axes[i]: elements starts[i], starts[i] + steps[i], ... before ends[i]. Negative starts and ends count from the
// end; both are then clamped to the axis as ONNX Slice does. Steps may be negative, not 0. A dynamic
// dimension stays dynamic.
//
// inputs   src  any type
// outputs  dst  the type and quantization (per tensor) of src
struct SliceParams {
  static constexpr const char* kName = "slice";

  std::vector<int64_t> axes, starts, ends, steps;  // of equal length; axes distinct, in [0, rank)

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axes", self.axes);
    visit("starts", self.starts);
    visit("ends", self.ends);
    visit("steps", self.steps);
  }
};

Result<std::vector<Shape>> infer_shapes(const SliceParams& params, Descs inputs);
Status check_types(const SliceParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<SliceParams>> kernel_table(const SliceParams&);
inline bool keeps_samples_apart(const SliceParams& params, Descs, Descs) {
  return std::find(params.axes.begin(), params.axes.end(), 0) == params.axes.end();
}

}  // namespace octet
