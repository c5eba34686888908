// Ops that only move, select or order a quantized model's integers run on them.
#include <doctest/doctest.h>

#include "tests/support/quantized_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;

// x -> quantize -> dequantize -> the op -> convolution of 1 -> y, by the file's own integers.
QuantizedBuilder before_conv(const std::string& op, const SourceBuilder::Attributes& attributes) {
  QuantizedBuilder s;
  s.input("x", {1, 1, 2, 2});
  s.params("x", {0.5F}, DataType::kU8, {100}).params("y", {0.25F}, DataType::kU8, {128});
  s.params("w", {0.5F}, DataType::kS8, {0}).integers("w", DataType::kS8, {1, 1, 1, 1}, std::vector<int8_t>{1});
  s.quantize("x", "xq", "x").dequantize("xq", "xd", "x").dequantize("w", "wd", "w");
  s.node(op, {"xd"}, {"moved"}, attributes).node("Conv", {"moved", "wd"}, {"c"});
  s.quantize("c", "yq", "y").dequantize("yq", "y", "y").output("y");
  return s;
}

}  // namespace

TEST_CASE("a clip to integers of its input is one of integers, and what reads it too") {
  const std::vector<float> x = {-3, -0.5F, 1.5F, 5};
  const auto clip = [](float min, float max) { return pack(before_conv("Clip", {{"min", min}, {"max", max}})); };
  const Packed relu = pack(before_conv("Relu", {}));
  CHECK(relu.input(relu.only("conv2d"), 0).type == DataType::kU8);
  CHECK(relu.output(relu.only("unary")).scales == std::vector{0.5F});
  CHECK(relu.output(relu.only("unary")).zero_points == std::vector{100});
  CHECK(run(relu.model, x) == std::vector<float>{0, 0, 0.75F, 2.5F});
  CHECK(run(clip(-0.5F, 2).model, x) == std::vector<float>{-0.25F, -0.25F, 0.75F, 1});
  CHECK(clip(-0.5F, 2).input(clip(-0.5F, 2).only("conv2d"), 0).type == DataType::kU8);
  CHECK(clip(-1000, 1000).input(clip(-1000, 1000).only("conv2d"), 0).type == DataType::kU8);
  const Packed between = clip(0, 1.25F);  // 1.25 is none of the integers
  CHECK(between.input(between.only("conv2d"), 0).type == DataType::kF32);
}

TEST_CASE("a pad by an integer of its input is one of integers") {
  const auto pad = [](float value) {
    return pack(before_conv("Pad", {{"pads", Ints{0, 0, 0, 0, 0, 0, 0, 1}}, {"value", value}}));
  };
  const Packed own = pad(1.5F);
  CHECK(own.input(own.only("conv2d"), 0).type == DataType::kU8);
  CHECK(run(own.model, {-3, -0.5F, 1.5F, 5}) == std::vector<float>{-1.5F, -0.25F, 0.75F, 0.75F, 2.5F, 0.75F});
  const Packed between = pad(1.25F);
  CHECK(between.input(between.only("conv2d"), 0).type == DataType::kF32);
}

