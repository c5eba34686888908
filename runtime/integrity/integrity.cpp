#include "octet/integrity.hpp"

#include <sha2.h>

#include <algorithm>
#include <cstring>

#include "runtime/packed_bytes.h"

namespace octet {
namespace {

Sha256 sha256_of(PackedHeader header, std::span<const std::byte> behind_header) {
  header.checksum = 0;
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, reinterpret_cast<const uint8_t*>(&header), sizeof header);
  SHA256Update(&context, reinterpret_cast<const uint8_t*>(behind_header.data()), behind_header.size());
  Sha256 digest;
  SHA256Final(digest.data(), &context);
  return digest;
}

}  // namespace

std::string to_string(const Sha256& digest) {
  std::string text;
  for (const uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Result<Sha256> verify_sha256(std::span<const std::byte> file) {
  PackedHeader header{};
  if (file.size() >= sizeof header) std::memcpy(&header, file.data(), sizeof header);
  if (header.magic != kPackedMagic || header.file_bytes != file.size()) {
    return Error{ErrorCode::kInvalidFile, "not an octet file, or not all of it"};
  }
  if (file.size() < sizeof header + kSha256Bytes || !has_sha256(header))
    return Error{ErrorCode::kInvalidFile, "the file carries no SHA-256"};
  const auto behind_header = file.subspan(sizeof header, file.size() - sizeof header - kSha256Bytes);
  const Sha256 found = sha256_of(header, behind_header);
  Sha256 carried;
  std::memcpy(carried.data(), file.last(kSha256Bytes).data(), kSha256Bytes);
  if (found == carried) return found;
  return Error{ErrorCode::kInvalidFile,
               "the file's SHA-256 is " + to_string(found) + ", but it carries " + to_string(carried)};
}

std::vector<std::byte> append_sha256(std::vector<std::byte> file) {
  PackedHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  header.file_bytes += kSha256Bytes;
  const Sha256 digest = sha256_of(header, std::span(file).subspan(sizeof header));
  const auto* bytes = reinterpret_cast<const std::byte*>(digest.data());
  file.insert(file.end(), bytes, bytes + digest.size());
  std::memcpy(file.data(), &header, sizeof header);
  header.checksum = checksum(file);
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

}  // namespace octet
