// A file's bytes in memory, read-only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "octet/result.h"

namespace octet {

struct FileBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps them alive
};

// Maps a regular file. kInvalidFile: missing, empty, a folder, not readable.
Result<FileBytes> map_file(const std::string& path);

// Gives the memory of all whole pages inside `bytes`, part of a file mapped by map_file, back to the system. Whoever
// reads them again gets them from the file again: this costs time, never correctness.
void release_pages(std::span<const std::byte> bytes);

// A 64-byte aligned copy. kResource: no memory.
Result<FileBytes> copy_bytes(std::span<const std::byte> bytes);

}  // namespace octet
