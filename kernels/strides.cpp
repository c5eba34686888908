#include "kernels/strides.h"

#include <cstring>

#include "kernels/checks.h"

namespace octet {
namespace {

// Without elements the product of some dimensions may exceed 64 bits: unsigned, it wraps instead of being undefined.
int64_t wrapping_multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <class T>
void copy_run(const void* src, int64_t offset, int64_t stride, int64_t n, void* dst, int64_t i) {
  const T* from = static_cast<const T*>(src) + offset;
  T* to = static_cast<T*>(dst) + i;
  for (int64_t j = 0; j < n; ++j) to[j] = from[j * stride];
}

Dims broadcast_strides(const Shape& shape, const Shape& broadcast) {
  const Dims dense = row_major_strides(shape);
  const int shift = broadcast.rank() - shape.rank();
  Dims strides{};
  for (int axis = 0; axis < shape.rank(); ++axis) strides[axis + shift] = shape[axis] == 1 ? 0 : dense[axis];
  return strides;
}

}  // namespace

Dims row_major_strides(const Shape& shape) {
  Dims strides{};
  int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride = wrapping_multiply(stride, shape[axis]);
  }
  return strides;
}

void collapse(Shape& shape, std::span<Dims> strides) {
  Dims dims{};
  int rank = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    bool joins = rank > 0;
    for (const Dims& s : strides) {
      joins = joins && s[rank - 1] == wrapping_multiply(s[axis], shape[axis]);
    }
    if (!joins) ++rank;
    dims[rank - 1] = joins ? wrapping_multiply(dims[rank - 1], shape[axis]) : shape[axis];
    for (Dims& s : strides) s[rank - 1] = s[axis];
  }
  if (rank == 0) {
    rank = 1;
    dims[0] = 1;
    for (Dims& s : strides) s[0] = 1;
  }
  shape = Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank)));
}

void copy_strided(const StridedLoop<1>& loop, int64_t element_bytes, const void* src, void* dst, int threads) {
  const int64_t stride = loop.strides[0][loop.shape.rank() - 1];
  for_each_run(loop, threads, kElementsPerThread, [&](const Walker<1>& walker, int64_t column, int64_t i, int64_t n) {
    const int64_t offset = walker.offset(0) + column * stride;
    if (stride == 1) {
      std::memcpy(static_cast<char*>(dst) + i * element_bytes, static_cast<const char*>(src) + offset * element_bytes,
                  static_cast<size_t>(n * element_bytes));
    } else if (element_bytes == 1) {
      copy_run<uint8_t>(src, offset, stride, n, dst, i);
    } else if (element_bytes == 2) {
      copy_run<uint16_t>(src, offset, stride, n, dst, i);
    } else if (element_bytes == 4) {
      copy_run<uint32_t>(src, offset, stride, n, dst, i);
    } else {
      copy_run<uint64_t>(src, offset, stride, n, dst, i);
    }
  });
}

Result<Shape> broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  for (int axis = 1; axis <= shorter.rank(); ++axis) {
    int64_t& dim = result[result.rank() - axis];
    const int64_t other = shorter[shorter.rank() - axis];
    if (dim == other || other == 1) continue;
    if (dim == 1 || dim == Shape::kDynamic) {
      dim = other;
    } else if (other != Shape::kDynamic) {
      return invalid(op, "shapes " + a.to_string() + " and " + b.to_string() +
                             " do not broadcast: " + std::to_string(dim) + " and " + std::to_string(other));
    }
  }
  return result;
}

StridedLoop<2> broadcast_loop(const Shape& a, const Shape& b, const Shape& broadcast) {
  return {broadcast, {broadcast_strides(a, broadcast), broadcast_strides(b, broadcast)}, {}};
}

}  // namespace octet
