// The bytes of a .octet file. The layout is described in runtime/README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "runtime/packed_model.h"

namespace octet {

// A file has the least version that says all that is in it: 1 if not one of these.
constexpr uint32_t kVersionOf4Bits = 2;              // a tensor has 4 bits
constexpr uint32_t kVersionOfBf16 = 3;               // a tensor is bf16
constexpr uint32_t kVersionOfWeightOnly = 4;         // a layer has f32 values and integer weights
constexpr uint32_t kVersionOfHalves = 5;             // a tensor is f32 in memory, and half precision in the file
constexpr uint32_t kVersionOfRecurrentIntegers = 5;  // a recurrent layer has integer weights
constexpr uint32_t kVersionOfShapeInputs = 6;        // of an input only the shape is read: a like
constexpr uint32_t kPackedVersion = kVersionOfShapeInputs;
constexpr size_t kPackedHeaderBytes = 64;
constexpr size_t kPackedAlignment = 64;  // of the file's address in memory, and of every tensor's data in the file

// Deterministic: the same model gives the same bytes.
std::vector<std::byte> write_model(const PackedModel& model);

enum class Backing {
  kMemory,      // what is given stays in memory
  kMappedFile,  // from map_file: little of it is in memory when read_model returns, and PackedModel::mapped is set
};

// Bytes of structures that one byte of a graph section can become, all of them together: most are descs of a node's
// inputs, 4 bytes each in the file.
constexpr int64_t kMemoryOfGraphByte = 64;

// kResource where a model may take more memory than it is allowed to.
Status check_memory(int64_t needed_bytes, int64_t max_bytes);

// Parses and checks a whole file; the model's constants point into `bytes`, which `storage` keeps alive (those of at
// most 16 KiB in a mapped file are copies). bytes.data() is aligned to kPackedAlignment. kInvalidFile: damaged, or
// newer; the message names the thing and both numbers. kResource: more than max_bytes, see LoadOptions.
Result<PackedModel> read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> storage,
                               Backing backing = Backing::kMemory,
                               int64_t max_bytes = std::numeric_limits<int64_t>::max());

}  // namespace octet
