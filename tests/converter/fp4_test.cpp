// Why 4-bit floats are no scheme of octet: what their codes stand for.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "converter/quantize.h"

namespace octet {
namespace {

// The number behind a code of 4 bits: a sign, `exponents` bits of exponent with bias 1, the rest mantissa; exponent 0
// is subnormal, and nothing is infinite.
double decode(uint32_t code, int exponents) {
  const int mantissas = 3 - exponents;
  const auto exponent = static_cast<int>(code >> mantissas & ((1U << exponents) - 1));
  const double mantissa = static_cast<double>(code & ((1U << mantissas) - 1)) / std::exp2(mantissas);
  const double magnitude = exponent == 0 ? mantissa : std::ldexp(1 + mantissa, exponent - 1);
  return (code & 8U) != 0 ? -magnitude : magnitude;
}

}  // namespace

TEST_CASE("of 4-bit floats E1M2 is the integers that octet has, and E2M1 trades steps near its end for reach") {
  const std::vector<double> e2m1 = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint32_t code = 0; code < 16; ++code) {
    const double sign = code < 8 ? 1 : -1;
    CHECK(decode(code, 2) == sign * e2m1[code % 8]);
    CHECK(decode(code, 1) * 4 == sign * (code % 8));
  }
  CHECK(WeightScheme{.bits = 4}.bound() == 7);
}

}  // namespace octet
