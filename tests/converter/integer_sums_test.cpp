// ConvInteger and MatMulInteger: sums of integers, exact however long they are.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;

template <class T>
void add_constant(SourceBuilder& s, const std::string& name, DataType type, const Shape& shape,
                  const std::vector<T>& values) {
  s.model.constants.emplace_back(name, Tensor::from<T>(type, shape, values));
}

// What the elements of the s32 result are, less `expected`, which f32 could not say in full.
std::vector<float> difference(SourceBuilder& s, const Shape& shape, const std::vector<int64_t>& expected,
                              const std::vector<float>& x) {
  s.model.constants.emplace_back("expected", Tensor::s64(shape, expected));
  s.node("Cast", {"sum"}, {"wide"}, {{"to", int64_t{7}}}).node("Sub", {"wide", "expected"}, {"rest"});
  s.node("Cast", {"rest"}, {"y"}, {{"to", int64_t{1}}}).output("y");
  return compute(s, x).values;
}

SourceBuilder source(const Shape& shape) {
  SourceBuilder s;
  s.input("x", shape).node("Cast", {"x"}, {"a"}, {{"to", int64_t{2}}});
  return s;
}

// Odd, so that sums above 2^24 need their last bit.
float element(int64_t i) {
  return static_cast<float>(201 + i * 7 % 27 * 2);
}
int weight(int64_t i) {
  return static_cast<int>(101 + i * 5 % 13 * 2);
}

}  // namespace

TEST_CASE("MatMulInteger is exact beyond 2^24, of constants and of computed matrices") {
  constexpr int64_t kDepth = 1023;
  for (const bool computed : {false, true}) {
    CAPTURE(computed);
    SourceBuilder s = source({2, kDepth});
    std::vector<float> x;
    std::vector<int8_t> w;
    for (int64_t i = 0; i < 2 * kDepth; ++i) x.push_back(element(i));
    for (int64_t i = 0; i < kDepth * 3; ++i) w.push_back(static_cast<int8_t>(weight(i)));
    add_constant(s, "w", DataType::kS8, {kDepth, 3}, w);
    Ints expected;
    for (size_t m = 0; m < 2; ++m) {
      for (size_t n = 0; n < (computed ? 2 : 3); ++n) {
        int64_t sum = 0;
        for (size_t k = 0; k < kDepth; ++k) {
          const auto right = computed ? static_cast<int64_t>(x[n * kDepth + k]) : w[k * 3 + n];
          sum += static_cast<int64_t>(x[m * kDepth + k]) * right;
        }
        expected.push_back(sum);
      }
    }
    REQUIRE(expected[0] > 1 << 24);
    if (computed) s.node("Transpose", {"a"}, {"t"}, {{"perm", Ints{1, 0}}});
    s.node("MatMulInteger", {"a", computed ? "t" : "w"}, {"sum"});
    const std::vector<float> rest = difference(s, {2, computed ? 2 : 3}, expected, x);
    CHECK(rest == std::vector<float>(expected.size(), 0));
  }
}

TEST_CASE("MatMulInteger takes a zero point per row and per column") {
  SourceBuilder s = source({2, 3});
  add_constant<int8_t>(s, "w", DataType::kS8, {3, 2}, {1, -2, 3, -4, 5, -6});
  add_constant<uint8_t>(s, "rows", DataType::kU8, {2}, {3, 5});
  add_constant<int8_t>(s, "columns", DataType::kS8, {2}, {1, -1});
  s.node("MatMulInteger", {"a", "w", "rows", "columns"}, {"sum"});
  // (7 8 9) - 3 and (1 2 3) - 5, by (0 2 4) and (-1 -3 -5)
  CHECK(difference(s, {2, 2}, {34, -49, -14, 23}, {7, 8, 9, 1, 2, 3}) == std::vector<float>(4, 0));

  SourceBuilder batched = source({2, 1, 2});  // the same for the matrices of a batch
  add_constant<int8_t>(batched, "w", DataType::kS8, {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  add_constant<uint8_t>(batched, "rows", DataType::kU8, {2, 1, 1}, {3, 5});
  add_constant<int8_t>(batched, "columns", DataType::kS8, {2, 1, 2}, {1, 2, 3, 4});
  batched.node("MatMulInteger", {"a", "w", "rows", "columns"}, {"sum"});
  // (7 8) - 3 by (0 0, 2 2), and (9 4) - 5 by (2 2, 4 4)
  CHECK(difference(batched, {2, 1, 2}, {10, 10, 4, 4}, {7, 8, 9, 4}) == std::vector<float>(4, 0));

  SourceBuilder wrong = source({2, 3});
  add_constant<int8_t>(wrong, "w", DataType::kS8, {3, 2}, {1, -2, 3, -4, 5, -6});
  add_constant<uint8_t>(wrong, "rows", DataType::kU8, {3}, {3, 5, 7});
  wrong.node("MatMulInteger", {"a", "w", "rows"}, {"sum"}).output("sum");
  CHECK(wrong.error().find("MatMulInteger1") != std::string::npos);

  SourceBuilder each = source({2, 3});
  add_constant<int8_t>(each, "w", DataType::kS8, {3, 2}, {1, -2, 3, -4, 5, -6});
  add_constant<uint8_t>(each, "points", DataType::kU8, {2, 3}, {3, 5, 7, 3, 5, 7});
  each.node("MatMulInteger", {"a", "w", "points"}, {"sum"}).output("sum");
  CHECK(each.error().find("zero points are 2x3, not one for each row") != std::string::npos);

  // Under the domain's long name it is not taken apart.
  SourceBuilder raw = source({2, 3});
  add_constant<int8_t>(raw, "w", DataType::kS8, {3, 2}, {1, -2, 3, -4, 5, -6});
  raw.node("MatMulInteger", {"a", "w"}, {"sum"}, {}, "ai.onnx").output("sum");
  CHECK(raw.error().find("in a form not read") != std::string::npos);
}

TEST_CASE("ConvInteger is exact beyond 2^24, or says why not") {
  constexpr int64_t kChannels = 200;
  SourceBuilder s = source({1, kChannels, 2, 2});
  std::vector<float> x;
  std::vector<int8_t> w;
  for (int64_t i = 0; i < kChannels * 4; ++i) x.push_back(element(i));
  for (int64_t i = 0; i < 2 * kChannels * 4; ++i) w.push_back(static_cast<int8_t>(i % 3 == 0 ? 127 : weight(i)));
  add_constant(s, "w", DataType::kS8, {2, kChannels, 2, 2}, w);
  Ints expected(2, 0);
  for (size_t i = 0; i < w.size(); ++i) expected[i / x.size()] += static_cast<int64_t>(x[i % x.size()]) * w[i];
  REQUIRE(expected[0] > 1 << 24);
  s.node("ConvInteger", {"a", "w"}, {"sum"});
  CHECK(difference(s, {1, 2, 1, 1}, expected, x) == std::vector<float>(2, 0));

  SourceBuilder wide = source({1, 1, 30, 30});
  add_constant(wide, "w", DataType::kS8, {1, 1, 30, 30}, std::vector<int8_t>(900, 100));
  wide.node("ConvInteger", {"a", "w"}, {"sum"}).output("sum");
  CHECK(wide.error().find("22950000") != std::string::npos);
  CHECK(wide.error().find("16777216") != std::string::npos);
}

}  // namespace octet::test
