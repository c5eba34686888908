// Resize and Upsample as their readers take them from a source model, by the rules of each operator set.
#include <doctest/doctest.h>

#include "tests/support/one_node.h"

namespace octet::test {

TEST_CASE("Upsample of operator set 1 has the scales of an image") {
  const auto image = [](Attributes attributes, const Shape& shape = {1, 1, 1, 2}) {
    return one_node("Upsample", 1, shape, {}, std::move(attributes));
  };
  check_close(compute(image({{"height_scale", 2.0F}, {"width_scale", 3.0F}}), {1, 2}), {1, 1, 2, 6},
              {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
  check_close(compute(image({{"width_scale", 2.0F}, {"mode", "bilinear"}}), {1, 2}), {1, 1, 1, 4}, {1, 1.5F, 2, 2});
  CHECK(contains(image({{"height_scale", 2.0F}}, {1, 1, 2}).error(), "those of an image, but its input is 1x1x2"));
}

TEST_CASE("Resize and Upsample take the rules of each operator set") {
  const Floats x{1, 2, 3, 4};
  const Shape in{1, 1, 1, 4};
  const Shape two{1, 1, 1, 2};
  // Where it shrinks, opset 10 takes the pixel above.
  check_close(compute(one_node("Resize", 10, in, {"s"}).f32("s", {4}, {1, 1, 1, 0.6F}), x), two, {1, 3});
  check_close(compute(one_node("Upsample", 7, {1, 1, 1, 2}, {}, {{"scales", Floats{1, 1, 1, 2}}}), {1, 2}), in,
              {1, 1, 2, 2});
  // Sequences, and scales of channels.
  check_close(compute(one_node("Upsample", 9, {1, 2, 2}, {"s"}).f32("s", {3}, {1, 1, 2}), x), {1, 2, 4},
              {1, 1, 2, 2, 3, 3, 4, 4});
  check_close(compute(one_node("Upsample", 9, {1, 2, 1, 2}, {"s"}).f32("s", {4}, {1, 2, 1, 1}), x), {1, 4, 1, 2},
              {1, 2, 1, 2, 3, 4, 3, 4});
  check_close(compute(one_node("Resize", 10, {1, 1, 4}, {"s"}).f32("s", {3}, {1, 1, 0.6F}), x), {1, 1, 2}, {1, 3});
  check_close(compute(one_node("Resize", 10, {1, 1, 2}, {"s"}, {{"mode", "linear"}}).f32("s", {3}, {1, 1, 2}), {1, 2}),
              {1, 1, 4}, {1, 1.5F, 2, 2});
  CHECK(contains(one_node("Upsample", 9, {1, 2, 2}, {"s"}).f32("s", {2}, {1, 2}).error(), "2 scales for 3 axes"));
  check_close(compute(one_node("Resize", 13, in, {"", "", "z"}, {{"mode", "linear"}}).s64("z", {1, 1, 1, 2}), x), two,
              {1.5F, 3.5F});
  const Attributes corners{{"mode", "linear"}, {"coordinate_transformation_mode", "align_corners"}};
  check_close(compute(one_node("Resize", 11, in, {"", "", "z"}, corners).s64("z", {1, 1, 1, 2}), x), two, {1, 4});
  check_close(compute(one_node("Resize", 18, in, {"", "", "z"}, {{"axes", Ints{3}}}).s64("z", {2}), x), two, {1, 3});
  // Axes other than those of an image, and cubic: Keys' function with -0.75, (-9 27 -3)/64 of the neighbours at a
  // quarter.
  check_close(compute(one_node("Resize", 13, {1, 2, 1, 1}, {"", "s"}).f32("s", {4}, {1, 2, 1, 1}), {1, 2}),
              {1, 4, 1, 1}, {1, 1, 2, 2});
  const Computed cubic =
      compute(one_node("Resize", 13, in, {"", "s"}, {{"mode", "cubic"}}).f32("s", {4}, {1, 1, 1, 2}), x);
  CHECK(cubic.shape == Shape{1, 1, 1, 8});
  REQUIRE(cubic.values.size() == 8);
  // 1.75 lies between 1 and 2: Keys' weights at distances 1.75, 0.75, 0.25, 1.25.
  const float expected = 2 * 0.87890625F + 3 * 0.26171875F + 4 * -0.03515625F + 1 * -0.10546875F;
  CHECK(cubic.values[3] == doctest::Approx(expected));
}

TEST_CASE("an antialiased Resize repeats the edges of its input, unless exclude_outside") {
  const auto resize = [](const char* mode, int64_t exclude_outside) {
    Floats x = counting(16);
    for (float& value : x) value += 1;
    const Attributes attributes{{"mode", mode}, {"antialias", int64_t{1}}, {"exclude_outside", exclude_outside}};
    return compute(one_node("Resize", 18, {1, 1, 4, 4}, {"", "s"}, attributes).f32("s", {4}, {1, 1, 0.6F, 0.6F}), x);
  };
  const Shape y{1, 1, 2, 2};
  // The first is ONNX's own test_resize_downsample_scales_linear_antialias. The others are computed with a scale of 0.6
  // exactly, which f32 has not.
  constexpr double kEpsilon = 1e-5;
  check_close(resize("linear", 0), y, {2.875F, 4.5F, 9.375F, 11}, kEpsilon);
  check_close(resize("linear", 1), y, {3.14285714F, 4.71428571F, 9.42857143F, 11}, kEpsilon);
  check_close(resize("cubic", 0), y, {2.51807229F, 4.2858864F, 9.58932874F, 11.35714286F}, kEpsilon);
  check_close(resize("cubic", 1), y, {2.60714286F, 4.39097744F, 9.7424812F, 11.52631579F}, kEpsilon);
}

TEST_CASE("keep_aspect_ratio_policy samples with the one scale of all axes") {
  const auto resize = [](const Shape& in, const char* policy, const Ints& sizes) {
    const Attributes attributes{{"mode", "linear"}, {"keep_aspect_ratio_policy", policy}, {"axes", Ints{2, 3}}};
    return compute(one_node("Resize", 18, in, {"", "", "z"}, attributes).s64("z", sizes),
                   counting(static_cast<size_t>(in.element_count())));
  };
  // 1.5 makes 7.5 of 5 pixels, rounded to 8; 8 / 5 would sample elsewhere.
  const Computed larger = resize({1, 1, 5, 6}, "not_larger", {8, 9});
  CHECK(larger.shape == Shape{1, 1, 8, 9});
  REQUIRE(larger.values.size() == 72);
  CHECK(larger.values[18] == doctest::Approx(7));
  CHECK(larger.values[19] == doctest::Approx(7.5));
  CHECK(larger.values[20] == doctest::Approx(8.1666667));
  const Computed smaller = resize({1, 1, 5, 6}, "not_smaller", {7, 9});
  CHECK(smaller.shape == larger.shape);
  CHECK(smaller.values == larger.values);
  // A scale that gives whole sizes.
  check_close(resize({1, 1, 1, 2}, "not_larger", {2, 9}), {1, 1, 2, 4}, {0, 0.25F, 0.75F, 1, 0, 0.25F, 0.75F, 1});
}

TEST_CASE("nearest of Resize: tf_half_pixel_for_nn, a rounding for each axis, and what lies beyond the input") {
  const Floats x{1, 2, 3, 4};
  const Attributes half{{"coordinate_transformation_mode", "tf_half_pixel_for_nn"}, {"nearest_mode", "floor"}};
  check_close(compute(one_node("Resize", 11, {1, 1, 1, 4}, {"", "s"}, half).f32("s", {4}, {1, 1, 1, 0.6F}), x),
              {1, 1, 1, 2}, {1, 3});
  check_close(compute(one_node("Resize", 11, {1, 1, 1, 4}, {"", "s"}, half).f32("s", {4}, {1, 1, 1, 0.5F}), x),
              {1, 1, 1, 2}, {2, 4});
  // Opset 10 takes the pixel above along the axis that shrinks, that below along the one that grows.
  check_close(compute(one_node("Resize", 10, {1, 1, 1, 4}, {"s"}).f32("s", {4}, {1, 1, 2, 0.6F}), x), {1, 1, 2, 2},
              {1, 3, 1, 3});
  const Attributes crop{{"coordinate_transformation_mode", "tf_crop_and_resize"}, {"extrapolation_value", 9.0F}};
  check_close(compute(one_node("Resize", 13, {1, 1, 1, 4}, {"r", "", "z"}, crop)
                          .f32("r", {8}, {0, 0, 0, 0, 1, 1, 1, 4 / 3.0F})
                          .s64("z", {1, 1, 1, 5}),
                      x),
              {1, 1, 1, 5}, {1, 2, 3, 4, 9});
}

}  // namespace octet::test
