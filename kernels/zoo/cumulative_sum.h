// Running sums along an axis.
#pragma once

#include "kernels/zoo/slot.h"

namespace octet {

// dst[i] = src[0] + ... + src[i] along `axis`; `exclusive` leaves out src[i] itself, `reverse` sums from the end. f32
// is summed in double, s64 wraps.
//
// inputs   src  f32 or s64
// outputs  dst  the type and shape of src
struct CumulativeSumParams {
  static constexpr const char* kName = "cumulative_sum";
  static constexpr bool kIsZoo = true;

  int64_t axis = 0;  // in [0, rank)
  bool exclusive = false;
  bool reverse = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("axis", self.axis);
    visit("exclusive", self.exclusive);
    visit("reverse", self.reverse);
  }
};

inline bool keeps_samples_apart(const CumulativeSumParams& params, Descs, Descs) {
  return params.axis != 0;
}

}  // namespace octet
