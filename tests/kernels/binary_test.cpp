#include "kernels/binary/binary.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int64_t kN = Shape::kDynamic;

std::vector<float> f32_result(BinaryKind kind, const std::vector<float>& a, const std::vector<float>& b,
                              const Clamp& clamp = {}) {
  const auto n = static_cast<int64_t>(a.size());
  return values_of<float>(run_reference(BinaryParams{kind, clamp}, {f32({n}, a), f32({n}, b)}, Tensor{}));
}

std::vector<int64_t> s64_result(BinaryKind kind, const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  const auto n = static_cast<int64_t>(a.size());
  return values_of<int64_t>(
      run_reference(BinaryParams{kind, {}}, {s64({n}, a), s64({n}, b)}, Tensor{.type = DataType::kS64}));
}

}  // namespace

TEST_CASE("binary computes each kind in f32") {
  CHECK(f32_result(BinaryKind::kAdd, {1, 2}, {10, 20}) == std::vector<float>{11, 22});
  CHECK(f32_result(BinaryKind::kSub, {1, 2}, {10, 20}) == std::vector<float>{-9, -18});
  CHECK(f32_result(BinaryKind::kMul, {1, 2}, {10, 20}) == std::vector<float>{10, 40});
  CHECK(f32_result(BinaryKind::kDiv, {1, 3, -1}, {2, 4, 0}) == std::vector<float>{0.5F, 0.75F, -kInf});
  CHECK(f32_result(BinaryKind::kPow, {2, 9}, {3, 0.5F}) == std::vector<float>{8, 3});
  CHECK(f32_result(BinaryKind::kMin, {1, 20}, {10, 2}) == std::vector<float>{1, 2});
  CHECK(f32_result(BinaryKind::kMax, {1, 20}, {10, 2}) == std::vector<float>{10, 20});
  CHECK(f32_result(BinaryKind::kAdd, {-5, 1, 5}, {0, 0, 2}, {0, 6}) == std::vector<float>{0, 1, 6});
}

TEST_CASE("binary min and max pass on a NaN from either side") {
  for (const BinaryKind kind : {BinaryKind::kMin, BinaryKind::kMax}) {
    const auto result = f32_result(kind, {NAN, 1}, {1, NAN});
    CHECK(std::isnan(result[0]));
    CHECK(std::isnan(result[1]));
  }
}

TEST_CASE("binary in s64 wraps, divides towards zero, and gives 0 for a division by 0") {
  CHECK(s64_result(BinaryKind::kAdd, {kHighest, 2}, {1, 3}) == std::vector<int64_t>{kLowest, 5});
  CHECK(s64_result(BinaryKind::kSub, {kLowest, 2}, {1, 3}) == std::vector<int64_t>{kHighest, -1});
  CHECK(s64_result(BinaryKind::kMul, {kHighest, -2}, {2, 3}) == std::vector<int64_t>{-2, -6});
  CHECK(s64_result(BinaryKind::kDiv, {7, -7, 7, kLowest}, {2, 2, 0, -1}) == std::vector<int64_t>{3, -3, 0, kLowest});
  CHECK(s64_result(BinaryKind::kMin, {7, -7}, {2, 2}) == std::vector<int64_t>{2, -7});
  CHECK(s64_result(BinaryKind::kMax, {7, -7}, {2, 2}) == std::vector<int64_t>{7, 2});
}

