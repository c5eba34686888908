#include "tests/support/images.h"

#include <string_view>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace octet::test {
namespace {

void append(void* text, void* data, int size) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), static_cast<size_t>(size));
}

std::string little_endian(uint32_t value, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string big_endian(uint32_t value) {
  const std::string text = little_endian(value, 4);
  return {text.rbegin(), text.rend()};
}

// CRC-32 of a chunk's type and data, as it stands in the file.
std::string png_checksum(std::string_view body) {
  uint32_t crc = 0xffffffffU;
  for (const char c : body) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0);
  }
  return big_endian(~crc);
}

std::string png_chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<uint32_t>(data.size())) + type + data + png_checksum(type + data);
}

std::string png_header(int width, int height, int bits, int color_type) {
  const std::string size = big_endian(static_cast<uint32_t>(width)) + big_endian(static_cast<uint32_t>(height));
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", size + static_cast<char>(bits) + static_cast<char>(color_type) + std::string(3, '\0'));
}

// One stored block: at most 65535 bytes.
std::string zlib_stored(const std::string& data) {
  uint32_t a = 1;
  uint32_t b = 0;
  for (const char c : data) {
    a = (a + static_cast<uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto count = static_cast<uint32_t>(data.size());
  return "\x78\x01\x01" + little_endian(count, 2) + little_endian(~count, 2) + data + big_endian(b << 16 | a);
}

}  // namespace

std::vector<uint8_t> pattern(int width, int height, int channels) {
  std::vector<uint8_t> samples;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) samples.push_back(static_cast<uint8_t>(37 * x + 59 * y + 101 * c + 7 * x * y));
    }
  }
  return samples;
}

std::string encode_pnm(char kind, int width, int height, int maximum, const std::vector<int>& samples) {
  std::string text = std::string("P") + kind + "\n# drawn by a test\n" + std::to_string(width) + " " +
                     std::to_string(height) + "\n" + std::to_string(maximum) + "\n";
  for (const int sample : samples) {
    if (kind == '2' || kind == '3') {
      text += std::to_string(sample) + "\n";
    } else {
      if (maximum > 255) text += static_cast<char>(sample >> 8);
      text += static_cast<char>(sample);
    }
  }
  return text;
}

std::string encode_bmp(int width, int height, const std::vector<uint8_t>& rgb, bool top_down) {
  std::string pixels;
  for (int row = 0; row < height; ++row) {
    const int y = top_down ? row : height - 1 - row;
    for (int x = 0; x < width; ++x) {
      const int64_t first = (int64_t{y} * width + x) * 3;
      for (int c = 2; c >= 0; --c) pixels += static_cast<char>(rgb[static_cast<size_t>(first + c)]);
    }
    pixels.append(static_cast<size_t>(width % 4), '\0');  // rows are multiples of 4 bytes: 3w + w
  }
  const auto size = static_cast<uint32_t>(54 + pixels.size());
  return "BM" + little_endian(size, 4) + little_endian(0, 4) + little_endian(54, 4) + little_endian(40, 4) +
         little_endian(static_cast<uint32_t>(width), 4) +
         little_endian(static_cast<uint32_t>(top_down ? -height : height), 4) + little_endian(1, 2) +
         little_endian(24, 2) + std::string(24, '\0') + pixels;
}

std::string encode_jpg(int width, int height, int channels, const std::vector<uint8_t>& samples) {
  std::string text;
  stbi_write_jpg_to_func(append, &text, width, height, channels, samples.data(), 100);
  return text;
}

std::string encode_png(int width, int height, int channels, const std::vector<uint8_t>& samples) {
  std::string text;
  stbi_write_png_to_func(append, &text, width, height, channels, samples.data(), width * channels);
  return text;
}

std::string encode_png_16(int width, int height, int channels, const std::vector<uint16_t>& samples) {
  constexpr char kColorTypes[] = {0, 4, 2, 6};  // by channels: gray, gray + alpha, RGB, RGB + alpha
  std::string rows;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (i % static_cast<size_t>(width * channels) == 0) rows += '\0';  // no filter
    rows += static_cast<char>(samples[i] >> 8);
    rows += static_cast<char>(samples[i]);
  }
  return png_header(width, height, 16, kColorTypes[channels - 1]) + png_chunk("IDAT", zlib_stored(rows)) +
         png_chunk("IEND", "");
}

std::string encode_png_indexed(int width, int bits, const std::string& palette, const std::vector<std::string>& rows) {
  std::string filtered;
  for (const std::string& row : rows) filtered += '\0' + row;
  return png_header(width, static_cast<int>(rows.size()), bits, 3) + png_chunk("PLTE", palette) +
         png_chunk("IDAT", zlib_stored(filtered)) + png_chunk("IEND", "");
}

void reseal_png(std::string& file) {
  constexpr size_t kAround = 12;  // bytes of a chunk beside its data
  for (size_t chunk = 8; chunk + kAround <= file.size();) {
    uint32_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(file[chunk + i]);
    if (length > file.size() - chunk - kAround) return;
    file.replace(chunk + 8 + length, 4, png_checksum(std::string_view(file).substr(chunk + 4, 4 + length)));
    chunk += kAround + length;
  }
}

}  // namespace octet::test
