// Image files: what loads, what is refused, and how.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "octet/image.hpp"
#include "tests/support/images.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/skip.h"

namespace octet {
namespace {

using Strings = std::vector<std::string>;
using test::pattern;

Result<Image> load(const std::string& file, Strings* notices = nullptr, const ImageOptions& options = {}) {
  return load_image(std::as_bytes(std::span(file)), "test", notices, options);
}

std::vector<int> as_ints(const std::vector<uint8_t>& samples) {
  return {samples.begin(), samples.end()};
}

std::string message(const Result<Image>& result) {
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().code == ErrorCode::kInvalidFile);
  return result.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every lossless format gives the pixels that were drawn") {
  const std::vector<uint8_t> rgb = pattern(13, 9, 3);
  const std::string files[] = {test::encode_png(13, 9, 3, rgb), test::encode_bmp(13, 9, rgb),
                               test::encode_bmp(13, 9, rgb, true), test::encode_pnm('6', 13, 9, 255, as_ints(rgb)),
                               test::encode_pnm('3', 13, 9, 255, as_ints(rgb))};
  for (const std::string& file : files) {
    CAPTURE(file.substr(0, 4));
    Strings notices;
    const Result<Image> image = load(file, &notices);
    REQUIRE(image.ok());
    CHECK(image.value().width == 13);
    CHECK(image.value().height == 9);
    CHECK(image.value().channels == 3);
    CHECK(image.value().pixels == rgb);
    CHECK(notices.empty());
  }
}

TEST_CASE("a jpg gives nearly the pixels that were drawn") {
  const std::vector<uint8_t> rgb(16 * 8 * 3, 77);
  const Result<Image> image = load(test::encode_jpg(16, 8, 3, rgb));
  REQUIRE(image.ok());
  for (const uint8_t sample : image.value().pixels) CHECK(std::abs(sample - 77) <= 2);
}

TEST_CASE("gray becomes RGB, alpha is dropped, 16 bits become 8, each noted") {
  for (const int channels : {1, 2, 3, 4}) {
    CAPTURE(channels);
    const std::vector<uint8_t> samples = pattern(5, 3, channels);
    std::vector<uint16_t> wide;
    for (const uint8_t s : samples) wide.push_back(static_cast<uint16_t>(s << 8 | 0x5a));
    for (const bool is_wide : {false, true}) {
      Strings notices;
      const Result<Image> image = load(
          is_wide ? test::encode_png_16(5, 3, channels, wide) : test::encode_png(5, 3, channels, samples), &notices);
      REQUIRE(image.ok());
      REQUIRE(image.value().channels == 3);
      for (size_t i = 0; i < 15; ++i) {
        for (size_t c = 0; c < 3; ++c) {
          const auto stride = static_cast<size_t>(channels);
          CHECK(image.value().pixels[3 * i + c] == samples[i * stride + (channels <= 2 ? 0 : c)]);
        }
      }
      Strings expected;
      if (channels % 2 == 0) expected.emplace_back("test: the alpha channel is dropped");
      if (is_wide) expected.emplace_back("test: 16 bits become 8");
      if (channels <= 2) expected.emplace_back("test: gray becomes RGB");
      CHECK(notices == expected);
    }
  }
}

TEST_CASE("a notice is given once, whatever the file") {
  const std::string file = test::encode_png(2, 2, 1, pattern(2, 2, 1));
  Strings notices;
  REQUIRE(load_image(std::as_bytes(std::span(file)), "a", &notices).ok());
  REQUIRE(load_image(std::as_bytes(std::span(file)), "b", &notices).ok());
  CHECK(notices == Strings{"a: gray becomes RGB"});
}

TEST_CASE("gray stays one channel where that is asked for") {
  Strings notices;
  const Result<Image> image = load(test::encode_pnm('5', 3, 2, 255, {0, 1, 2, 3, 4, 5}), &notices, {.keep_gray = true});
  REQUIRE(image.ok());
  CHECK(image.value().channels == 1);
  CHECK(image.value().pixels == std::vector<uint8_t>{0, 1, 2, 3, 4, 5});
  CHECK(notices.empty());
}

TEST_CASE("ppm samples are scaled by the header's maximum, 16 bits in network order") {
  const ImageOptions gray{.keep_gray = true};
  CHECK(load(test::encode_pnm('5', 4, 1, 15, {0, 1, 8, 15}), nullptr, gray).value().pixels ==
        std::vector<uint8_t>{0, 17, 136, 255});
  CHECK(load(test::encode_pnm('5', 3, 1, 65535, {0, 0x1234, 65535}), nullptr, gray).value().pixels ==
        std::vector<uint8_t>{0, 0x12, 255});
  CHECK(load(test::encode_pnm('2', 3, 1, 1, {0, 1, 0}), nullptr, gray).value().pixels ==
        std::vector<uint8_t>{0, 255, 0});
  CHECK(has(message(load(test::encode_pnm('5', 2, 1, 15, {3, 16}))), "sample 1 of 2 is no number from 0 to 15"));
}

TEST_CASE("what is no image is refused by content, with the file's name") {
  CHECK(has(message(load("")), "'test' is empty"));
  CHECK(has(message(load("index,label\n")), "'test' is no image that octet reads"));
  CHECK(has(message(load("GIF89a")), "no image that octet reads"));
  CHECK(has(message(load("P6 ten by ten")), "damaged ppm"));
  CHECK(has(message(load_image("/nonexistent/a.png")), "'/nonexistent/a.png': No such file"));
  CHECK(has(message(load_image("/")), "'/': Is a directory"));
}

TEST_CASE("every truncated image is refused, and nothing is read beyond its end") {
  const std::vector<uint8_t> rgb = pattern(6, 5, 3);
  std::vector<uint16_t> wide(6 * 5 * 3, 0x1234);
  const std::string files[] = {test::encode_png(6, 5, 3, rgb),
                               test::encode_png_16(6, 5, 3, wide),
                               test::encode_bmp(6, 5, rgb),
                               test::encode_bmp(6, 5, rgb, true),
                               test::encode_jpg(6, 5, 3, rgb),
                               test::encode_pnm('6', 6, 5, 255, as_ints(rgb)),
                               test::encode_pnm('3', 6, 5, 255, as_ints(rgb))};
  for (const std::string& file : files) {
    CAPTURE(file.substr(0, 4));
    REQUIRE(load(file).ok());
    // What may be missing without loss: a bmp's last padding (2 bytes here), the blank and a digit behind the last
    // text.
    const size_t shortest = file.size() - (file[0] == 'B' ? 2 : file[1] == '3' ? 3 : 0);
    for (size_t length = 0; length < shortest; ++length) {
      const std::string part = file.substr(0, length);
      std::vector<std::byte> exact(part.size());  // on the heap without slack, for the address sanitizer
      for (size_t i = 0; i < part.size(); ++i) exact[i] = static_cast<std::byte>(part[i]);
      CAPTURE(length);
      CHECK(has(message(load_image(std::span<const std::byte>(exact), "test")), "'test'"));
    }
  }
}

TEST_CASE("a damaged byte of a png is noticed") {
  const std::string png = test::encode_png(6, 5, 3, pattern(6, 5, 3));
  for (size_t i = 8; i < png.size(); ++i) {
    std::string damaged = png;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    CHECK_FALSE(load(damaged).ok());
  }
}

TEST_CASE("a jpg whose Huffman table is too long is refused") {
  // stb_image 2.27 wrote its 4080 codes into 257 bytes.
  std::string jpg = test::encode_jpg(8, 8, 3, pattern(8, 8, 3));
  const size_t table = jpg.find("\xff\xc4");
  REQUIRE(table != std::string::npos);
  jpg.replace(table + 5, 16, 16, '\xff');
  CHECK(has(message(load(jpg)), "damaged"));
}

TEST_CASE("a damaged byte anywhere never does more than fail") {
  const std::vector<uint8_t> rgb = pattern(6, 5, 3);
  for (const std::string& file : {test::encode_png(6, 5, 3, rgb), test::encode_bmp(6, 5, rgb),
                                  test::encode_jpg(6, 5, 3, rgb), test::encode_pnm('6', 6, 5, 255, as_ints(rgb))}) {
    for (size_t i = 0; i < file.size(); ++i) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string damaged = file;
        damaged[i] = static_cast<char>(damaged[i] ^ flip);
        const Result<Image> image = load(damaged, nullptr, {.max_pixels = 1 << 16});
        if (image.ok()) CHECK(image.value().pixels.size() % 3 == 0);
      }
    }
  }
}

