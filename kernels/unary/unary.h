// Elementwise functions of one tensor: one family, one table of functions.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class UnaryKind : int64_t {
  kIdentity = 0,     // x; on u8 with other parameters at the output: requantization
  kClip = 1,         // min(max(x, alpha), beta): ReLU is alpha 0, beta inf
  kLeakyRelu = 2,    // x < 0 ? alpha * x : x
  kElu = 3,          // x < 0 ? alpha * (exp(x) - 1) : x
  kSigmoid = 4,      // 1 / (1 + exp(-x))
  kTanh = 5,         //
  kHardSigmoid = 6,  // min(max(alpha * x + beta, 0), 1)
  kHardSwish = 7,    // x * min(max(x / 6 + 0.5, 0), 1)
  kExp = 8,
  kLog = 9,
  kSqrt = 10,
  kNeg = 11,
  kAbs = 12,
  kReciprocal = 13,
  kFloor = 14,
  kCeil = 15,
  kErf = 16,
  kSoftplus = 17,  // log(1 + exp(x))
  kSoftsign = 18,  // x / (1 + |x|)
  kSilu = 19,      // x * sigmoid(x)
  kRound = 20,     // half to even
  kGelu = 21,      // x / 2 * (1 + erf(x / sqrt(2)))
  kGeluTanh = 22,  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  kMish = 23,      // x * tanh(softplus(x))
};

// dst = f(src), elementwise.
//
// f32 -> f32  all kinds; by exp_f32 and log_f32 of elementary.h, so to 1e-6 relative and alike on every CPU.
// u8 -> u8    all kinds, both per tensor, through a table of 256 entries: saturate_u8(round_half_even(f(src_scale *
//             (q - src_zp)) / dst_scale) + dst_zp).
// inputs   src  any shape
// outputs  dst  the shape of src
struct UnaryParams {
  static constexpr const char* kName = "unary";

  UnaryKind kind = UnaryKind::kIdentity;
  float alpha = 0;
  float beta = 0;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("alpha", self.alpha);
    visit("beta", self.beta);
  }
};

Result<std::vector<Shape>> infer_shapes(const UnaryParams& params, Descs inputs);
Status check_types(const UnaryParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<UnaryParams>> kernel_table(const UnaryParams&);
inline bool keeps_samples_apart(const UnaryParams&, Descs, Descs) {
  return true;
}
int in_place_input(const UnaryParams& params, Descs inputs, Descs outputs);

// The function itself, in f32.
float evaluate(const UnaryParams& params, float x);
// "identity", "clip", ...
const char* to_string(UnaryKind kind);

}  // namespace octet
