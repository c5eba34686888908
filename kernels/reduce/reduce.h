// Reductions over axes: one family, one table of functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class ReduceKind : int64_t {
  kSum = 0,
  kMean = 1,
  kMax = 2,
  kMin = 3,
  kProd = 4,
  kSumSquare = 5,
  kL1 = 6,
  kL2 = 7
};

// In f32 sums and products are kept in double, in the order of the elements, and rounded once; max and min pass on a
// NaN. In s64 they wrap. Over no elements: 0, 1 for prod, NaN for mean, the lowest number for max, the highest for min.
// In u8, for n elements reduced to one:
//   sum, mean  saturate_u8(round_half_even(f32(sum - n*src_zp) * (src_scale / (dst_scale * d))) + dst_zp), d is 1 for
//   sum
//              and n for mean; the sum is exact, the factor computed in double and rounded once. As an average pool has
//              it.
//   max, min   of the integers: dst has the quantization of src
//
// inputs   src  f32 (all kinds), s64 (sum, max, min, prod), u8 per tensor quantized (sum, mean, max, min)
// outputs  dst  the type of src; the reduced axes are 1 with keep_dims, else gone
struct ReduceParams {
  static constexpr const char* kName = "reduce";

  ReduceKind kind = ReduceKind::kSum;
  std::vector<int64_t> axes;  // distinct, in [0, rank); empty reduces nothing
  bool keep_dims = true;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("axes", self.axes);
    visit("keep_dims", self.keep_dims);
  }
};

Result<std::vector<Shape>> infer_shapes(const ReduceParams& params, Descs inputs);
Status check_types(const ReduceParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<ReduceParams>> kernel_table(const ReduceParams&);
inline bool keeps_samples_apart(const ReduceParams& params, Descs, Descs) {
  return std::find(params.axes.begin(), params.axes.end(), 0) == params.axes.end();
}

// Whether the kind takes u8, and then whether dst has integers of its own (sum, mean) or src's (max, min).
bool takes_u8(ReduceKind kind);
bool rescales_u8(ReduceKind kind);

// "sum", "mean", ...
const char* to_string(ReduceKind kind);

}  // namespace octet
