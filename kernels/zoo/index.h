// Gathering and scattering of single elements or slices by an index tensor: one family.
#pragma once

#include "kernels/zoo/slot.h"

namespace octet {

// The numbers are on disk: append only.
enum class IndexKind : int64_t { kGatherElements = 0, kGatherNd = 1, kScatterElements = 2, kScatterNd = 3 };
enum class ScatterReduction : int64_t { kNone = 0, kAdd = 1, kMul = 2, kMin = 3, kMax = 4 };

// gather_elements   dst[i0,i1,...] = data[i0,i1,...], with the index of `axis` replaced by indices[i0,i1,...]
// gather_nd         dst[b..., i..., rest] = data[b..., indices[b..., i..., :], rest]: rows of indices are places in
// data
//                   behind its first batch_dims axes
// scatter_elements  dst = data, but dst[i0,i1,...] (index of `axis` replaced as above) = updates[i0,i1,...]
// scatter_nd        dst = data, but dst[indices[i..., :], rest] = updates[i..., rest]
//
// A negative index counts from the end; one outside gathers zeros and scatters nothing. With a reduction updates are
// added to (...) what is there, in order; without one the last update stays.
//
// inputs   data     any plain type; f32 or s64 with a reduction
//          indices  s64
//          updates  (scatter) the type of data
// outputs  dst      the type of data
struct IndexParams {
  static constexpr const char* kName = "index";
  static constexpr bool kIsZoo = true;

  IndexKind kind = IndexKind::kGatherElements;
  int64_t axis = 0;        // of the _elements kinds: in [0, rank)
  int64_t batch_dims = 0;  // of gather_nd
  ScatterReduction reduction = ScatterReduction::kNone;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("axis", self.axis);
    visit("batch_dims", self.batch_dims);
    visit("reduction", self.reduction);
  }
};

}  // namespace octet
