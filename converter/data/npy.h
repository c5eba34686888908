// NumPy's .npy files, versions 1 to 3.
#pragma once

#include <memory>
#include <string>

#include "converter/tensor.h"
#include "octet/result.h"

namespace octet {

// Reads f2 and f8 (as f32; what f32 cannot hold becomes infinite), f4, i1, u1, i4, i8 and bool; little-endian, C order.
// kInvalidFile: anything else, and any size that the file does not bear out; the message has both numbers.
Result<Tensor> read_npy(const std::string& path);

// Writes version 1, beside and renamed. kResource: cannot write.
Status write_npy(const std::string& path, const TensorView& tensor);

// An .npy file as samples along its first axis, read when they are asked for. Thread-safe.
class NpySamples {
 public:
  static Result<NpySamples> open(const std::string& path);

  size_t size() const { return count_; }
  DataType type() const;
  const Shape& sample_shape() const { return sample_shape_; }  // with a first dimension of 1
  Result<Tensor> sample(size_t index) const;

 private:
  struct File;
  std::shared_ptr<const File> file_;
  size_t count_ = 0;
  Shape sample_shape_;
};

}  // namespace octet
