// Tensors that tests own: aligned bytes, a TensorDesc over them, and seeded random contents.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/kernel.h"

namespace octet::test {

// Elements of T at a multiple of 64 bytes, as kernels may expect of constants.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}  // NOLINT: implicit, as allocators are
  T* allocate(size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, size_t) { ::operator delete (p, std::align_val_t{64}); }
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};
using Bytes = std::vector<std::byte, AlignedAllocator<std::byte>>;

// A tensor with its own storage. desc() refers to it.
struct Tensor {
  DataType type = DataType::kF32;
  Shape shape;
  std::vector<float> scales;
  std::vector<int32_t> zero_points;
  bool constant = false;
  bool present = true;
  int bits = 8;
  int64_t group = 0;
  Bytes bytes;

  void allocate() { bytes.assign(static_cast<size_t>(shape.element_count() * element_bytes(type)), std::byte{0}); }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  TensorDesc desc() const {
    TensorDesc desc{.type = type,
                    .shape = shape,
                    .scales = scales,
                    .zero_points = zero_points,
                    .present = present,
                    .bits = bits,
                    .group = group};
    if (constant) desc.data = bytes.data();
    return desc;
  }
};

inline Tensor absent() {
  Tensor tensor;
  tensor.present = false;
  return tensor;
}

inline Tensor make_f32(const Shape& shape) {
  Tensor tensor{.type = DataType::kF32, .shape = shape};
  tensor.allocate();
  return tensor;
}

inline Tensor make_bf16(const Shape& shape) {
  Tensor tensor{.type = DataType::kBf16, .shape = shape};
  tensor.allocate();
  return tensor;
}

inline Tensor make_u8(const Shape& shape, float scale, int32_t zero_point) {
  Tensor tensor{.type = DataType::kU8, .shape = shape, .scales = {scale}, .zero_points = {zero_point}};
  tensor.allocate();
  return tensor;
}

using Random = std::mt19937;

inline void fill_uniform(Tensor& tensor, Random& random, float min, float max) {
  std::uniform_real_distribution<float> uniform(min, max);
  for (float& x : tensor.as<float>()) x = uniform(random);
}

inline void fill_bf16(Tensor& tensor, Random& random, float min, float max) {
  std::uniform_real_distribution<float> uniform(min, max);
  for (Bf16& x : tensor.as<Bf16>()) x = to_bf16(uniform(random));
}

// T an integer type; includes min and max.
template <class T>
void fill_integers(Tensor& tensor, Random& random, int64_t min, int64_t max) {
  std::uniform_int_distribution<int64_t> uniform(min, max);
  for (T& x : tensor.as<T>()) x = static_cast<T>(uniform(random));
}

// Only the two ends of the range: what saturating shortcuts get wrong.
template <class T>
void fill_extremes(Tensor& tensor, Random& random, int64_t min, int64_t max) {
  for (T& x : tensor.as<T>()) x = static_cast<T>(random() % 2 == 0 ? min : max);
}

}  // namespace octet::test
