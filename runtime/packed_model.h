// The packed graph: what a .octet file holds, and what a session is planned from.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/op.h"

namespace octet {

// One tensor: an activation, or a constant with its bytes.
struct PackedTensor {
  std::string name;
  DataType type = DataType::kF32;
  Shape shape;                       // may be dynamic for activations; the layout the kernels use (images: NHWC)
  std::vector<float> scales;         // empty, one, or shape[axis] of them
  std::vector<int32_t> zero_points;  // as many as scales, or empty if all are 0
  int axis = 0;
  const void* data = nullptr;  // constants: 64-byte aligned, inside PackedModel::storage
  int64_t data_bytes = 0;
  // Constants in a file: as in memory (8), or smaller where that loses nothing: s8 in 4 bits and a factor for each run
  // of file_group elements of a row (0: none), f32 in 16.
  int file_bits = 8;
  int64_t file_group = 0;

  // As a kernel sees it; valid as long as this tensor.
  TensorDesc desc() const { return {type, shape, scales, zero_points, axis, data, true, file_bits, file_group}; }
};

// One op. Inputs and outputs are indices of tensors; -1 is an absent optional input.
struct PackedNode {
  std::string name;
  OpParams op;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

// A checked packed graph: nodes in an order in which they can run, every index valid, every tensor written once.
// Immutable once made; any number of sessions on any threads may share it.
struct PackedModel {
  std::string name;
  std::vector<PackedTensor> tensors;
  std::vector<PackedNode> nodes;
  std::vector<int32_t> inputs;  // tensors, in the source model's own type, shape and layout
  std::vector<int32_t> outputs;
  std::string preprocessing;                    // a spec as `--preprocess` takes it; empty if none was given
  std::vector<std::string> class_names;         // empty if none were given
  std::map<std::string, std::string> metadata;  // whatever else the converter wants to keep ("producer", ...)
  std::shared_ptr<const void> storage;          // owns what PackedTensor::data points at
  // The part of the storage that is a mapped file: what nobody reads any more need not be in memory (release_pages).
  std::span<const std::byte> mapped;

  bool is_mapped(const std::byte* p) const {
    return !mapped.empty() && std::greater_equal<>()(p, mapped.data()) &&
           std::less<>()(p, mapped.data() + mapped.size());
  }
};

// More than converters make; a session's plan takes time with the square of it.
constexpr int64_t kMaxPackedNodes = 40000;
constexpr int64_t kMaxPackedTensors = 200000;

// Checks all that "checked" above promises, and every op's shape rule and type rule. Files and converter alike go
// through here, so nothing that passes can make a session read or write outside its tensors.
// kInvalidFile or kUnsupported, with the node's name.
Status check_model(const PackedModel& model);

// The shape of every tensor where the inputs have these, which may leave dimensions open and need not be those that the
// model says. kUsage, with the node's name, where an op does not take them, or a tensor would be too large, or
// empty and the model does not say so.
Result<std::vector<Shape>> propagate_shapes(const PackedModel& model, std::span<const Shape> input_shapes);

// The same for a session: concrete shapes, which agree with what the model says of its inputs.
Result<std::vector<Shape>> infer_model_shapes(const PackedModel& model, std::span<const Shape> input_shapes);

}  // namespace octet
