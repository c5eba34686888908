// The decoders behind load_image, and what a file's content says about its format.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "octet/image.hpp"

namespace octet::image {

using Bytes = std::span<const std::byte>;

enum class Format { kUnknown, kJpeg, kPng, kBmp, kPnm };

inline uint8_t byte_at(Bytes bytes, size_t i) {
  return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : uint8_t{0};
}

inline Format format_of(Bytes b) {
  const auto starts = [&](std::string_view magic) {
    if (b.size() < magic.size()) return false;
    for (size_t i = 0; i < magic.size(); ++i) {
      if (byte_at(b, i) != static_cast<uint8_t>(magic[i])) return false;
    }
    return true;
  };
  if (starts("\xff\xd8\xff")) return Format::kJpeg;
  if (starts("\x89PNG\r\n\x1a\n")) return Format::kPng;
  if (starts("BM")) return Format::kBmp;
  if (starts("P2") || starts("P3") || starts("P5") || starts("P6")) return Format::kPnm;
  return Format::kUnknown;
}

// What a decoder hands over: `image` has 1 or 3 channels of 8 bits.
struct Decoded {
  Image image;
  bool had_alpha = false;
  bool was_16_bit = false;
};

struct Dimensions {
  int64_t width = 0;
  int64_t height = 0;
};

// What the first bytes of a file say of its image, unchecked; none if they end before, or make no sense.
std::optional<Dimensions> pnm_dimensions(Bytes bytes);
std::optional<Dimensions> stb_dimensions(Bytes bytes, Format format);

// Errors are messages without the file's name; kResource only for memory.
Result<Decoded> decode_with_stb(Bytes bytes, Format format, int64_t max_pixels);
Result<Decoded> decode_pnm(Bytes bytes, int64_t max_pixels);

// The one check of dimensions. 0 or negative, or too many, is kInvalidFile.
Status check_dimensions(int64_t width, int64_t height, int64_t max_pixels);

}  // namespace octet::image
