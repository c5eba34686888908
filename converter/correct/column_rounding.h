// Rounding a channel's weights one after the other, each making up for those before it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "octet/result.h"

namespace octet {

// X^T X, [taps][taps], of src [rows][taps].
// kUnsupported, kResource: what the product's library says.
Result<std::vector<float>> input_products(std::span<const float> src, int64_t rows, int64_t taps);

// For the inputs X of a linear channel, y = X w:
//
//   H = 2 X^T X + 0.01 mean(diag H) I,   H^-1 = U^T U with U upper triangular,
//   for j = 0, 1, ...:  q_j = round(w_j / s_j),  w_k -= (w_j - s_j q_j) / U_jj * U_jk  for k > j
//
// so that the error of X w stays small, not that of w (Frantar et al. 2022, GPTQ, arXiv:2210.17323). H takes
// kMaxTaps^2 numbers at most: longer channels are cut into runs of that many taps, which do not make up for each other.
class ColumnRounding {
 public:
  static constexpr int64_t kMaxTaps = 4096;

  // src  X, [rows][taps], in real numbers
  // kUnsupported, kResource: what the product's library says.
  static Result<ColumnRounding> create(std::span<const float> src, int64_t rows, int64_t taps);

  // Replaces the weights by s_j q_j with |q_j| <= bound.
  //
  // weights  [taps], steps [taps]: s
  void round(std::span<float> weights, std::span<const float> steps, float bound) const;

 private:
  struct Run {
    int64_t first, taps;
    std::vector<float> factor;  // U, [taps][taps]
  };
  std::vector<Run> runs_;
};

}  // namespace octet
