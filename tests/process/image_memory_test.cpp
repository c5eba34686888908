// Images take memory by what they are and become, not by what a few of their bytes could make of them.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "octet/image.hpp"
#include "tests/support/counted_bytes.h"
#include "tests/support/scratch_folder.h"

namespace octet {

TEST_CASE("of a file without an end no more is read than its first bytes justify") {
  const test::ScratchFolder folder;
  const auto check = [&](const std::string& path, int64_t max_bytes, const std::string& what) {
    CAPTURE(path);
    const int64_t peak = test::peak_of([&] {
      const Result<Image> image = load_image(path);
      REQUIRE_FALSE(image.ok());
      CHECK(image.error().code == ErrorCode::kInvalidFile);
      CHECK_MESSAGE(image.error().message.find("'" + path + "' " + what) == 0, image.error().message);
    });
    CHECK(peak <= max_bytes);
  };
  check("/dev/zero", int64_t{1} << 18, "is no image that octet reads");
  // A start, then a gigabyte of zeros, which takes no place on a disk.
  const auto endless = [&](const std::string& name, const std::string& start) {
    const std::string path = folder.path(name);
    std::ofstream(path, std::ios::binary) << start;
    std::filesystem::resize_file(path, uintmax_t{1} << 30);
    return path;
  };
  using namespace std::string_literals;
  const std::string png = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"s, bmp = "BM" + std::string(12, '\0') + "\x28\0\0\0"s;
  const std::string jpg = "\xff\xd8\xff\xe0\0\x04xx\xff\xc0\0\x11\x08"s;
  constexpr int64_t kMetadataBytes = int64_t{1} << 26, kMaxBytes = 2 * kMetadataBytes + (1 << 16);
  const auto too_many = [](int64_t pixels) {
    return "has more than " + std::to_string(kMetadataBytes + 18 * pixels) + " bytes";
  };
  check(endless("net.png", png + "\0\0\0\x05\0\0\0\x04"s), kMaxBytes, too_many(20));
  check(endless("net.bmp", bmp + "\x05\0\0\0\xfc\xff\xff\xff"s), kMaxBytes, too_many(20));
  check(endless("net.jpg", jpg + "\0\x04\0\x05"s), kMaxBytes, too_many(20));
  check(endless("text.ppm", "P3\n# a comment\n5 4\n"), kMaxBytes, too_many(20));
  for (const char* start : {"P6\n", "\xff\xd8\xff\xe0"}) check(endless("none", start), kMaxBytes, too_many(0));
  // Too large an image is refused by its first bytes.
  const std::string large = "is 65536x65536 pixels by its header; the limit is 134217728";
  check(endless("large.png", png + "\0\x01\0\0\0\x01\0\0"s), int64_t{1} << 18, large);
  check(endless("large.bmp", bmp + "\0\0\x01\0\0\0\x01\0"s), int64_t{1} << 18, large);
  check(endless("large.ppm", "P6 65536 65536\n"), int64_t{1} << 18, large);
}

TEST_CASE("a long, thin image becomes one that lies the other way within a few megabytes") {
  // Rows first: 8192 x 8192 pixels, 200 MB, would lie between.
  constexpr int kLong = 8192;
  constexpr int64_t kMaxBytes = int64_t{6} << 20;
  for (const auto& sides : {std::array{1, kLong}, {kLong, 1}}) {
    const int width = sides[0], height = sides[1];  // clang 14 captures no structured bindings
    const Image image{width, height, 3, std::vector<uint8_t>(size_t{3} * kLong, 200)};
    for (const char* spec : {"filter=bilinear", "filter=bicubic", "filter=area,fit=crop", "fit=letterbox"}) {
      CAPTURE(spec);
      const Result<Preprocessing> preprocessing = Preprocessing::parse(spec);
      REQUIRE(preprocessing.ok());
      const int64_t peak = test::peak_of([&] {
        const Result<Image> fitted = fit_image(image, *preprocessing, height, width);
        REQUIRE(fitted.ok());
        CHECK(fitted->pixels.size() == size_t{3} * kLong);
      });
      CHECK(peak > 2 * 3 * kLong);
      CHECK(peak < kMaxBytes);
    }
  }
}

}  // namespace octet
