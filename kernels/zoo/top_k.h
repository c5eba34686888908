// The largest or smallest elements along an axis, and where they are.
#pragma once

#include <bit>

#include "kernels/zoo/slot.h"

namespace octet {

// Along `axis`: the `count` largest (smallest) elements, best first, and their indices. Of equal elements the one with
// the lowest index comes first, with `last` the one with the highest. A NaN counts as larger than everything.
//
// inputs   src      f32, s64, or u8 per tensor quantized: integers are in the order of what they stand for
// outputs  values   the type of src, quantized alike; src's shape with `count` along the axis
//          indices  s64, the same shape
struct TopKParams {
  static constexpr const char* kName = "top_k";
  static constexpr bool kIsZoo = true;

  int64_t axis = 0;   // in [0, rank)
  int64_t count = 1;  // in [0, the axis]
  bool largest = true;
  bool last = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axis", self.axis);
    visit("count", self.count);
    visit("largest", self.largest);
    visit("last", self.last);
  }
};

// Comparisons of a sort.
inline int64_t count_operations(const TopKParams& params, Descs inputs, Descs) {
  const auto axis = static_cast<uint64_t>(inputs[0].shape[static_cast<int>(params.axis)]);
  return inputs[0].shape.element_count() * std::bit_width(axis);
}

inline bool keeps_samples_apart(const TopKParams& params, Descs, Descs) {
  return params.axis != 0;
}

}  // namespace octet
