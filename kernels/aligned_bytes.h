// Memory that starts at a cache line.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace octet {

// `size` bytes, 64-byte aligned, all zero. Throws std::bad_alloc.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size)
      : data_(static_cast<std::byte*>(std::aligned_alloc(64, (size + 63) / 64 * 64 + 64)), std::free) {
    if (data_ == nullptr) throw std::bad_alloc();
    std::fill_n(data_.get(), size, std::byte{0});
  }
  std::byte* get() const { return data_.get(); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }

 private:
  std::unique_ptr<std::byte, decltype(&std::free)> data_;
};

}  // namespace octet
