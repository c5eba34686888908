// XXH64, the checksum of packed files: fast enough to check a file at every load, good enough for damage, not for
// attackers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace octet {

// The algorithm as specified by Yann Collet (xxHash specification, "XXH64"); the same number on every CPU.
// `done`, if given, is called for one piece after the other, each once it has been read.
uint64_t xxh64(std::span<const std::byte> bytes, uint64_t seed = 0,
               const std::function<void(std::span<const std::byte>)>& done = nullptr);

}  // namespace octet
