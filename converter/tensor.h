// A tensor that owns its bytes: the constants of a float graph, and samples of data.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "octet/types.h"

namespace octet {

// Copies share the bytes; a tensor that is shared is not written any more. 64-byte aligned.
class Tensor {
 public:
  Tensor() = default;
  // Zero-filled. shape.element_count() >= 0.
  Tensor(DataType type, Shape shape);

  // A copy of `values`, whose count must be that of the shape.
  template <class T>
  static Tensor from(DataType type, Shape shape, std::span<const T> values) {
    Tensor tensor(type, shape);
    if (!values.empty()) std::memcpy(tensor.data(), values.data(), values.size_bytes());
    return tensor;
  }
  static Tensor f32(Shape shape, std::span<const float> values) { return from(DataType::kF32, shape, values); }
  static Tensor s64(Shape shape, std::span<const int64_t> values) { return from(DataType::kS64, shape, values); }

  DataType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  int64_t element_count() const { return shape_.element_count(); }
  int64_t byte_count() const { return element_count() * element_bytes(type_); }
  void* data() { return bytes_.get(); }
  const void* data() const { return bytes_.get(); }
  template <class T>
  std::span<T> as() {
    return {static_cast<T*>(data()), static_cast<size_t>(element_count())};
  }
  template <class T>
  std::span<const T> as() const {
    return {static_cast<const T*>(data()), static_cast<size_t>(element_count())};
  }
  TensorView view() const { return {type_, shape_, bytes_.get()}; }
  // The same bytes under another shape of as many elements.
  Tensor reshaped(Shape shape) const;

 private:
  DataType type_ = DataType::kF32;
  Shape shape_{0};
  std::shared_ptr<void> bytes_;
};

// Of the elements' bytes, not of the shape, behind those that gave `before`: equal where they are, and else hardly
// ever. No secret is safe by it.
uint64_t hash_of(const Tensor& tensor, uint64_t before);

// The elements with their axes permuted: result.shape()[i] = tensor.shape()[permutation[i]].
Tensor transposed(const Tensor& tensor, std::span<const int64_t> permutation);

}  // namespace octet
