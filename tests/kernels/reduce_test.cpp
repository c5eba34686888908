#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

std::vector<float> reduced(ReduceKind kind, const std::vector<int64_t>& axes, const Tensor& src) {
  return values_of<float>(run_reference(ReduceParams{kind, axes, true}, {src}, Tensor{}));
}

constexpr ReduceKind kKinds[] = {ReduceKind::kSum,  ReduceKind::kMean,      ReduceKind::kMax, ReduceKind::kMin,
                                 ReduceKind::kProd, ReduceKind::kSumSquare, ReduceKind::kL1,  ReduceKind::kL2};

}  // namespace

TEST_CASE("reduce computes each kind") {
  const Tensor src = f32({2, 3}, {1, -2, 3, 4, 5, -6});
  CHECK(reduced(ReduceKind::kSum, {1}, src) == std::vector<float>{2, 3});
  CHECK(reduced(ReduceKind::kSum, {0}, src) == std::vector<float>{5, 3, -3});
  CHECK(reduced(ReduceKind::kSum, {0, 1}, src) == std::vector<float>{5});
  CHECK(reduced(ReduceKind::kMean, {0}, src) == std::vector<float>{2.5F, 1.5F, -1.5F});
  CHECK(reduced(ReduceKind::kMax, {1}, src) == std::vector<float>{3, 5});
  CHECK(reduced(ReduceKind::kMin, {1}, src) == std::vector<float>{-2, -6});
  CHECK(reduced(ReduceKind::kProd, {1}, src) == std::vector<float>{-6, -120});
  CHECK(reduced(ReduceKind::kSumSquare, {1}, src) == std::vector<float>{14, 77});
  CHECK(reduced(ReduceKind::kL1, {1}, src) == std::vector<float>{6, 15});
  CHECK(reduced(ReduceKind::kL2, {1}, f32({1, 2}, {3, 4})) == std::vector<float>{5});
  CHECK(reduced(ReduceKind::kSumSquare, {}, f32({2}, {3, 4})) == std::vector<float>{9, 16});
  CHECK(std::isnan(reduced(ReduceKind::kMax, {0}, f32({3}, {1, NAN, 2}))[0]));
}

TEST_CASE("reduce of s64 wraps") {
  const auto reduce = [](ReduceKind kind) {
    const Tensor src = s64({3}, {kHighest, 2, -5});
    return values_of<int64_t>(run_reference(ReduceParams{kind, {0}}, {src}, Tensor{.type = DataType::kS64}))[0];
  };
  CHECK(reduce(ReduceKind::kSum) == kHighest - 3);
  CHECK(reduce(ReduceKind::kMax) == kHighest);
  CHECK(reduce(ReduceKind::kMin) == -5);
  CHECK(reduce(ReduceKind::kProd) == 10);
}

TEST_CASE("reduce over nothing gives the neutral element") {
  const Tensor empty = f32({2, 0}, {});
  CHECK(reduced(ReduceKind::kSum, {1}, empty) == std::vector<float>{0, 0});
  CHECK(reduced(ReduceKind::kProd, {1}, empty) == std::vector<float>{1, 1});
  CHECK(reduced(ReduceKind::kMax, {1}, empty) == std::vector<float>(2, -std::numeric_limits<float>::infinity()));
  CHECK(std::isnan(reduced(ReduceKind::kMean, {1}, empty)[0]));
  CHECK(reduced(ReduceKind::kSum, {0}, empty).empty());
  CHECK(reduced(ReduceKind::kSum, {0}, f32({0, 3}, {})) == std::vector<float>{0, 0, 0});
  CHECK(reduced(ReduceKind::kSum, {0, 2}, f32({0, 3, 5}, {})) == std::vector<float>{0, 0, 0});
}

TEST_CASE("reduce over any axes is the reduction of the elements in their order") {
  const uint32_t seed = 90;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  const Shape shape = {2, 3, 5, 70};
  const Tensor src = random_f32(shape, -1, 1, random);
  for (unsigned mask = 0; mask < 16; ++mask) {
    ReduceParams params{.keep_dims = true};
    for (int64_t axis = 0; axis < 4; ++axis) {
      if ((mask >> axis & 1) != 0) params.axes.push_back(axis);
    }
    const Tensor dst = run_reference(params, {src}, Tensor{});
    std::vector<double> sums(dst.as<float>().size());
    for (int64_t i = 0; i < shape.element_count(); ++i) {
      const int64_t index[4] = {i / 1050, i / 350 % 3, i / 70 % 5, i % 70};
      int64_t at = 0;
      for (int axis = 0; axis < 4; ++axis) at = at * dst.shape[axis] + ((mask >> axis & 1) != 0 ? 0 : index[axis]);
      sums[at] += static_cast<double>(src.as<float>()[i]);
    }
    for (size_t i = 0; i < sums.size(); ++i) REQUIRE(dst.as<float>()[i] == static_cast<float>(sums[i]));
    for (const ReduceKind kind : kKinds) {
      params.kind = kind;
      check_rows_agree(params, {src}, Tensor{}, ran);
    }
  }
  check_rows_agree(ReduceParams{ReduceKind::kMean, {1, 2}}, {random_f32({4, 50, 50, 64}, -1, 1, random)}, Tensor{},
                   ran);
  check_rows_agree(ReduceParams{ReduceKind::kL2, {2}}, {random_f32({4, 50, 3000}, -1, 1, random)}, Tensor{}, ran);
}

TEST_CASE("reduce sums in double") {
  const Tensor src = f32({4}, {1e8F, 1, 1, -1e8F});
  CHECK(reduced(ReduceKind::kSum, {0}, src) == std::vector<float>{2});
}

