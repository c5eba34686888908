#include "converter/tensor.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>

namespace octet {

Tensor::Tensor(DataType type, Shape shape) : type_(type), shape_(shape) {
  assert(shape.element_count() >= 0);
  const size_t bytes = static_cast<size_t>(byte_count());
  const size_t rounded = (bytes / 64 + 1) * 64;
  void* memory = std::aligned_alloc(64, rounded);
  if (memory == nullptr) throw std::bad_alloc();  // the converter's main turns it into exit code 1
  std::memset(memory, 0, rounded);
  bytes_ = std::shared_ptr<void>(memory, std::free);
}

Tensor Tensor::reshaped(Shape shape) const {
  assert(shape.element_count() == element_count());
  Tensor other = *this;
  other.shape_ = shape;
  return other;
}

uint64_t hash_of(const Tensor& tensor, uint64_t before) {
  const auto mix = [](uint64_t x) {  // the finalizer of splitmix64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
  };
  const auto* bytes = static_cast<const char*>(tensor.data());
  auto left = static_cast<size_t>(tensor.byte_count());
  for (; left > 0; bytes += std::min<size_t>(left, 8), left -= std::min<size_t>(left, 8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, std::min<size_t>(left, 8));
    before = mix(before + 0x9E3779B97F4A7C15U + word);
  }
  return before;
}

Tensor transposed(const Tensor& tensor, std::span<const int64_t> permutation) {
  const int rank = tensor.shape().rank();
  assert(static_cast<size_t>(rank) == permutation.size());
  Shape shape = tensor.shape();
  std::array<int64_t, Shape::kMaxRank> strides{}, source_strides{}, index{};
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    source_strides[static_cast<size_t>(i)] = stride;
    stride *= tensor.shape()[i];
  }
  for (int i = 0; i < rank; ++i) {
    const int64_t axis = permutation[static_cast<size_t>(i)];
    shape[i] = tensor.shape()[static_cast<int>(axis)];
    strides[static_cast<size_t>(i)] = source_strides[static_cast<size_t>(axis)];
  }
  Tensor result(tensor.type(), shape);
  const int64_t bytes = element_bytes(tensor.type());
  const auto* source = static_cast<const char*>(tensor.data());
  auto* destination = static_cast<char*>(result.data());
  int64_t offset = 0;
  for (int64_t n = result.element_count(); n > 0; --n) {
    std::memcpy(destination, source + offset * bytes, static_cast<size_t>(bytes));
    destination += bytes;
    for (int i = rank - 1; i >= 0; --i) {
      const auto axis = static_cast<size_t>(i);
      offset += strides[axis];
      if (++index[axis] < shape[i]) break;
      offset -= strides[axis] * shape[i];
      index[axis] = 0;
    }
  }
  return result;
}

}  // namespace octet
