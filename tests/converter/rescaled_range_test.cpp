// A saved range of a value that was rescaled: what the samples at hand know is how much, not how far values go.
#include "converter/calibrate/rescaled_range.h"

#include <doctest/doctest.h>

namespace octet {

TEST_CASE("a saved range that was not rescaled stays to the bit, whatever the samples at hand have of it") {
  const Range saved{-0.3F, 10.1F};
  CHECK(rescaled_range(saved, {-0.2F, 5}, {-0.2F, 5}, false) == saved);
  CHECK(rescaled_range(saved, {-0.2F, 5}, {-0.20001F, 5.0002F}, false) == saved);
  CHECK(rescaled_range(saved, {}, {}, false) == saved);
}

TEST_CASE("a saved range follows the rescaling, each end on its own") {
  CHECK(rescaled_range({-2, 10}, {-1, 5}, {-0.5F, 15}, false) == Range{-1, 30});
  CHECK(rescaled_range({0, 10}, {0, 5}, {0, 1}, false) == Range{0, 2});
  // An end that the samples at hand never reach moves with the other.
  CHECK(rescaled_range({-2, 10}, {0, 5}, {0, 10}, false) == Range{-4, 20});
  CHECK(rescaled_range({-2, 10}, {-1, 0}, {-2, 0}, false) == Range{-4, 20});
  // A channel that was dead on the samples and is so no more.
  CHECK(rescaled_range({0, 2}, {}, {0, 3}, false) == Range{0, 3});
}

TEST_CASE("a range of powers of two stays one") {
  // Steps of 1/8, zero point 55: both ends by the power of two between the other ranges' steps, 1/4 and 1/16.
  const Range saved{-55.0F / 8, 200.0F / 8};
  CHECK(rescaled_range(saved, {-5.0F / 4, 250.0F / 4}, {-100.0F / 16, 155.0F / 16}, true) ==
        Range{-55.0F / 32, 200.0F / 32});
}

TEST_CASE("values that were not observed keep their saved range") {
  const Ranges saved{{"a", {0, 4}}, {"b", {0, 6}}};
  const Ranges found = rescaled_ranges(saved, {{"a", {0, 1}}}, {{"a", {0, 2}}, {"b", {0, 1}}, {"c", {0, 1}}}, false);
  CHECK(found == Ranges{{"a", {0, 8}}, {"b", {0, 6}}});
}

}  // namespace octet