TEST_CASE("reduce of u8 sums integers exactly and rounds once") {
  const Tensor src = u8({2, 3}, 0.5F, 10, {10, 12, 20, 0, 255, 11});
  const auto reduce = [&](ReduceKind kind, const std::vector<int64_t>& axes, const Tensor& dst) {
    return values_of<uint8_t>(run_reference(ReduceParams{kind, axes, true}, {src}, dst));
  };
  // Real sums: 6, 118; means: 2, 39.33; over axis 0: -5, 123.5, 5.5 and half of them.
  CHECK(reduce(ReduceKind::kSum, {1}, make_u8({}, 1, 100)) == std::vector<uint8_t>{106, 218});
  CHECK(reduce(ReduceKind::kMean, {1}, make_u8({}, 1, 100)) == std::vector<uint8_t>{102, 139});
  CHECK(reduce(ReduceKind::kMean, {0}, make_u8({}, 0.5F, 7)) == std::vector<uint8_t>{2, 131, 13});  // 5.5 to even: 6
  CHECK(reduce(ReduceKind::kSum, {0, 1}, make_u8({}, 0.1F, 0)) == std::vector<uint8_t>{255});
  CHECK(reduce(ReduceKind::kMax, {1}, like(src)) == std::vector<uint8_t>{20, 255});
  CHECK(reduce(ReduceKind::kMin, {0}, like(src)) == std::vector<uint8_t>{0, 12, 11});
}

TEST_CASE("reduce of u8 over any axes is that of the real numbers, rounded once") {
  const uint32_t seed = 91;
  CAPTURE(seed);
  Random random(seed);
  const Shape shape = {2, 3, 5, 70};
  const Tensor src = random_u8(shape, 0.021F, 37, random);
  Tensor real = make_f32(shape);
  for (size_t i = 0; i < real.as<float>().size(); ++i) {
    real.as<float>()[i] = static_cast<float>(src.as<uint8_t>()[i] - 37);
  }
  for (unsigned mask = 0; mask < 16; ++mask) {
    ReduceParams params{.keep_dims = true};
    for (int64_t axis = 0; axis < 4; ++axis) {
      if ((mask >> axis & 1) != 0) params.axes.push_back(axis);
    }
    for (const ReduceKind kind : {ReduceKind::kSum, ReduceKind::kMean, ReduceKind::kMax, ReduceKind::kMin}) {
      params.kind = kind;
      const bool rescales = rescales_u8(kind);
      const Tensor dst = rescales ? make_u8({}, 0.33F, 90) : like(src);
      const Tensor exact = run_reference(params, {real}, Tensor{});
      const Tensor got = run_reference(params, {src}, dst, 3);
      for (size_t i = 0; i < exact.as<float>().size(); ++i) {
        const double steps = static_cast<double>(exact.as<float>()[i]) * (rescales ? 0.021 / 0.33 : 1.0);
        const double wanted = std::clamp(steps + (rescales ? 90 : 37), 0.0, 255.0);
        REQUIRE(std::fabs(got.as<uint8_t>()[i] - wanted) <= 0.5001);
      }
    }
  }
}

TEST_CASE("reduce of u8 sums more elements than 32 bits hold") {
  const int64_t count = INT32_MAX / 255 + 10;
  Tensor src = make_u8({count}, 1, 0);
  std::ranges::fill(src.as<uint8_t>(), uint8_t{255});
  const ReduceParams mean{ReduceKind::kMean, {0}};
  CHECK(values_of<uint8_t>(run_reference(mean, {src}, make_u8({}, 1, 0)))[0] == 255);
}

TEST_CASE("reduce shapes: the axes become 1 or go") {
  const int64_t n = Shape::kDynamic;
  CHECK(shape_of(ReduceParams{.axes = {1, 2}}, {{n, 3, 4, 5}}) == "Nx1x1x5");
  CHECK(shape_of(ReduceParams{.axes = {2, 1}, .keep_dims = false}, {{n, 3, 4, 5}}) == "Nx5");
  CHECK(shape_of(ReduceParams{.axes = {0}, .keep_dims = false}, {{n}}) == "scalar");
  CHECK(contains(refusal_of(ReduceParams{.axes = {4}}, {{1, 2, 3, 4}}), "axis 4"));
  CHECK(contains(refusal_of(ReduceParams{.axes = {-1}}, {{1, 2, 3, 4}}), "axis -1"));
  CHECK(contains(refusal_of(ReduceParams{.axes = {1, 1}}, {{1, 2, 3, 4}}), "twice"));
  CHECK(contains(refusal_of(ReduceParams{.kind = static_cast<ReduceKind>(8)}, {{1}}), "kind is 8"));
  const Tensor f = make_f32({1}), i = s64({1}, {0});
  CHECK(takes_types(ReduceParams{}, {f}, f));
  CHECK(takes_types(ReduceParams{}, {i}, i));
  CHECK_FALSE(takes_types(ReduceParams{.kind = ReduceKind::kMean}, {i}, i));
  const Tensor q = make_u8({1}, 1, 0), other = make_u8({1}, 2, 0);
  CHECK_FALSE(takes_types(ReduceParams{}, {q}, f));
  CHECK(takes_types(ReduceParams{}, {q}, other));
  CHECK(takes_types(ReduceParams{.kind = ReduceKind::kMean}, {q}, other));
  CHECK(takes_types(ReduceParams{.kind = ReduceKind::kMax}, {q}, q));
  CHECK_FALSE(takes_types(ReduceParams{.kind = ReduceKind::kMax}, {q}, other));
  CHECK_FALSE(takes_types(ReduceParams{.kind = ReduceKind::kL2}, {q}, q));
}

}  // namespace octet::test
