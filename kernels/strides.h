// Loops over tensors by strides: the common part of transposing, slicing, broadcasting and reducing.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/parallel.h"
#include "octet/result.h"
#include "octet/types.h"

namespace octet {

using Dims = std::array<int64_t, Shape::kMaxRank>;

// Elements from one index to the next along each axis of a dense tensor. For a tensor without elements they mean
// nothing.
Dims row_major_strides(const Shape& shape);

// A dense walk over `shape` beside kSources tensors that are walked by strides of their own (0 and negative allowed):
// element i0,i1,... meets element offsets[k] + i0*strides[k][0] + i1*strides[k][1] + ... of source k.
template <int kSources>
struct StridedLoop {
  Shape shape;
  std::array<Dims, kSources> strides{};
  std::array<int64_t, kSources> offsets{};
};

// Drops axes of one element and joins neighbours that one stride walks in every source. The result has rank >= 1, and
// an axis of one element only if it is the only axis (its strides are then 1).
void collapse(Shape& shape, std::span<Dims> strides);
template <int kSources>
StridedLoop<kSources> collapse(StridedLoop<kSources> loop) {
  collapse(loop.shape, loop.strides);
  return loop;
}

// The offsets of the sources at each index of the first `rank` axes of a loop, one index after the other.
template <int kSources>
class Walker {
 public:
  // Starts at the index whose row-major number is `first`; 0 stands for itself, also where an axis is empty.
  Walker(const StridedLoop<kSources>& loop, int rank, int64_t first) : loop_(loop), rank_(rank), at_(loop.offsets) {
    if (first == 0) return;
    for (int axis = rank - 1; axis >= 0; --axis) {
      index_[axis] = first % loop.shape[axis];
      first /= loop.shape[axis];
      for (int k = 0; k < kSources; ++k) at_[k] += index_[axis] * loop.strides[k][axis];
    }
  }

  int64_t offset(int source) const { return at_[source]; }

  void next() {
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      for (int k = 0; k < kSources; ++k) at_[k] += loop_.strides[k][axis];
      if (++index_[axis] < loop_.shape[axis]) return;
      for (int k = 0; k < kSources; ++k) at_[k] -= index_[axis] * loop_.strides[k][axis];
      index_[axis] = 0;
    }
  }

 private:
  const StridedLoop<kSources>& loop_;
  int rank_;
  std::array<int64_t, kSources> at_;
  Dims index_{};
};

// Calls f(walker, column, i, n) for runs of n elements along the last axis of a collapsed loop: the run starts `column`
// elements behind walker's offsets, and is elements i .. i+n-1 of the dense walk. A thread takes at least `grain`
// elements.
template <int kSources, class F>
void for_each_run(const StridedLoop<kSources>& loop, int threads, int64_t grain, const F& f) {
  const int64_t count = loop.shape.element_count();
  const int last = loop.shape.rank() - 1;
  parallel_for(threads, count, grain, std::min<int64_t>(grain, 64), [&](int64_t begin, int64_t end) {
    const int64_t row = loop.shape[last];
    Walker<kSources> walker(loop, last, begin / row);
    int64_t column = begin % row;
    for (int64_t i = begin; i < end; walker.next()) {
      const int64_t n = std::min(row - column, end - i);
      f(walker, column, i, n);
      i += n;
      column = 0;
    }
  });
}

// dst (dense) = src, walked by a collapsed loop.
void copy_strided(const StridedLoop<1>& loop, int64_t element_bytes, const void* src, void* dst, int threads);

// The shape to which a and b broadcast, aligned at the last axis. A dynamic dimension goes through; beside a known one
// other than 1 it can only be that or 1.
Result<Shape> broadcast_shapes(const char* op, const Shape& a, const Shape& b);

// a and b, walked over the concrete shape to which they broadcast; not collapsed.
StridedLoop<2> broadcast_loop(const Shape& a, const Shape& b, const Shape& broadcast);

}  // namespace octet
