#include "kernels/resize/resize.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr auto kHalfPixel = CoordinateTransform::kHalfPixel;
constexpr auto kAsymmetric = CoordinateTransform::kAsymmetric;
constexpr auto kAlignCorners = CoordinateTransform::kAlignCorners;
constexpr auto kPytorch = CoordinateTransform::kPytorchHalfPixel;
constexpr auto kPreferFloor = NearestRounding::kRoundPreferFloor;
constexpr auto kPreferCeil = NearestRounding::kRoundPreferCeil;
constexpr auto kFloor = NearestRounding::kFloor;
constexpr auto kCeil = NearestRounding::kCeil;

// The row 1, 2, 3, 4 resized to `width` pixels; or, with 0, by `scale`.
std::vector<float> resize_row(ResizeParams params, int64_t width, float scale = 1) {
  params.sizes = {0, width};
  params.scales = {1, scale};
  return values_of<float>(run_reference(params, {f32({1, 1, 4, 1}, {1, 2, 3, 4})}, Tensor{}));
}

std::string nearest(CoordinateTransform coordinates, NearestRounding rounding) {
  std::string text;
  for (const int64_t width : {1, 3, 7, 8}) {
    for (const float x : resize_row({ResizeMode::kNearest, coordinates, rounding, {}, {}}, width)) {
      text += std::to_string(static_cast<int>(x));
    }
    text += " ";
  }
  return text;
}

