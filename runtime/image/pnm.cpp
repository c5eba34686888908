// Portable any-map: P2 and P5 (gray), P3 and P6 (RGB), text and binary, up to 16 bits.
//
// Not left to stb_image, which reads 16-bit samples in the wrong byte order, does not scale by the header's maximum,
// and takes a file that ends early for a complete one.
#include "runtime/image/image_formats.h"

namespace octet::image {
namespace {

// Walks over the header and, in the text forms, over the samples.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  // The next unsigned number, after white space and comments; -1 if there is none, or if it exceeds 2^31 - 1.
  int64_t number() {
    skip_blanks();
    if (at_end() || !is_digit(peek())) return -1;
    int64_t value = 0;
    while (!at_end() && is_digit(peek())) {
      value = value * 10 + (peek() - '0');
      if (value > INT32_MAX) return -1;
      ++position_;
    }
    return value;
  }
  // The one white space between a binary form's header and its samples.
  bool separator() { return !at_end() && is_blank(static_cast<uint8_t>(bytes_[position_++])); }
  Bytes rest() const { return bytes_.subspan(position_); }
  void skip(size_t count) { position_ += count; }

 private:
  static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
  static bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  bool at_end() const { return position_ >= bytes_.size(); }
  uint8_t peek() const { return static_cast<uint8_t>(bytes_[position_]); }
  void skip_blanks() {
    for (bool comment = false; !at_end(); ++position_) {
      if (peek() == '#') comment = true;
      if (peek() == '\n') comment = false;
      if (!comment && !is_blank(peek())) return;
    }
  }

  Bytes bytes_;
  size_t position_ = 0;
};

// 8-bit sample of `value` in 0..maximum: what stb_image and Pillow do for 255 and 65535, rounded for the rest.
uint8_t to_8_bits(int64_t value, int64_t maximum) {
  if (maximum == 255) return static_cast<uint8_t>(value);
  if (maximum == 65535) return static_cast<uint8_t>(value >> 8);
  return static_cast<uint8_t>((value * 255 + maximum / 2) / maximum);
}

}  // namespace

std::optional<Dimensions> pnm_dimensions(Bytes bytes) {
  Cursor cursor(bytes);
  cursor.skip(2);
  const int64_t width = cursor.number();
  const int64_t height = cursor.number();
  // A number that the bytes break off in would be another.
  if (width < 0 || height < 0 || !cursor.separator()) return std::nullopt;
  return Dimensions{width, height};
}

Result<Decoded> decode_pnm(Bytes bytes, int64_t max_pixels) {
  const char kind = static_cast<char>(byte_at(bytes, 1));
  const bool binary = kind == '5' || kind == '6';
  Cursor cursor(bytes);
  cursor.skip(2);
  const int64_t width = cursor.number();
  const int64_t height = cursor.number();
  const int64_t maximum = cursor.number();
  if (width < 0 || height < 0 || maximum < 1 || maximum > 65535 || (binary && !cursor.separator())) {
    return Error{ErrorCode::kInvalidFile, "is a damaged ppm: its header has no valid width, height and maximum"};
  }
  OCTET_CHECK(check_dimensions(width, height, max_pixels));

  const int channels = kind == '3' || kind == '6' ? 3 : 1;
  const auto count = static_cast<size_t>(width * height * channels);
  const size_t sample_bytes = maximum > 255 ? 2 : 1;
  const Bytes data = cursor.rest();
  // Text takes at least a digit and a blank per sample, but for the last.
  const size_t needed = binary ? count * sample_bytes : count * 2 - 1;
  if (data.size() < needed) {
    return Error{ErrorCode::kInvalidFile, "is truncated: " + std::to_string(width) + "x" + std::to_string(height) +
                                              " pixels need " + std::to_string(needed) + " bytes, but the file has " +
                                              std::to_string(data.size())};
  }

  Decoded decoded;
  decoded.was_16_bit = maximum > 255;
  decoded.image = {static_cast<int>(width), static_cast<int>(height), channels, std::vector<uint8_t>(count)};
  for (size_t i = 0; i < count; ++i) {
    int64_t value = 0;
    if (!binary) {
      value = cursor.number();
    } else if (sample_bytes == 2) {
      value = byte_at(data, 2 * i) * 256 + byte_at(data, 2 * i + 1);
    } else {
      value = byte_at(data, i);
    }
    if (value < 0 || value > maximum) {
      return Error{ErrorCode::kInvalidFile, "is damaged: sample " + std::to_string(i) + " of " + std::to_string(count) +
                                                " is no number from 0 to " + std::to_string(maximum)};
    }
    decoded.image.pixels[i] = to_8_bits(value, maximum);
  }
  return decoded;
}

}  // namespace octet::image
