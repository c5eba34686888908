// Linear layers while they are being trained: the products forward and for the gradient of the weights.
#pragma once

#include <cstdint>
#include <memory>

#include "octet/result.h"

namespace octet {

// For each of `groups` matrices X [rows, inputs] and W [outputs, inputs]:
//
//   forward           Y = X W^T                         [rows, outputs]
//   weights_gradient  dW = dY^T X                       [outputs, inputs], dY = dL/dY
//
// All f32, dense, groups outermost; from one group of X to the next it is `src_stride` floats, so that X may be a slice
// of more rows. A convolution is one of these over patches of its input, a depthwise one with a group per channel.
// Runs on one thread on oneDNN, so the same numbers on the same CPU. Not thread-safe.
class LinearGradient {
 public:
  struct Sizes {
    int64_t groups, rows, inputs, outputs;  // >= 1
    int64_t src_stride;                     // >= rows * inputs
  };

  // kUnsupported, kResource: what oneDNN says.
  static Result<LinearGradient> create(const Sizes& sizes);
  LinearGradient(LinearGradient&&) noexcept;
  LinearGradient& operator=(LinearGradient&&) noexcept;
  ~LinearGradient();

  void forward(const float* src, const float* weights, float* dst);
  void weights_gradient(const float* src, const float* dst_gradient, float* weights_gradient);

 private:
  struct State;
  explicit LinearGradient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace octet
