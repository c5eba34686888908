// Another shape for the same elements: a view, no bytes move.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dims[i] > 0 is a dimension; 0 copies input dimension i; at most one -1 takes what is left; -2 - k is dimension k of
// like. With one dynamic dimension that no 0 copies, the -1 becomes dynamic. Nothing is said of how many elements there
// are where a dimension of like is dynamic.
//
// inputs   src   any type
//          like  of any type, where a dimension asks for it: only its shape is read
// outputs  dst   the type and quantization (per tensor) of src
struct ReshapeParams {
  static constexpr const char* kName = "reshape";

  std::vector<int64_t> dims;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("dims", self.dims);
  }
};

constexpr size_t kReshapeSrc = 0, kReshapeLike = 1;
// The number in dims that stands for dimension `axis` of like, and the axis that such a number (at most -2) stands for.
constexpr int64_t dim_of_like(int64_t axis) {
  return -2 - axis;
}
constexpr int64_t axis_of_like(int64_t dim) {
  return -2 - dim;
}

Result<std::vector<Shape>> infer_shapes(const ReshapeParams& params, Descs inputs);
Status check_types(const ReshapeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<ReshapeParams>> kernel_table(const ReshapeParams&);
inline bool keeps_samples_apart(const ReshapeParams&, Descs, Descs) {
  return true;
}
inline bool is_view(const ReshapeParams&) {
  return true;
}
inline bool reads_only_shape(const ReshapeParams&, size_t input) {
  return input == kReshapeLike;
}

}  // namespace octet
