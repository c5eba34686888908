// Images take memory by what they are and become, not by what a few of their bytes could make of them.
#include <doctest/doctest.h>

#include <cstdint>

#include "octet/image.hpp"
#include "tests/support/counted_bytes.h"

namespace octet {

TEST_CASE("a long, thin image becomes one that lies the other way within a few megabytes") {
  // Rows first: 8192 x 8192 pixels, 200 MB, would lie between.
  constexpr int kLong = 8192;
  constexpr int64_t kMaxBytes = int64_t{6} << 20;
  for (const auto& [width, height] : {std::array{1, kLong}, {kLong, 1}}) {
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
