#include "runtime/half.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace octet {

TEST_CASE("every half is a float and comes back") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const bool is_quiet_or_no_nan = (bits & 0x7C00U) != 0x7C00U || (bits & 0x3FFU) == 0 || (bits & 0x200U) != 0;
    if (is_quiet_or_no_nan && float_to_half(half_to_float(half)) != half) FAIL("the half ", bits);
  }
  CHECK(half_to_float(0x0001) == std::ldexp(1.0F, -24));
  CHECK(half_to_float(0x83FF) == -std::ldexp(1023.0F, -24));
  CHECK(half_to_float(0x7BFF) == 65504.0F);
  CHECK(half_to_float(0x3555) == 0.333251953125F);
  CHECK(std::signbit(half_to_float(0x8000)));
  CHECK(half_to_float(0xFC00) == -INFINITY);
  CHECK(std::isnan(half_to_float(0x7C01)));
}

TEST_CASE("a float becomes the nearest half, of two the even one") {
  const uint32_t seed = 16;
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 100000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(value)) continue;
    const uint16_t half = float_to_half(value);
    if (std::fabs(value) >= 65520.0F) {
      REQUIRE(half == (std::signbit(value) ? 0xFC00 : 0x7C00));
      continue;
    }
    const auto distance = [&](int other) {
      return std::fabs(static_cast<double>(half_to_float(static_cast<uint16_t>(other))) - static_cast<double>(value));
    };
    if ((half & 0x7FFF) > 0) REQUIRE(distance(half) <= distance(half - 1));
    if ((half & 0x7FFF) < 0x7BFF) REQUIRE(distance(half) <= distance(half + 1));
  }
  CHECK(float_to_half(1.0F + 0x1p-11F) == 0x3C00);  // ties
  CHECK(float_to_half(1.0F + 3 * 0x1p-11F) == 0x3C02);
  CHECK(float_to_half(0x1p-25F) == 0);
  CHECK(float_to_half(3 * 0x1p-25F) == 2);
  CHECK(float_to_half(0x1.ffcp-15F + 0x1p-25F) == 0x0400);  // up into the normal numbers
  CHECK(float_to_half(65519.0F) == 0x7BFF);
  CHECK((float_to_half(NAN) & 0x7FFF) > 0x7C00);
}

TEST_CASE("only halves are packed as such") {
  const std::vector<float> values = {1, -0.0F, 0x1p-24F, -65504};
  const auto bytes = pack_halves(values);
  REQUIRE(bytes.has_value());
  REQUIRE(bytes->size() == 8);
  std::vector<float> again(4);
  unpack_halves(*bytes, again);
  for (size_t i = 0; i < values.size(); ++i)
    CHECK(std::bit_cast<uint32_t>(again[i]) == std::bit_cast<uint32_t>(values[i]));
  CHECK_FALSE(pack_halves(std::vector<float>{1, 1.0F / 3}).has_value());
  CHECK_FALSE(pack_halves(std::vector<float>{1e-9F}).has_value());
}

}  // namespace octet