TEST_CASE("a jpg that decodes with a Huffman table which it does not define is refused") {
  std::string jpg = test::encode_jpg(8, 8, 3, pattern(8, 8, 3));
  const size_t scan = jpg.find("\xff\xda");
  REQUIRE(scan != std::string::npos);
  for (const char missing : {'\x02', '\x20'}) {  // AC, DC
    std::string damaged = jpg;
    damaged[scan + 6] = static_cast<char>(damaged[scan + 6] | missing);
    CHECK(has(message(load(damaged)), "a table is missing"));
  }
}

TEST_CASE("a jpg whose scan ends early, or holds other bits, is harmless wherever that is") {
  const std::string jpg = test::encode_jpg(24, 24, 3, pattern(24, 24, 3));
  const size_t scan = jpg.find("\xff\xda");
  REQUIRE(scan != std::string::npos);
  for (size_t first = scan + 14; first + 2 < jpg.size(); ++first) {
    for (const size_t length : {size_t{1}, size_t{2}, jpg.size() - 2 - first}) {
      std::string damaged = jpg;
      damaged.erase(first, std::min(length, jpg.size() - 2 - first));  // all up to the end's marker, at most
      const Result<Image> image = load(damaged);
      if (image.ok()) CHECK(image->pixels.size() == 24 * 24 * 3);
    }
  }
}

