#include "runtime/hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace octet {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87U;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FU;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9U;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63U;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5U;

constexpr ptrdiff_t kPieceBytes = 1 << 19;

template <class T>
T read(const std::byte* p) {
  static_assert(std::endian::native == std::endian::little, "packed files are read in place");
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

uint64_t merge(uint64_t hash, uint64_t lane) {
  return (hash ^ round(0, lane)) * kPrime1 + kPrime4;
}

}  // namespace

uint64_t xxh64(std::span<const std::byte> bytes, uint64_t seed,
               const std::function<void(std::span<const std::byte>)>& done) {
  const std::byte* p = bytes.data();
  const std::byte* const end = p + bytes.size();
  uint64_t hash = seed + kPrime5;
  if (bytes.size() >= 32) {
    uint64_t a = seed + kPrime1 + kPrime2;
    uint64_t b = seed + kPrime2;
    uint64_t c = seed;
    uint64_t d = seed - kPrime1;
    while (end - p >= 32) {
      const std::byte* const piece = p;
      const std::byte* const piece_end = p + std::min<ptrdiff_t>(end - p, kPieceBytes) / 32 * 32;
      for (; p < piece_end; p += 32) {
        a = round(a, read<uint64_t>(p));
        b = round(b, read<uint64_t>(p + 8));
        c = round(c, read<uint64_t>(p + 16));
        d = round(d, read<uint64_t>(p + 24));
      }
      if (done) done({piece, piece_end});
    }
    hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
    for (const uint64_t lane : {a, b, c, d}) hash = merge(hash, lane);
  }
  hash += bytes.size();
  for (; end - p >= 8; p += 8) hash = std::rotl(hash ^ round(0, read<uint64_t>(p)), 27) * kPrime1 + kPrime4;
  if (end - p >= 4) {
    hash = std::rotl(hash ^ (read<uint32_t>(p) * kPrime1), 23) * kPrime2 + kPrime3;
    p += 4;
  }
  for (; p < end; ++p) hash = std::rotl(hash ^ (static_cast<uint64_t>(*p) * kPrime5), 11) * kPrime1;
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace octet