TEST_CASE("binary u8 add works in units of dst, rounds half to even and saturates") {
  // (a - 10) * 0.5 + (b - 20) * 0.25, over 0.5: a - 10 + (b - 20) / 2
  const std::vector<Tensor> inputs = {u8({5}, 0.5F, 10, {10, 11, 11, 255, 0}),
                                      u8({5}, 0.25F, 20, {20, 21, 23, 255, 0})};
  const Tensor dst = make_u8({}, 0.5F, 100);
  CHECK(values_of<uint8_t>(run_reference(BinaryParams{}, inputs, dst)) ==
        std::vector<uint8_t>{100, 102 /* 1.5 */, 102 /* 2.5 */, 255, 80});
  // Rounded before the zero point is added, so an odd one changes no tie.
  CHECK(values_of<uint8_t>(run_reference(BinaryParams{}, inputs, make_u8({}, 0.5F, 101))) ==
        std::vector<uint8_t>{101, 103, 103, 255, 81});
  // Folded into one offset they are there before it is rounded.
  const BinaryParams folded{.folds_zero_points = true};
  CHECK(values_of<uint8_t>(run_reference(folded, inputs, make_u8({}, 0.5F, 101))) ==
        std::vector<uint8_t>{101, 102 /* 102.5 */, 104 /* 103.5 */, 255, 81});
  const BinaryParams folded_clamped{.clamp = {0, 1}, .folds_zero_points = true};
  CHECK(values_of<uint8_t>(run_reference(folded_clamped, inputs, make_u8({}, 0.5F, 101))) ==
        std::vector<uint8_t>{101, 102, 103, 103, 101});
  const BinaryParams sub{.kind = BinaryKind::kSub};
  CHECK(values_of<uint8_t>(run_reference(sub, inputs, dst)) == std::vector<uint8_t>{100, 100, 100, 228, 100});
  const BinaryParams clamped{.clamp = {0, 1}};  // 0 to 2 in units of dst
  CHECK(values_of<uint8_t>(run_reference(clamped, inputs, dst)) == std::vector<uint8_t>{100, 102, 102, 102, 100});
}

TEST_CASE("binary u8 mul takes the product of the differences from the zero points") {
  const std::vector<Tensor> inputs = {u8({3}, 0.5F, 10, {12, 8, 250}), u8({3}, 0.25F, 20, {24, 24, 250})};
  // 2 * 4 * 0.125 = 1, -1, 6900
  CHECK(values_of<uint8_t>(run_reference(BinaryParams{.kind = BinaryKind::kMul}, inputs, make_u8({}, 0.5F, 100))) ==
        std::vector<uint8_t>{102, 98, 255});
}

TEST_CASE("binary u8 min and max choose integers, and clamp them") {
  const std::vector<Tensor> inputs = {u8({4}, 0.5F, 10, {0, 10, 14, 255}), u8({4}, 0.5F, 10, {1, 9, 14, 0})};
  const auto result = [&](BinaryKind kind, const Clamp& clamp) {
    return values_of<uint8_t>(run_reference(BinaryParams{kind, clamp}, inputs, like(inputs[0])));
  };
  CHECK(result(BinaryKind::kMin, {}) == std::vector<uint8_t>{0, 9, 14, 0});
  CHECK(result(BinaryKind::kMax, {}) == std::vector<uint8_t>{1, 10, 14, 255});
  CHECK(result(BinaryKind::kMax, {0, 1}) == std::vector<uint8_t>{10, 10, 12, 12});
}

TEST_CASE("binary broadcasts as NumPy does") {
  const BinaryParams add;
  const Tensor a = f32({2, 1, 3}, {0, 1, 2, 10, 11, 12});
  const Tensor b = f32({2, 1}, {100, 200});
  const Tensor sum = run_reference(add, {a, b}, Tensor{});
  CHECK(sum.shape == Shape{2, 2, 3});
  CHECK(values_of<float>(sum) == std::vector<float>{100, 101, 102, 200, 201, 202, 110, 111, 112, 210, 211, 212});
  CHECK(values_of<float>(run_reference(add, {f32({}, {1}), f32({}, {2})}, Tensor{})) == std::vector<float>{3});
  CHECK(run_reference(add, {f32({0, 1}, {}), f32({3}, {1, 2, 3})}, Tensor{}).shape == Shape{0, 3});
}

