// Tensors of ONNX files: typed fields, raw bytes, or a part of a file beside the model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "converter/tensor.h"
#include "octet/result.h"

namespace onnx {
class TensorProto;
}

namespace octet {

// TensorProto.DataType as octet keeps it: half, bfloat16 and double become f32, int16 s32, uint32 and uint64 s64.
// Nothing for strings, complex numbers and types of less than a byte.
std::optional<DataType> type_of_onnx(int type);

class OnnxTensorReader {
 public:
  // Names of external files are relative to `folder`.
  explicit OnnxTensorReader(std::string folder) : folder_(std::move(folder)) {}

  // kInvalidFile: the element count does not fit the shape, or the external file is missing, too short, or outside the
  // folder; kUnsupported: a type or rank that octet does not have, or tensors that share their place in an external
  // file too often. The error names the tensor.
  Result<Tensor> read(const onnx::TensorProto& proto);
  // The external files that were read from.
  const std::set<std::string>& files() const { return files_; }

 private:
  Result<std::string> read_external(const onnx::TensorProto& proto, int64_t bytes);

  std::string folder_;
  std::set<std::string> files_;
  int64_t file_bytes_ = 0;  // that these hold
  int64_t read_bytes_ = 0;  // by all tensors together
};

}  // namespace octet