TEST_CASE("ops on the integers of a file move them as integers") {
  // x -> quantize -> the op on u8 -> QLinearConv of 1 -> y, and what comes out.
  struct Row {
    std::string op;
    std::vector<std::string> inputs;
    SourceBuilder::Attributes attributes;
    std::string packed;  // the op that it becomes
    std::vector<float> y;
  };
  const Ints pads{0, 0, 0, 0, 0, 0, 0, 1};
  const Row rows[] = {
      {"Pad", {"xq", "pads", "three"}, {}, "pad", {-1.5F, -0.25F, -24.25F, 0.75F, 2.5F, -24.25F}},
      {"Pad", {"xq", "pads", "x_zero"}, {}, "conv2d", {-1.5F, -0.25F, 0, 0.75F, 2.5F, 0}},
      {"Pad", {"xq", "pads"}, {}, "pad", {-1.5F, -0.25F, -25, 0.75F, 2.5F, -25}},
      {"Pad", {"xq", "pads"}, {{"mode", std::string("edge")}}, "pad", {-1.5F, -0.25F, -0.25F, 0.75F, 2.5F, 2.5F}},
      {"Resize", {"xq", "", "scales"}, {}, "resize", {-1.5F, -1.5F, -0.25F, -0.25F, 0.75F, 0.75F, 2.5F, 2.5F}},
      {"Clip", {"xq", "x_zero"}, {}, "unary", {0, 0, 0.75F, 2.5F}},
      {"Clip", {"xq", "", "x_zero"}, {}, "unary", {-1.5F, -0.25F, 0, 0}},
      {"Max", {"xq", "turned"}, {}, "binary", {-1.5F, 0.75F, 0.75F, 2.5F}},
      {"Min", {"xq", "turned"}, {}, "binary", {-1.5F, -0.25F, -0.25F, 2.5F}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.op);
    QuantizedBuilder s;
    s.input("x", {1, 1, 2, 2});
    s.params("x", {0.5F}, DataType::kU8, {100}).params("y", {0.25F}, DataType::kU8, {128});
    s.params("w", {0.5F}, DataType::kS8, {0}).integers("w", DataType::kS8, {1, 1, 1, 1}, std::vector<int8_t>{1});
    s.integers("three", DataType::kU8, {}, std::vector<uint8_t>{3}).s64("pads", pads).f32("scales", {4}, {1, 1, 1, 2});
    s.quantize("x", "xq", "x").node("Transpose", {"xq"}, {"turned"}, {{"perm", Ints{0, 1, 3, 2}}});
    s.node(row.op, row.inputs, {"moved"}, row.attributes);
    s.node("QLinearConv", {"moved", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"}, {"yq"});
    s.dequantize("yq", "y", "y").output("y");
    const Packed packed = pack(s);
    const PackedNode& node = packed.only(row.packed);
    CHECK(packed.input(node, 0).type == DataType::kU8);
    CHECK(packed.output(node).type == DataType::kU8);
    CHECK(packed.input(packed.only("conv2d"), 0).type == DataType::kU8);
    CHECK(run(packed.model, {-3, -0.5F, 1.5F, 5}) == row.y);
    CHECK(compute(s, {-3, -0.5F, 1.5F, 5}).values == row.y);
  }
}

TEST_CASE("a cast of integers to the type that they have is nothing, as torch writes it") {
  const auto cast = [](DataType type, const std::string& op, const SourceBuilder::Attributes& attributes) {
    QuantizedBuilder s;
    s.input("x", {1, 1, 2, 2});
    s.params("x", {0.5F}, type, {100}).params("y", {0.25F}, DataType::kU8, {128});
    s.params("w", {0.5F}, DataType::kS8, {0}).integers("w", DataType::kS8, {1, 1, 1, 1}, std::vector<int8_t>{1});
    s.quantize("x", "xq", "x");
    std::vector<std::string> inputs{"xq"};
    if (op == "CastLike") inputs.emplace_back("x_zero");
    s.node(op, inputs, {"cast"}, attributes).node("Identity", {"cast"}, {"same"});
    s.dequantize("same", "xd", "x").dequantize("w", "wd", "w").node("Conv", {"xd", "wd"}, {"c"});
    s.quantize("c", "yq", "y").node("Cast", {"yq"}, {"yc"}, {{"to", int64_t{2}}});
    s.dequantize("yc", "y", "y").output("y");
    return pack(s);
  };
  const Packed packed[] = {cast(DataType::kU8, "Cast", {{"to", int64_t{2}}}),
                           cast(DataType::kS8, "Cast", {{"to", int64_t{3}}}), cast(DataType::kU8, "CastLike", {}),
                           cast(DataType::kS8, "CastLike", {})};
  for (const Packed& p : packed) {
    CHECK(p.input(p.only("conv2d"), 0).type == DataType::kU8);
    CHECK(p.output(p.only("conv2d")).type == DataType::kU8);
    for (const std::string& op : p.ops()) CHECK(op != "cast");
    CHECK(run(p.model, {-3, -0.5F, 1.5F, 5}) == std::vector<float>{-1.5F, -0.25F, 0.75F, 2.5F});
  }
}

TEST_CASE("a cast of integers to another type is one") {
  QuantizedBuilder s;
  s.params("x", {0.5F}, DataType::kU8, {100}).params("y", {0.5F}, DataType::kS8, {0}).input("x", {1, 3});
  s.quantize("x", "xq", "x").node("Cast", {"xq"}, {"cast"}, {{"to", int64_t{3}}});
  s.dequantize("cast", "y", "y").output("y");
  CHECK(compute(s, {-3, 0, 10}).values == std::vector<float>{47, 50, 60});
}

TEST_CASE("interpolated integers are cut off as in the file's own type") {
  QuantizedBuilder s;
  s.input("x", {1, 1, 1, 2}).f32("scales", {4}, {1, 1, 1, 2});
  s.params("x", {1}, DataType::kU8, {100}).quantize("x", "xq", "x");
  s.node("Resize", {"xq", "", "scales"}, {"rq"}, {{"mode", std::string("linear")}});
  s.dequantize("rq", "y", "x").output("y");
  CHECK(compute(s, {0, 3}).values == std::vector<float>{0, 0, 2, 3});  // of 0.75 and 2.25
}

TEST_CASE("the order of a file's integers is that of the real numbers") {
  QuantizedBuilder s;
  s.input("x", {1, 4});
  s.params("x", {0.5F}, DataType::kS8, {-100}).quantize("x", "xq", "x");
  s.node("ArgMax", {"xq"}, {"best"}, {{"axis", int64_t{1}}}).node("Cast", {"best"}, {"y"}, {{"to", int64_t{1}}});
  s.output("y");
  const Packed packed = pack(s);
  CHECK(packed.input(packed.only("top_k"), 0).type == DataType::kU8);
  CHECK(run(packed.model, {-3, 5, 5.1F, 1}) == std::vector<float>{1});
}

}  // namespace octet::test
