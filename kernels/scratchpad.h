// Scratch memory that all kernels of a session share: they run one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

namespace octet {

// Grows while kernels are prepared; its address is fixed once they run. Not thread-safe.
class Scratchpad {
 public:
  explicit Scratchpad(size_t limit = SIZE_MAX) : limit_(limit) {}

  // From now on data() has at least `bytes` bytes, aligned to 64; what stood there is lost. Throws std::bad_alloc, and
  // std::length_error with both numbers beyond the limit.
  void reserve(size_t bytes) {
    if (bytes <= bytes_) return;
    check(bytes);
    data_.reset();
    data_.reset(static_cast<std::byte*>(operator new[](bytes, kAlignment)));
    bytes_ = bytes;
  }
  // What reserve() would throw beyond the limit: for memory that a kernel takes elsewhere.
  void check(size_t bytes) const {
    if (bytes > limit_) {
      throw std::length_error("its kernels take " + std::to_string(bytes) +
                              " bytes of scratch memory, but are allowed " + std::to_string(limit_));
    }
  }
  std::byte* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }
  size_t limit() const { return limit_; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(std::byte* p) const { operator delete[](p, kAlignment); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t bytes_ = 0;
  size_t limit_;
};

}  // namespace octet
