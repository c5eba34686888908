#include "converter/tensor.h"

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

}  // namespace octet
