// Networks of one node, and what a session computes of them.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/source_builder.h"

namespace octet::test {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Attributes = SourceBuilder::Attributes;

// One node that reads x and constants.
inline SourceBuilder one_node(const std::string& op, int opset, const Shape& x, std::vector<std::string> more = {},
                              Attributes attributes = {}, const std::string& domain = "") {
  SourceBuilder source;
  source.opset = opset;
  more.insert(more.begin(), "x");
  source.input("x", x).node(op, std::move(more), {"y"}, std::move(attributes), domain).output("y");
  return source;
}

inline void check_close(const Computed& computed, const Shape& shape, const Floats& expected, double epsilon = 1e-6) {
  CHECK(computed.shape == shape);
  REQUIRE(computed.values.size() == expected.size());
  // The functions are accurate to a few units in the last place.
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(computed.values[i] == doctest::Approx(expected[i]).epsilon(epsilon));
  }
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline Floats counting(size_t count) {
  Floats values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

}  // namespace octet::test
