// The SHA-256 that a packed file carries: which file is this, and is it whole? Link octet::integrity.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "octet/result.h"

namespace octet {

using Sha256 = std::array<uint8_t, 32>;

// 64 hexadecimal digits, lower case.
std::string to_string(const Sha256& digest);

// The digest that a packed file carries, after computing it anew. It is of the whole file but its last 32 bytes, which
// are the digest, with zeros for bytes 56 to 63, which are the checksum of both.
//
// It says which file this is; whoever can change the file can change the digest too. To trust a file, compare with a
// digest from elsewhere, or check a signature over its bytes, and then give these same bytes to Model::from_memory.
//
// kInvalidFile: no packed file, one without a digest (from before they had one), or another digest than it carries.
Result<Sha256> verify_sha256(std::span<const std::byte> file);

// For the converter: `file`, as write_model makes it, with its digest.
std::vector<std::byte> append_sha256(std::vector<std::byte> file);

}  // namespace octet