void check_linear(CoordinateTransform coordinates, int64_t width, float scale, const std::vector<float>& expected) {
  const auto actual = resize_row({ResizeMode::kLinear, coordinates, kFloor, {}, {}}, width, scale);
  REQUIRE(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) CHECK(actual[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

}  // namespace

// The expected rows are what the Python definition of Resize in the onnx package 1.12 (interpolate_nd) gives.
TEST_CASE("resize nearest agrees with ONNX for every coordinate transform and rounding") {
  CHECK(nearest(kHalfPixel, kPreferFloor) == "2 124 1122344 11223344 ");
  CHECK(nearest(kHalfPixel, kPreferCeil) == "3 134 1123344 11223344 ");
  CHECK(nearest(kHalfPixel, kFloor) == "2 123 1112334 11122334 ");
  CHECK(nearest(kHalfPixel, kCeil) == "3 234 1223444 12233444 ");
  CHECK(nearest(kAlignCorners, kPreferFloor) == "1 124 1122334 11223344 ");
  CHECK(nearest(kAlignCorners, kPreferCeil) == "1 134 1223344 11223344 ");
  CHECK(nearest(kAlignCorners, kFloor) == "1 124 1122334 11122334 ");
  CHECK(nearest(kAlignCorners, kCeil) == "1 134 1223344 12233444 ");
  CHECK(nearest(kPytorch, kPreferFloor) == "1 124 1122344 11223344 ");
  CHECK(nearest(kPytorch, kPreferCeil) == "1 134 1123344 11223344 ");
  CHECK(nearest(kPytorch, kFloor) == "1 123 1112334 11122334 ");
  CHECK(nearest(kPytorch, kCeil) == "1 234 1223444 12233444 ");
  CHECK(nearest(kAsymmetric, kPreferFloor) == "1 124 1223344 11223344 ");
  CHECK(nearest(kAsymmetric, kPreferCeil) == "1 124 1223344 12233444 ");
  CHECK(nearest(kAsymmetric, kFloor) == "1 123 1122334 11223344 ");
  CHECK(nearest(kAsymmetric, kCeil) == "1 134 1233444 12233444 ");
}

TEST_CASE("resize linear agrees with ONNX for every coordinate transform") {
  check_linear(kHalfPixel, 1, 1, {2.5F});
  check_linear(kHalfPixel, 3, 1, {1.1666667F, 2.5F, 3.8333333F});
  check_linear(kHalfPixel, 8, 1, {1, 1.25F, 1.75F, 2.25F, 2.75F, 3.25F, 3.75F, 4});
  check_linear(kHalfPixel, 0, 0.6F, {1.3333333F, 3});
  check_linear(kHalfPixel, 0, 1.7F, {1, 1.3823529F, 1.9705882F, 2.5588235F, 3.1470588F, 3.7352941F});
  check_linear(kAlignCorners, 1, 1, {1});
  check_linear(kAlignCorners, 7, 1, {1, 1.5F, 2, 2.5F, 3, 3.5F, 4});
  check_linear(kPytorch, 1, 1, {1});
  check_linear(kPytorch, 7, 1, {1, 1.3571429F, 1.9285714F, 2.5F, 3.0714286F, 3.6428571F, 4});
  check_linear(kAsymmetric, 3, 1, {1, 2.3333333F, 3.6666667F});
  check_linear(kAsymmetric, 0, 0.6F, {1, 2.6666667F});
  check_linear(kAsymmetric, 0, 2, {1, 1.5F, 2, 2.5F, 3, 3.5F, 4, 4});
}

TEST_CASE("resize works on both axes, on every image and channel") {
  // Two images of 2 x 2 pixels and 2 channels; the second channel is the first plus 100.
  Tensor src = make_f32({2, 2, 2, 2});
  for (size_t i = 0; i < 16; ++i) src.as<float>()[i] = static_cast<float>(i / 2 + i % 2 * 100);
  ResizeParams params{.coordinates = kAsymmetric, .rounding = kFloor, .sizes = {3, 4}};
  const std::vector<float> rows = {0, 100, 0, 100, 1, 101, 1, 101, 2, 102, 2, 102, 3, 103, 3, 103};
  const auto dst = values_of<float>(run_reference(params, {src}, Tensor{}));
  REQUIRE(dst.size() == 48);
  for (size_t i = 0; i < 48; ++i) {
    const size_t image = i / 24, row = i % 24 / 8 == 2 ? 1 : 0;  // 3 rows out of 2: the first twice
    CHECK(dst[i] == rows[row * 8 + i % 8] + static_cast<float>(4 * image));
  }
  params.mode = ResizeMode::kLinear;
  params.coordinates = kAlignCorners;
  params.sizes = {3, 3};
  const Tensor corners = f32({1, 2, 2, 1}, {0, 2, 4, 6});
  CHECK(values_of<float>(run_reference(params, {corners}, Tensor{})) == std::vector<float>{0, 1, 2, 2, 3, 4, 4, 5, 6});
}

TEST_CASE("resize linear of u8 rounds half to even before the zero point is added, and keeps the quantization") {
  const ResizeParams params{.mode = ResizeMode::kLinear, .coordinates = kAlignCorners, .sizes = {1, 3}};
  const auto middle = [&](int32_t zero_point) {  // of 0 and 1, of 1 and 2
    const Tensor src = u8({1, 1, 2, 2}, 0.5F, zero_point, {0, 1, 1, 2});
    return values_of<uint8_t>(run_reference(params, {src}, make_u8({}, 0.5F, zero_point)));
  };
  CHECK(middle(4) == std::vector<uint8_t>{0, 1, 0 /* -3.5 */, 2 /* -2.5 */, 1, 2});
  CHECK(middle(3) == std::vector<uint8_t>{0, 1, 1 /* -2.5 */, 1 /* -1.5 */, 1, 2});
}

TEST_CASE("every row of resize gives the bytes of the reference, at any number of threads") {
  const uint32_t seed = 70;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear}) {
    const ResizeParams params{.mode = mode, .scales = {2, 1.5F}};
    for (const int64_t c : kSizes) {
      check_rows_agree(params, {random_f32({2, 3, 4, c}, -1, 1, random)}, Tensor{}, ran);
      check_rows_agree(params, {random_u8({2, 3, 4, c}, 0.1F, 9, random)}, make_u8({}, 0.1F, 9), ran);
    }
    check_rows_agree(params, {random_u8({2, 50, 60, 8}, 0.1F, 9, random)}, make_u8({}, 0.1F, 9), ran);
    for (const CoordinateTransform coordinates : {kHalfPixel, kAsymmetric, kAlignCorners, kPytorch}) {
      for (const int64_t c : {9, 64, 127, 128}) {
        const ResizeParams enlarge{.mode = mode, .coordinates = coordinates, .sizes = {13, 5}};
        Tensor ends = make_u8({1, 4, 7, c}, 0.1F, 9);  // where rounding could pass 255
        fill_extremes<uint8_t>(ends, random, 0, 255);
        check_rows_agree(enlarge, {ends}, make_u8({}, 0.1F, 9), ran);
        Tensor below = make_u8({1, 4, 7, c}, 0.1F, 255);  // and 0
        fill_extremes<uint8_t>(below, random, 0, 255);
        check_rows_agree(enlarge, {below}, make_u8({}, 0.1F, 255), ran);
        check_rows_agree(enlarge, {random_u8({1, 4, 7, c}, 0.1F, 9, random)}, make_u8({}, 0.1F, 9), ran);
      }
    }
  }
  check_all_rows_ran(ResizeParams{}, ran);
}

