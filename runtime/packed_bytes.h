// What writing and reading a .octet file share: its header, its alignment, how fields and small tensors lie.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/half.h"
#include "runtime/hash.h"
#include "runtime/mapped_file.h"
#include "runtime/nibbles.h"
#include "runtime/packed_format.h"

namespace octet {

inline constexpr std::array<char, 8> kPackedMagic{'\x89', 'O', 'C', 'T', 'E', 'T', '\r', '\n'};
inline constexpr uint64_t kNoData = ~uint64_t{0};

struct PackedHeader {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint64_t graph_offset, graph_bytes;
  uint64_t data_offset, data_bytes;
  uint64_t checksum;  // xxh64 of all bytes behind the header, seeded with the xxh64 of the header before this field
};
static_assert(sizeof(PackedHeader) == kPackedHeaderBytes);

// Behind both sections a file may carry its SHA-256 (octet/integrity.hpp), and nothing else.
inline constexpr uint64_t kSha256Bytes = 32;

// Where the last section ends; the sections lie inside the file.
inline uint64_t end_of_sections(const PackedHeader& header) {
  return std::max(header.graph_offset + header.graph_bytes, header.data_offset + header.data_bytes);
}

inline bool has_sha256(const PackedHeader& header) {
  return header.file_bytes - end_of_sections(header) == kSha256Bytes;
}

// How a field's value is written; on disk before each field.
enum class FieldType : uint8_t { kInteger = 1, kReal = 2, kIntegers = 3, kReals = 4 };

inline uint64_t checksum(std::span<const std::byte> bytes, Backing backing = Backing::kMemory) {
  return xxh64(bytes.subspan(kPackedHeaderBytes), xxh64(bytes.first(offsetof(PackedHeader, checksum))),
               backing == Backing::kMappedFile ? release_pages : nullptr);
}

inline size_t align(size_t offset) {
  return (offset + kPackedAlignment - 1) / kPackedAlignment * kPackedAlignment;
}

inline NibbleLayout nibble_layout(const PackedTensor& tensor) {
  const int64_t rows = tensor.shape.rank() == 0 ? 1 : tensor.shape[0];
  return {rows, rows == 0 ? 0 : tensor.shape.element_count() / rows, tensor.file_group};
}

}  // namespace octet