TEST_CASE("every row of binary gives the bytes of the reference, whatever broadcasts") {
  const uint32_t seed = 20;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  const auto check = [&](const Shape& a, const Shape& b) {
    for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul}) {
      for (const Clamp& clamp : {Clamp{}, Clamp{0, 6}, Clamp{-1, 1}}) {
        const std::vector<Tensor> inputs = {random_u8(a, 0.021F, 13, random), random_u8(b, 0.034F, 130, random)};
        for (const bool folds : {false, true}) {
          const BinaryParams params{kind, clamp, folds};
          check_rows_agree(params, inputs, make_u8({}, 0.047F, 77), ran);
          check_rows_agree(params, inputs, make_u8({}, 0.0021F, 0), ran);
        }
      }
    }
  };
  for (const int64_t n : kSizes) {
    check({n}, {n});
    check({n}, {1});
    check({}, {n});
    check({2, 3, n}, {n});
    check({2, 3, n}, {2, 1, 1});
    check({2, 1, n}, {3, n});
  }
  check({2, kLarge}, {2, kLarge});
  check({kLarge, 3}, {3});
  for (const BinaryKind kind : {BinaryKind::kMin, BinaryKind::kMax}) {
    const Tensor a = random_u8({2, 3, 33}, 0.021F, 13, random);
    check_rows_agree(BinaryParams{kind, {-1, 1}}, {a, random_u8({2, 1, 33}, 0.021F, 13, random)}, like(a), ran);
  }
  check_all_rows_ran(BinaryParams{}, ran);
}

TEST_CASE("binary u8 add gives the same bytes for every pair of bytes in every row") {
  Tensor a = make_u8({256, 256}, 0.013F, 3);
  Tensor b = make_u8({256, 256}, 0.017F, 200);
  for (size_t i = 0; i < 65536; ++i) {
    a.as<uint8_t>()[i] = static_cast<uint8_t>(i / 256);
    b.as<uint8_t>()[i] = static_cast<uint8_t>(i % 256);
  }
  RowCounts ran;
  // Half steps everywhere: ties must go to even.
  for (const float scale : {0.011F, 0.026F}) check_rows_agree(BinaryParams{}, {a, b}, make_u8({}, scale, 128), ran);
  a.scales = b.scales = {0.5F};
  for (const bool folds : {false, true}) {
    check_rows_agree(BinaryParams{.folds_zero_points = folds}, {a, b}, make_u8({}, 1.0F, 127), ran);
  }
}

TEST_CASE("binary f32 does not depend on threads or on what is broadcast") {
  const uint32_t seed = 21;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const BinaryKind kind : {BinaryKind::kAdd, BinaryKind::kPow, BinaryKind::kDiv}) {
    const BinaryParams params{kind, {}};
    const Tensor a = random_f32({4, kLarge / 4}, 0.5F, 2, random);
    check_rows_agree(params, {a, random_f32({4, 1}, 0.5F, 2, random)}, Tensor{}, ran);
    check_rows_agree(params, {random_f32({4, 1}, 0.5F, 2, random), a}, Tensor{}, ran);
    const Tensor same = random_f32({3, 5}, 0.5F, 2, random);
    CHECK(run_reference(params, {same, same}, Tensor{}).bytes ==
          run_reference(params, {same, same}, Tensor{}, 2).bytes);
  }
}

TEST_CASE("binary may write into the input that has the shape of the output") {
  const Tensor image = make_f32({2, 3}), channels = make_f32({3});
  const auto in_place = [](const Tensor& a, const Tensor& b) {
    const std::vector<TensorDesc> inputs = descs_of({a, b});
    const TensorDesc dst{.shape = {2, 3}};
    return in_place_input(BinaryParams{}, inputs, {&dst, 1});
  };
  CHECK(in_place(image, channels) == 0);
  CHECK(in_place(channels, image) == 1);
  CHECK(in_place(channels, channels) == -1);
  Tensor constant = image;
  constant.constant = true;
  CHECK(in_place(constant, image) == 1);
}