TEST_CASE("resize shapes: sizes win over scales, bad numbers are refused") {
  const int64_t n = Shape::kDynamic;
  CHECK(shape_of(ResizeParams{.scales = {2, 0.7F}}, {{1, 5, 10, 3}}) == "1x10x7x3");
  CHECK(shape_of(ResizeParams{.sizes = {7, 0}, .scales = {NAN, 2}}, {{n, 5, 10, 3}}) == "Nx7x20x3");
  CHECK(shape_of(ResizeParams{.scales = {2, 2}}, {{1, n, 10, n}}) == "1xNx20xN");
  CHECK(refusal_of(ResizeParams{.sizes = {-1, 2}}, {{1, 5, 5, 1}}) == "resize: height is to be -1");
  CHECK(contains(refusal_of(ResizeParams{.sizes = {1, 2}}, {{1, 5, 0, 1}}), "width 0"));
  CHECK(contains(refusal_of(ResizeParams{.sizes = {kHighest, 1}}, {{1, 5, 5, 1}}), "more than"));
  for (const float scale : {0.0F, -1.0F, NAN, std::numeric_limits<float>::infinity(), 1e30F}) {
    CHECK(contains(refusal_of(ResizeParams{.scales = {1, scale}}, {{1, 5, 5, 1}}), "width"));
  }
  CHECK(contains(refusal_of(ResizeParams{}, {{5, 5, 1}}), "rank 4"));
  CHECK(contains(refusal_of(ResizeParams{.mode = static_cast<ResizeMode>(2)}, {{1, 5, 5, 1}}), "mode is 2"));
  CHECK(contains(refusal_of(ResizeParams{.coordinates = static_cast<CoordinateTransform>(4)}, {{1, 5, 5, 1}}), "is 4"));
  CHECK(contains(refusal_of(ResizeParams{.rounding = static_cast<NearestRounding>(-4)}, {{1, 5, 5, 1}}), "is -4"));
}

TEST_CASE("resize to the size of another tensor is resize to that size, whatever that tensor holds") {
  const uint32_t seed = 71;
  CAPTURE(seed);
  Random random(seed);
  for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear}) {
    for (const CoordinateTransform coordinates : {kHalfPixel, kAsymmetric, kAlignCorners, kPytorch}) {
      const ResizeParams follows{.mode = mode, .coordinates = coordinates};
      ResizeParams exact = follows;
      exact.sizes = {13, 5};
      const std::vector<Tensor> others{s64({1, 13, 5, 1}, std::vector<int64_t>(65)), make_u8({3, 13, 5, 2}, 0.5F, 3)};
      for (const Tensor& other : others) {
        for (const Tensor& src : {random_u8({2, 4, 7, 9}, 0.1F, 9, random), random_f32({2, 1, 1, 3}, -1, 1, random)}) {
          RowCounts ran;
          check_rows_agree(follows, {src, other}, like(src), ran);
          CHECK(run_reference(follows, {src, other}, like(src)).bytes == run_reference(exact, {src}, like(src)).bytes);
        }
      }
    }
  }
}

TEST_CASE("resize to the size of another tensor: what that may be") {
  const int64_t n = Shape::kDynamic;
  const ResizeParams params;
  CHECK(shape_of(params, {{n, 1, 1, 3}, {2, 7, n, 8}}) == "Nx7xNx3");
  CHECK(shape_of(params, {{1, n, n, 3}, {n, 7, 5, 8}}) == "1x7x5x3");
  CHECK(shape_of(params, {{1, 2, 2, 3}, {1, 0, 5, 8}}) == "1x0x5x3");
  CHECK(contains(refusal_of(params, {{1, 1, 1, 3}, {1, 7, 5}}), "rank 4"));
  CHECK(contains(refusal_of(params, {{1, 0, 1, 3}, {1, 7, 5, 8}}), "height 0 cannot become 7"));
  CHECK(contains(refusal_of(params, {{9, 1, 1, 9}, {1, kHighest, 5, 8}}), "more than"));
  CHECK(contains(refusal_of(params, {{1, 1, 1, 3}, {1, 7, 5, 8}, {1, 7, 5, 8}}), "1 to 2 inputs, not 3"));
  CHECK(contains(refusal_of(ResizeParams{.sizes = {7, 0}}, {{1, 1, 1, 3}, {1, 7, 5, 8}}),
                 "an input of 1x7x5x8, but it has the sizes 7 x 0"));
  CHECK(contains(refusal_of(ResizeParams{.scales = {1, 2}}, {{1, 1, 1, 3}, {1, 7, 5, 8}}), "it has the scales 1"));
}

TEST_CASE("resize takes f32 and u8 per tensor, and keeps the quantization") {
  const Tensor f = make_f32({1, 1, 1, 1}), q = make_u8({1, 1, 1, 1}, 1, 0), other = make_u8({1, 1, 1, 1}, 2, 0);
  CHECK(takes_types(ResizeParams{}, {f}, f));
  CHECK(takes_types(ResizeParams{}, {q}, q));
  CHECK_FALSE(takes_types(ResizeParams{}, {q}, other));
  CHECK_FALSE(takes_types(ResizeParams{}, {s64({1}, {0})}, s64({1}, {0})));
}

}  // namespace octet::test
