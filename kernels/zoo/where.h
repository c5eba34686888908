// Choice between two tensors, element by element.
#pragma once

#include "kernels/zoo/slot.h"

namespace octet {

// dst = condition ? a : b, all three broadcast as NumPy does.
//
// inputs   condition  bool
//          a, b       any plain type, both alike
// outputs  dst        the type of a, the broadcast shape
struct WhereParams {
  static constexpr const char* kName = "where";
  static constexpr bool kIsZoo = true;

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

inline bool keeps_samples_apart(const WhereParams&, Descs inputs, Descs outputs) {
  return activations_have_rank(inputs, outputs[0].shape.rank());
}

}  // namespace octet
