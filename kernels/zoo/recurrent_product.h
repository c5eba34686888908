// The matrix products of recurrent layers: rows of f32 times weights of f32 or s8.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/zoo/recurrent.h"

namespace octet {

// Which part of the weights, seen as a matrix [D*G*H, taps], multiplies how many rows.
struct RecurrentPart {
  RecurrentInput weights;  // kRecurrentW or kRecurrentR
  int64_t first, outputs;  // rows of the matrix
  int64_t bias;            // the bias of the first of them in b
  int64_t rows;            // of the source
};

// One call computes dst[rows, outputs] = src[rows, taps] * part^T + bias.
class RecurrentProduct {
 public:
  RecurrentProduct() = default;  // nothing, never run
  // `scratchpad` is that of the products of one layer; nobody else uses it while they run.
  static Result<RecurrentProduct> prepare(const Problem<RecurrentParams>& problem, const RecurrentPart& part,
                                          const std::shared_ptr<Scratchpad>& scratchpad);

  void run(const float* src, float* dst) const;

 private:
  Kernel kernel_;
  const void *weights_ = nullptr, *bias_ = nullptr;  // the kernel's other inputs
};

// What shape and type rules of fully connected layers say of x W^T and h R^T with weights of s8.
Status check_integer_product_shapes(const RecurrentParams& params, Descs inputs);
Status check_integer_product_types(const RecurrentParams& params, Descs inputs);

}  // namespace octet
