// Elementwise functions of two tensors, with broadcasting: one family, one table of functions.
#pragma once

#include <cstdint>

#include "kernels/clamp.h"
#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class BinaryKind : int64_t {
  kAdd = 0,
  kSub = 1,
  kMul = 2,
  kDiv = 3,
  kPow = 4,
  kMin = 5,
  kMax = 6,
  kRemainder = 7,  // of a division towards zero: has the sign of a
  kModulo = 8      // of a division towards minus infinity: has the sign of b
};

// dst = clamp(f(a, b)), a and b broadcast as NumPy does (aligned at the last axis).
//
// f32   all kinds, as IEEE defines them; min and max pass on a NaN.
// s64   all kinds, without clamp; div goes towards zero, a division by 0 and its remainder give 0, sums, products and
//       powers wrap, a power below 0 gives what is left of the fraction.
// u8    add, sub, mul; each tensor per tensor quantized with its own parameters:
//   add, sub  x = fma(f32(a - a_zp), a_scale/dst_scale, f32(b - b_zp) * (+-b_scale/dst_scale))
//   mul       x = f32((a - a_zp) * (b - b_zp)) * (a_scale*b_scale/dst_scale), that factor in double, rounded once
//   dst = saturate_u8(round_half_even(clamp_q(x)) + dst_zp), clamp_q in units of dst: [min/dst_scale, max/dst_scale]
//   add and sub with folds_zero_points, as ONNX Runtime has its QLinearAdd:
//   offset = f32(dst_zp) - fma(a_scale/dst_scale, f32(a_zp), +-b_scale/dst_scale * f32(b_zp))
//   x = fma(f32(a), a_scale/dst_scale, fma(f32(b), +-b_scale/dst_scale, offset))
//   dst = saturate_u8(round_half_even(clamp_q(x))), clamp_q shifted by dst_zp
//       min, max; all three tensors per tensor quantized alike:
//   dst as of add, x = f32(min(a, b) - zp)
//
// inputs   a, b  any shapes that broadcast; either may be constant
// outputs  dst   the broadcast shape
struct BinaryParams {
  static constexpr const char* kName = "binary";

  BinaryKind kind = BinaryKind::kAdd;
  Clamp clamp;
  bool folds_zero_points = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("clamp", self.clamp);
    visit("folds_zero_points", self.folds_zero_points);
  }
};

Result<std::vector<Shape>> infer_shapes(const BinaryParams& params, Descs inputs);
Status check_types(const BinaryParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<BinaryParams>> kernel_table(const BinaryParams&);
inline bool keeps_samples_apart(const BinaryParams&, Descs inputs, Descs outputs) {
  return activations_have_rank(inputs, outputs[0].shape.rank());
}
// Whether the kind takes u8, and then whether dst has integers of its own (add, sub, mul) or a's and b's (min, max).
bool takes_u8(BinaryKind kind);
bool rescales_u8(BinaryKind kind);
int in_place_input(const BinaryParams& params, Descs inputs, Descs outputs);

// "add", "sub", ...
const char* to_string(BinaryKind kind);

}  // namespace octet
