// Scratch memory that all kernels of a session share: they run one after the other.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace octet {

// Grows while kernels are prepared; its address is fixed once they run. Not thread-safe.
class Scratchpad {
 public:
  // From now on data() has at least `bytes` bytes, aligned to 64; what stood there is lost. Throws std::bad_alloc.
  void reserve(size_t bytes) {
    if (bytes <= bytes_) return;
    data_.reset();
    data_.reset(static_cast<std::byte*>(operator new[](bytes, kAlignment)));
    bytes_ = bytes;
  }
  std::byte* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* p) const { operator delete[](p, kAlignment); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t bytes_ = 0;
};

}  // namespace octet