TEST_CASE("a header that promises too many pixels is refused before memory is taken") {
  CHECK(has(message(load("P6 100000 100000 255\n")), "100000x100000 pixels by its header"));
  CHECK(has(message(load("P6 2000000 1 255\n")), "1048576 a side"));
  CHECK(has(message(load("P6 0 3 255\n")), "is 0x3 pixels"));
  CHECK(has(message(load("P6 10000 10000 255\n")), "need 300000000 bytes"));
  CHECK(has(message(load(test::encode_png_16(16388, 16388, 3, {1, 2, 3}))),
            "16388x16388 pixels by its header; the limit is 134217728 in all"));
  CHECK(has(message(load(test::encode_png_16(1 << 22, 1 << 22, 3, {1, 2, 3}))), "'test' cannot be decoded"));
  CHECK(has(message(load(test::encode_png(4, 4, 3, pattern(4, 4, 3)), nullptr, {.max_pixels = 15})), "4x4 pixels"));
}

TEST_CASE("an image of a palette has its colors; damage under right checksums is refused or harmless") {
  const std::string file = test::encode_png_indexed(10, 1, "\x10\x20\x30\xff\xfe\xfd", {"\xa5\x40", "\x5a\x80"});
  const Result<Image> image = load(file, nullptr, {.max_pixels = std::numeric_limits<int64_t>::max()});
  REQUIRE_MESSAGE(image.ok(), message(image));
  CHECK(image->width == 10);
  CHECK(std::vector<uint8_t>(image->pixels.begin(), image->pixels.begin() + 6) ==
        std::vector<uint8_t>{0xff, 0xfe, 0xfd, 0x10, 0x20, 0x30});
  for (size_t i = 8; i < file.size(); ++i) {
    for (const char value : {'\0', '\1', '\x7f', '\xff'}) {
      std::string damaged = file;
      damaged[i] = value;
      test::reseal_png(damaged);
      (void)load(damaged, nullptr, {.max_pixels = 1 << 16});
    }
  }
}

TEST_CASE("real photographs load") {
  const std::filesystem::path folder = std::filesystem::path(OCTET_SHARED_DATA) / "images/imagenet_val/calibration";
  std::error_code absent;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) {
    if (entry.path().extension() != ".JPEG" || ++count > 20) continue;
    const Result<Image> image = load_image(entry.path().string());
    REQUIRE(image.ok());
    CHECK(image.value().width == 227);
    CHECK(image.value().height == 227);
  }
  if (count == 0) test::skip("there are no photographs in " + folder.string());
}

}  // namespace octet
