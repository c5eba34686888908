// Permutation of axes.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// dst.shape[i] = src.shape[permutation[i]], elements moved along.
// inputs   src  any type
// outputs  dst  the type and quantization (per tensor) of src
struct TransposeParams {
  static constexpr const char* kName = "transpose";

  std::vector<int64_t> permutation;  // of 0 .. rank-1

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("permutation", self.permutation);
  }
};

Result<std::vector<Shape>> infer_shapes(const TransposeParams& params, Descs inputs);
Status check_types(const TransposeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<TransposeParams>> kernel_table(const TransposeParams&);
inline bool keeps_samples_apart(const TransposeParams& params, Descs, Descs) {
  return params.permutation[0] == 0;
}

}  // namespace octet
