// Files that are either whole or not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "octet/result.h"

namespace octet {

// Writes beside `path`, then renames over it: readers see the old file or the new one, and a failure leaves the old
// one; so does a signal that ends the process, and nothing beside it (SIGKILL may leave PATH.tmp...). Not thread-safe. A
// link keeps pointing where it does; a device or a pipe is written to as it is. kResource: names the path and the
// reason.
Status write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

// The whole file. kInvalidFile: missing, not a regular file, not readable, or larger than `max_bytes`.
Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 34);

// The same as text, without the byte order mark that it may begin with.
Result<std::string> read_text_file(const std::string& path, uint64_t max_bytes = uint64_t{1} << 28);

}  // namespace octet
