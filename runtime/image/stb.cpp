// jpg, png and bmp through stb_image.
//
// The header's implementation is compiled here, privately: the packaged libstb decodes ten formats more, reads with
// stdio, and cannot be told how much memory a hostile file may take.
#include <array>
#include <cstdlib>
#include <memory>
#include <new>

#include "runtime/image/image_formats.h"

namespace {

// Largest single block that the decoder may ask for, per thread, while decode_with_stb runs; inflating a few kilobytes
// of a hostile png would otherwise fill the memory.
thread_local size_t block_limit = 0;
// True once a block within the limit could not be had.
thread_local bool memory_exhausted = false;

void* bounded_realloc(void* old, size_t bytes) {
  if (bytes > block_limit) return nullptr;
  void* block = std::realloc(old, bytes);
  if (block == nullptr) memory_exhausted = true;
  return block;
}

// Zeros: stb_image 2.27 reads tables that a hostile jpg never fills, and takes numbers in them for places.
void* bounded_calloc(size_t bytes) {
  if (bytes > block_limit) return nullptr;
  void* block = std::calloc(bytes, 1);
  if (block == nullptr) memory_exhausted = true;
  return block;
}

}  // namespace

#define STBI_MALLOC(bytes) bounded_calloc(bytes)
#define STBI_REALLOC(block, bytes) bounded_realloc(block, bytes)
#define STBI_FREE(block) std::free(block)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace octet::image {
namespace {

int64_t little_endian(Bytes bytes, size_t at, size_t count) {
  int64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= int64_t{byte_at(bytes, at + i)} << (8 * i);
  return value;
}

int64_t big_endian(Bytes bytes, size_t at, size_t count) {
  int64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, at + i);
  return value;
}

// Before 1998 a bmp's header had 12 bytes, and 16 bits for what has 32 now.
bool is_core_bmp(Bytes bytes) {
  return little_endian(bytes, 14, 4) == 12;
}

// Of a jpg, those that it has defined so far: DC in bits 0 to 3, AC in bits 4 to 7.
using HuffmanTables = uint32_t;

// stb_image 2.27 writes beyond a Huffman table that has more than 256 codes: `segment` are the tables' bytes. The same
// steps as its own reader's, which also may run over the segment's end before it notices.
bool huffman_tables_are_sound(Bytes bytes, size_t at, int64_t segment, HuffmanTables& defined) {
  while (segment > 0) {
    const uint8_t which = byte_at(bytes, at);  // class and number
    defined |= 1U << ((which >> 4 & 1) * 4 + (which & 3));
    int64_t codes = 0;
    for (size_t i = 1; i <= 16; ++i) codes += byte_at(bytes, at + i);
    if (codes > 256) return false;
    at += 17 + static_cast<size_t>(codes);
    segment -= 17 + codes;
  }
  return segment == 0;
}

// Whether all tables that a scan decodes with are defined: stb_image does not look. `at` is behind the length of the
// scan's header: the number of components, two bytes each (the second one: DC and AC table), then the band of a
// progressive scan, 0 to 63 in others. Its DC scans that refine read bits without a table.
bool scan_has_tables(Bytes bytes, size_t at, bool progressive, HuffmanTables defined) {
  const size_t components = byte_at(bytes, at);
  const size_t band = at + 1 + 2 * components;
  const bool has_dc = byte_at(bytes, band) == 0;
  const bool has_ac = !progressive || !has_dc;
  const bool refines = progressive && byte_at(bytes, band + 2) >> 4 != 0;
  for (size_t i = 0; i < components; ++i) {
    const uint8_t tables = byte_at(bytes, at + 2 + 2 * i);
    if (has_dc && !refines && (defined >> (tables >> 4 & 3) & 1) == 0) return false;
    if (has_ac && (defined >> (4 + (tables & 3)) & 1) == 0) return false;
  }
  return true;
}

// Calls visit(marker, where its length stands, the length) for each segment of a jpg while it returns true; true at the
// end of the image. In a scan's data a 0xff is followed by 0 (stuffed), by a restart marker, or by a real marker.
template <class F>
bool visit_segments(Bytes bytes, const F& visit) {
  size_t i = 2;
  while (i + 1 < bytes.size()) {
    const uint8_t marker = byte_at(bytes, i + 1);
    if (byte_at(bytes, i) != 0xff || marker == 0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7)) {
      ++i;
    } else if (marker == 0xd9) {
      return true;
    } else {
      const int64_t length = big_endian(bytes, i + 2, 2);
      if (length < 2 || !visit(marker, i + 2, length)) return false;
      i += 2 + static_cast<size_t>(length);
    }
  }
  return false;
}

// stb_image takes a jpg that ends early for one whose rest is gray (later versions), Pillow refuses it.
bool jpeg_is_sound(Bytes bytes) {
  HuffmanTables defined = 0;
  bool progressive = false;
  return visit_segments(bytes, [&](uint8_t marker, size_t at, int64_t length) {
    if (marker == 0xc2) progressive = true;
    if (marker == 0xc4) return huffman_tables_are_sound(bytes, at + 2, length - 2, defined);
    return marker != 0xda || scan_has_tables(bytes, at + 2, progressive, defined);
  });
}

std::optional<Dimensions> jpeg_dimensions(Bytes bytes) {
  constexpr size_t kFrameBytes = 7;  // length, bits, height, width
  std::optional<Dimensions> found;
  visit_segments(bytes, [&](uint8_t marker, size_t at, int64_t) {
    const bool is_frame = marker >= 0xc0 && marker <= 0xc2;  // of those that stb_image reads
    if (is_frame && at + kFrameBytes <= bytes.size()) {
      found = Dimensions{big_endian(bytes, at + 5, 2), big_endian(bytes, at + 3, 2)};
    }
    return !is_frame;
  });
  return found;
}

