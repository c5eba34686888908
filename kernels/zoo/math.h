// Functions of one tensor that networks rarely use: one table of functions.
#pragma once

#include "kernels/zoo/slot.h"

namespace octet {

// The numbers are on disk: append only.
enum class MathKind : int64_t {
  kSin = 0,
  kCos = 1,
  kTan = 2,
  kAsin = 3,
  kAcos = 4,
  kAtan = 5,
  kSinh = 6,
  kCosh = 7,
  kAsinh = 8,
  kAcosh = 9,
  kAtanh = 10,
  kSign = 11  // -1, 0 or 1; NaN for NaN
};

// dst = f(src), elementwise, computed in double and rounded once.
//
// inputs   src  f32, any shape
// outputs  dst  f32, the shape of src
struct MathParams {
  static constexpr const char* kName = "math";
  static constexpr bool kIsZoo = true;

  MathKind kind = MathKind::kSin;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
  }
};

inline bool keeps_samples_apart(const MathParams&, Descs, Descs) {
  return true;
}

}  // namespace octet
