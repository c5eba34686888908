// A packed model in memory: loaded once, shared by any number of sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "octet/result.h"
#include "octet/types.h"

namespace octet {

struct PackedModel;
class PackedConstants;

// A model's input or output, in the source model's own type, shape and layout. A dynamic dimension (the batch, as a
// rule) is Shape::kDynamic until a session fixes it.
struct TensorInfo {
  std::string name;
  DataType type = DataType::kF32;
  Shape shape;
};

// What a caller allows a file to take.
struct LoadOptions {
  // Memory: the file's bytes, 64 for each byte of its graph section (structures made of it, at most), and what weights
  // of 4 bits are unpacked to. A file that may take more is refused, kResource with both numbers, before it does.
  // Sessions take memory of their own: SessionOptions::max_arena_bytes.
  int64_t max_bytes = std::numeric_limits<int64_t>::max();
};

// Immutable and cheap to copy: copies share one model. Thread-safe.
class Model {
 public:
  // Maps the file into memory and checks all of it (header, checksum, every index, type and shape). The file must not
  // be changed while a model made from it lives; replace it by renaming another over it. (A mapped file that is cut
  // short ends the process with SIGBUS; where others may do that, read the file and use from_memory.) kInvalidFile:
  // missing, damaged, or written by a newer version; kUnsupported: an op that this build lacks; kResource: memory.
  static Result<Model> load(const std::string& path, const LoadOptions& options = {});
  // The same from the bytes of such a file, which are copied.
  static Result<Model> from_memory(std::span<const std::byte> bytes, const LoadOptions& options = {});
  // For the converter: `packed` has passed check_model.
  static Model from_packed(std::shared_ptr<const PackedModel> packed) { return Model(std::move(packed)); }

  const std::string& name() const;
  std::vector<TensorInfo> inputs() const;
  std::vector<TensorInfo> outputs() const;
  // How an image becomes the input (see octet/image.hpp); empty if the model does not say.
  const std::string& preprocessing() const;
  // One name per class, or none.
  const std::vector<std::string>& class_names() const;

  const PackedModel& packed() const { return *packed_; }
  // For tests and reports of memory.
  const PackedConstants& packed_constants() const { return *packed_constants_; }

 private:
  explicit Model(std::shared_ptr<const PackedModel> packed);

  std::shared_ptr<const PackedModel> packed_;
  std::shared_ptr<PackedConstants> packed_constants_;  // what kernels make of the constants, shared by all sessions
  friend class Session;
};

}  // namespace octet