// stb_image reads zeros behind the end of a bmp. Bytes of the pixel rows, the last one's padding aside.
bool bmp_is_complete(Bytes bytes, int64_t width, int64_t height) {
  const int64_t offset = little_endian(bytes, 10, 4);
  const int64_t bits = little_endian(bytes, is_core_bmp(bytes) ? 24 : 28, 2);
  const int64_t row = (width * bits + 31) / 32 * 4;
  return static_cast<int64_t>(bytes.size()) >= offset + row * (height - 1) + (width * bits + 7) / 8;
}

// stb_image checks no checksum of a png, and takes damaged pixels for good ones. Chunks are length, type, data, CRC-32
// of type and data; IEND is the last.
bool png_is_intact(Bytes bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> crcs{};
    for (uint32_t i = 0; i < crcs.size(); ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
      crcs[i] = crc;
    }
    return crcs;
  }();
  for (size_t chunk = 8; chunk + 12 <= bytes.size();) {
    const size_t end = chunk + 8 + static_cast<size_t>(big_endian(bytes, chunk, 4));
    if (end + 4 > bytes.size()) return false;
    uint32_t crc = 0xffffffffU;
    for (size_t i = chunk + 4; i < end; ++i) crc = (crc >> 8) ^ table[(crc ^ byte_at(bytes, i)) & 0xff];
    if (~crc != big_endian(bytes, end, 4)) return false;
    if (big_endian(bytes, chunk + 4, 4) == 0x49454e44) return true;
    chunk = end + 4;
  }
  return false;
}

Error failure() {
  if (memory_exhausted) throw std::bad_alloc();
  const char* reason = stbi_failure_reason();
  return {ErrorCode::kInvalidFile, std::string("cannot be decoded: ") + (reason == nullptr ? "damaged" : reason)};
}

}  // namespace

std::optional<Dimensions> stb_dimensions(Bytes bytes, Format format) {
  constexpr size_t kHeaderBytes = 26;  // of a png and a bmp, up to the height
  if (format == Format::kJpeg) return jpeg_dimensions(bytes);
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  if (format == Format::kPng) return Dimensions{big_endian(bytes, 16, 4), big_endian(bytes, 20, 4)};
  if (is_core_bmp(bytes)) return Dimensions{little_endian(bytes, 18, 2), little_endian(bytes, 20, 2)};
  // Rows from top to bottom are said by a negative height.
  const auto height = static_cast<int32_t>(little_endian(bytes, 22, 4));
  return Dimensions{little_endian(bytes, 18, 4), std::abs(int64_t{height})};
}

Result<Decoded> decode_with_stb(Bytes bytes, Format format, int64_t max_pixels) {
  if (bytes.size() > INT32_MAX) return Error{ErrorCode::kInvalidFile, "has more than 2^31 bytes"};
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int count = static_cast<int>(bytes.size());

  // Before any of it is decoded: what stb_image would trust.
  if (format == Format::kJpeg && !jpeg_is_sound(bytes)) {
    return Error{ErrorCode::kInvalidFile,
                 "is truncated or damaged: its segments do not lead to an end, or a table is missing"};
  }
  if (format == Format::kPng && !png_is_intact(bytes)) {
    return Error{ErrorCode::kInvalidFile, "is truncated or damaged: a chunk is incomplete or has a wrong checksum"};
  }
  block_limit = size_t{1} << 20;  // a header needs a decoder's state, some 20 KiB
  memory_exhausted = false;
  int width = 0;
  int height = 0;
  int channels = 0;
  if (stbi_info_from_memory(data, count, &width, &height, &channels) == 0) return failure();
  // A bmp whose rows go from top to bottom says so by a negative height.
  const int64_t rows = format == Format::kBmp ? std::abs(int64_t{height}) : height;
  OCTET_CHECK(check_dimensions(width, rows, max_pixels));
  if (format == Format::kBmp && !bmp_is_complete(bytes, width, rows)) {
    return Error{ErrorCode::kInvalidFile, "is truncated: the file ends before the image does"};
  }

  // The largest honest block is inflated png data, at most 8 bytes a pixel, in a buffer that doubles; jpg planes round
  // the sides up to 32.
  block_limit = (static_cast<size_t>(width) + 64) * (static_cast<size_t>(rows) + 64) * 16 + (size_t{1} << 20);
  const bool was_16_bit = stbi_is_16_bit_from_memory(data, count) != 0;
  // How many channels there are is known for certain (transparent palettes) only after decoding: two gray channels or
  // one are not expanded, the others become RGB.
  const int wanted = channels <= 2 ? 0 : 3;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(data, count, &width, &height, &channels, wanted), std::free);
  if (pixels == nullptr) return failure();

  Decoded decoded;
  decoded.had_alpha = channels == 2 || channels == 4;
  decoded.was_16_bit = was_16_bit;
  const int stride = wanted == 0 ? channels : 3;
  decoded.image.width = width;
  decoded.image.height = height;
  decoded.image.channels = stride <= 2 ? 1 : 3;
  const size_t pixel_count = static_cast<size_t>(width) * static_cast<size_t>(height);
  const auto kept = static_cast<size_t>(decoded.image.channels);
  decoded.image.pixels.resize(pixel_count * kept);
  for (size_t i = 0; i < pixel_count; ++i) {
    for (size_t c = 0; c < kept; ++c) {
      decoded.image.pixels[i * kept + c] = pixels.get()[i * static_cast<size_t>(stride) + c];
    }
  }
  return decoded;
}

}  // namespace octet::image
