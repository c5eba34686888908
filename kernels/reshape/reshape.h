// Another shape for the same elements: a view, no bytes move.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dims[i] > 0 is a dimension; 0 copies input dimension i; at most one -1 takes what is left. With one dynamic dimension
// that no 0 copies, the -1 becomes dynamic; the known dimensions must then divide without it.
//
// inputs   src  any type
// outputs  dst  the type and quantization (per tensor) of src
struct ReshapeParams {
  static constexpr const char* kName = "reshape";

  std::vector<int64_t> dims;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("dims", self.dims);
  }
};

Result<std::vector<Shape>> infer_shapes(const ReshapeParams& params, Descs inputs);
Status check_types(const ReshapeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<ReshapeParams>> kernel_table(const ReshapeParams&);
inline bool keeps_samples_apart(const ReshapeParams&, Descs, Descs) {
  return true;
}
inline bool is_view(const ReshapeParams&) {
  return true;
}

}  // namespace octet
