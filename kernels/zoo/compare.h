// Comparisons and logic of two tensors, with broadcasting.
#pragma once

#include "kernels/zoo/slot.h"

namespace octet {

// The numbers are on disk: append only. Greater is less with its inputs swapped.
enum class CompareKind : int64_t { kEqual = 0, kLess = 1, kLessOrEqual = 2, kAnd = 3, kOr = 4, kXor = 5 };

// dst = f(a, b), a and b broadcast as NumPy does. A NaN equals nothing and is less than nothing.
//
// inputs   a, b  f32 or s64 (equal, less, less_or_equal), bool (and, or, xor), both alike
// outputs  dst   bool, the broadcast shape
struct CompareParams {
  static constexpr const char* kName = "compare";
  static constexpr bool kIsZoo = true;

  CompareKind kind = CompareKind::kEqual;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
  }
};

inline bool keeps_samples_apart(const CompareParams&, Descs inputs, Descs outputs) {
  return activations_have_rank(inputs, outputs[0].shape.rank());
}

}  // namespace octet