TEST_CASE("whole numbers have powers and two kinds of remainder") {
  const auto run = [](BinaryKind kind, const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
    const Shape shape{static_cast<int64_t>(a.size())};
    const Tensor x = s64(shape, a), y = s64(shape, b);
    return values_of<int64_t>(run_reference(BinaryParams{.kind = kind}, {x, y}, like(x)));
  };
  using Ints = std::vector<int64_t>;
  CHECK(run(BinaryKind::kPow, {3, -2, 0, 2, 2, -1, 1, -1}, {4, 3, 0, 64, -1, -3, -9, -2}) ==
        Ints{81, -8, 1, 0, 0, -1, 1, 1});
  CHECK(run(BinaryKind::kRemainder, {7, -7, 7, -7, 5, kLowest}, {3, 3, -3, -3, 0, -1}) == Ints{1, -1, 1, -1, 0, 0});
  CHECK(run(BinaryKind::kModulo, {7, -7, 7, -7, 5, kLowest}, {3, 3, -3, -3, 0, -1}) == Ints{1, 2, -2, -1, 0, 0});
  const Tensor a = f32({4}, {5.5F, -5.5F, 5.5F, -5.5F}), b = f32({4}, {2, 2, -2, -2});
  const auto real = [&](BinaryKind kind) {
    return values_of<float>(run_reference(BinaryParams{.kind = kind}, {a, b}, like(a)));
  };
  CHECK(real(BinaryKind::kRemainder) == std::vector<float>{1.5F, -1.5F, 1.5F, -1.5F});
  CHECK(real(BinaryKind::kModulo) == std::vector<float>{1.5F, 0.5F, -0.5F, -1.5F});
}

TEST_CASE("binary shapes: dynamic dimensions go through, others must broadcast") {
  const BinaryParams add;
  CHECK(shape_of(add, {{kN, 3}, {kN, 3}}) == "Nx3");
  CHECK(shape_of(add, {{kN, 3}, {1, 3}}) == "Nx3");
  CHECK(shape_of(add, {{kN, 3}, {5, 3}}) == "5x3");
  CHECK(shape_of(add, {{5, 3}, {kN, 1}}) == "5x3");
  CHECK(refusal_of(add, {{2, 3}, {2, 4}}) == "binary: shapes 2x3 and 2x4 do not broadcast: 3 and 4");
  CHECK(contains(refusal_of(add, {{int64_t{1} << 30, 1}, {int64_t{1} << 30}}), "1073741824x1073741824"));
  CHECK(contains(refusal_of(add, {{1}}), "not 1"));
  CHECK(contains(refusal_of(BinaryParams{.kind = static_cast<BinaryKind>(9)}, {{1}, {1}}), "kind is 9"));
  CHECK(contains(refusal_of(BinaryParams{.kind = static_cast<BinaryKind>(-1)}, {{1}, {1}}), "kind is -1"));
  CHECK(contains(refusal_of(BinaryParams{.clamp = {1, 0}}, {{1}, {1}}), "clamp"));
  CHECK(contains(refusal_of(BinaryParams{.clamp = {NAN, 0}}, {{1}, {1}}), "clamp"));
}

TEST_CASE("binary takes f32, s64 and u8 per tensor, never mixed") {
  const Tensor f = make_f32({1}), q = make_u8({1}, 1, 0), i = s64({1}, {0});
  Tensor per_channel = q;
  per_channel.scales = {1, 2};
  const BinaryParams add, div{.kind = BinaryKind::kDiv}, pow{.kind = BinaryKind::kPow};
  CHECK(takes_types(add, {f, f}, f));
  CHECK(takes_types(add, {q, q}, q));
  CHECK(takes_types(add, {i, i}, i));
  CHECK(takes_types(pow, {f, f}, f));
  CHECK_FALSE(takes_types(div, {q, q}, q));
  const Tensor other = make_u8({1}, 1, 5);
  CHECK(takes_types(BinaryParams{.kind = BinaryKind::kMax}, {q, q}, q));
  CHECK_FALSE(takes_types(BinaryParams{.kind = BinaryKind::kMax}, {q, other}, q));
  CHECK_FALSE(takes_types(BinaryParams{.kind = BinaryKind::kMin}, {q, q}, other));
  CHECK(takes_types(pow, {i, i}, i));
  CHECK_FALSE(takes_types(pow, {q, q}, q));
  CHECK_FALSE(takes_types(BinaryParams{.clamp = {0, 1}}, {i, i}, i));
  CHECK_FALSE(takes_types(add, {q, f}, f));
  CHECK_FALSE(takes_types(add, {q, q}, f));
  CHECK_FALSE(takes_types(add, {q, per_channel}, q));
}

}  // namespace octet::test
