// Operations as their readers take them from a source model, by the rules of its operator set: what a session computes.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/one_node.h"

namespace octet::test {
TEST_CASE("Conv pads at each side by its own number, or by auto_pad") {
  const auto conv = [](Attributes attributes) {
    return compute(one_node("Conv", 11, {1, 1, 1, 4}, {"w"}, std::move(attributes)).f32("w", {1, 1, 1, 2}, {1, 10}),
                   {1, 2, 3, 4});
  };
  check_close(conv({}), {1, 1, 1, 3}, {21, 32, 43});
  check_close(conv({{"pads", Ints{0, 1, 0, 0}}}), {1, 1, 1, 4}, {10, 21, 32, 43});
  check_close(conv({{"pads", Ints{0, 0, 0, 1}}}), {1, 1, 1, 4}, {21, 32, 43, 4});
  check_close(conv({{"auto_pad", "SAME_UPPER"}}), {1, 1, 1, 4}, {21, 32, 43, 4});
  check_close(conv({{"auto_pad", "SAME_LOWER"}}), {1, 1, 1, 4}, {10, 21, 32, 43});
  check_close(conv({{"auto_pad", "VALID"}, {"strides", Ints{1, 2}}}), {1, 1, 1, 2}, {21, 43});
  check_close(conv({{"dilations", Ints{1, 3}}}), {1, 1, 1, 1}, {41});
}

TEST_CASE("Conv over one axis is an image of height 1") {
  SourceBuilder source = one_node("Conv", 13, {1, 2, 3}, {"w", "b"}, {{"pads", Ints{1, 0}}});
  source.f32("w", {1, 2, 2}, {1, 10, 100, 1000}).f32("b", {1}, {0.5F});
  check_close(compute(source, {1, 2, 3, 4, 5, 6}), {1, 1, 3}, {4010.5F, 5421.5F, 6532.5F});
}

TEST_CASE("Conv refuses what it cannot be") {
  const auto error = [](const Shape& x, const Shape& w, Attributes attributes) {
    const Floats weights(static_cast<size_t>(w.element_count()), 1);
    return one_node("Conv", 13, x, {"w"}, std::move(attributes)).f32("w", w, weights).error();
  };
  CHECK(contains(error({1, 2, 5, 5}, {1, 3, 3, 3}, {}), "channels"));
  CHECK(contains(error({1, 2, 5, 5}, {1, 2, 3, 3}, {{"kernel_shape", Ints{3, 2}}}), "kernel_shape is 3x2"));
  CHECK(contains(error({1, 2, 5, 5}, {1, 2, 3, 3}, {{"strides", Ints{1}}}), "'strides' has 1 values for 2"));
  CHECK(contains(error({1, 2, 5, 5}, {1, 2, 3, 3}, {{"strides", Ints{0, 1}}}), "has the value 0"));
  CHECK(contains(error({1, 2, 5, 5}, {1, 2, 7, 7}, {}), "Conv"));
  CHECK(contains(error({1, 2, 5, 5, 5}, {1, 2, 3, 3, 3}, {}), "1-D and 2-D"));
  CHECK(contains(one_node("Conv", 13, {1, 1, 4, 4}, {"x"}).error(), "its weights are computed"));
}

TEST_CASE("BatchNormalization takes its epsilon, and refuses training") {
  const auto norm = [](int opset, Attributes attributes) {
    return one_node("BatchNormalization", opset, {1, 2, 1, 1}, {"s", "b", "m", "v"}, std::move(attributes))
        .f32("s", {2}, {2, 1})
        .f32("b", {2}, {1, 0})
        .f32("m", {2}, {3, 0})
        .f32("v", {2}, {3, 0});
  };
  check_close(compute(norm(9, {{"epsilon", 1.0F}}), {5, 7}), {1, 2, 1, 1}, {3, 7});
  CHECK(contains(norm(14, {{"training_mode", int64_t{1}}}).error(), "training mode"));
  CHECK(contains(norm(7, {{"spatial", int64_t{0}}}).error(), "spatial"));
}

TEST_CASE("Clip has attributes before opset 11 and inputs from it on, each may be missing") {
  const Floats x{-3, 0, 9};
  check_close(compute(one_node("Clip", 10, {1, 3}, {}, {{"min", -1.0F}, {"max", 6.0F}}), x), {1, 3}, {-1, 0, 6});
  check_close(compute(one_node("Clip", 10, {1, 3}, {}, {{"max", 6.0F}}), x), {1, 3}, {-3, 0, 6});
  check_close(compute(one_node("Clip", 11, {1, 3}, {"", "max"}).f32("max", {}, {6}), x), {1, 3}, {-3, 0, 6});
  check_close(compute(one_node("Clip", 13, {1, 3}, {"min"}).f32("min", {}, {-1}), x), {1, 3}, {-1, 0, 9});
  check_close(compute(one_node("Clip", 13, {1, 3}), x), {1, 3}, x);
  CHECK(contains(one_node("Clip", 13, {1, 3}, {"x"}).error(), "computed"));
}

TEST_CASE("activations take their parameters and defaults") {
  const Floats x{-2, 0, 2};
  const auto e = [](double v) { return static_cast<float>(std::exp(v)); };
  check_close(compute(one_node("Relu", 13, {1, 3}), x), {1, 3}, {0, 0, 2});
  check_close(compute(one_node("LeakyRelu", 13, {1, 3}), x), {1, 3}, {-0.02F, 0, 2});
  check_close(compute(one_node("LeakyRelu", 13, {1, 3}, {}, {{"alpha", 0.5F}}), x), {1, 3}, {-1, 0, 2});
  check_close(compute(one_node("Elu", 13, {1, 3}), x), {1, 3}, {e(-2) - 1, 0, 2});
  check_close(compute(one_node("HardSigmoid", 13, {1, 3}), x), {1, 3}, {0.1F, 0.5F, 0.9F});
  check_close(compute(one_node("Selu", 13, {1, 3}), x), {1, 3}, {1.0507010F * 1.6732632F * (e(-2) - 1), 0, 2.1014020F});
  check_close(compute(one_node("PRelu", 9, {1, 3}, {"s"}).f32("s", {3}, {3, 1, 1}), x), {1, 3}, {-6, 0, 2});
  check_close(compute(one_node("Gelu", 20, {1, 3}), x), {1, 3}, {-0.0455003F, 0, 1.9544997F});
  check_close(compute(one_node("relu6", 13, {1, 3}, {}, {}, kJsonDomain), {-1, 5, 7}), {1, 3}, {0, 5, 6});
}

TEST_CASE("binary operations broadcast, and Sum, Mean, Min and Max take any number of inputs") {
  const Floats x{1, 2, 3, 4};
  check_close(compute(one_node("Sub", 7, {1, 2, 2}, {"c"}).f32("c", {2, 1}, {1, 10}), x), {1, 2, 2}, {0, 1, -7, -6});
  check_close(compute(one_node("Pow", 12, {1, 4}, {"c"}).s64("c", {2}), x), {1, 4}, {1, 4, 9, 16});
  SourceBuilder mean = one_node("Mean", 13, {1, 4}, {"c", "d"});
  check_close(compute(mean.f32("c", {1}, {3}).f32("d", {4}, {2, 1, 0, -1}), x), {1, 4}, {2, 2, 2, 2});
  check_close(compute(one_node("Max", 8, {1, 4}), x), {1, 4}, x);
  CHECK(contains(one_node("Add", 13, {1, 4}, {"c"}).s64("c", {2}).error(), "f32 and s64"));
}

TEST_CASE("before opset 7 an axis says where the second operand begins") {
  const Floats x{1, 2, 3, 4};
  const auto old = [](const std::string& op, Attributes attributes) {
    attributes["broadcast"] = int64_t{1};
    return one_node(op, 6, {1, 2, 2}, {"c"}, std::move(attributes)).f32("c", {2}, {10, 20});
  };
  check_close(compute(old("Add", {{"axis", int64_t{1}}}), x), {1, 2, 2}, {11, 12, 23, 24});
  check_close(compute(old("Add", {{"axis", int64_t{2}}}), x), {1, 2, 2}, {11, 22, 13, 24});
  check_close(compute(old("Sub", {}), x), {1, 2, 2}, {-9, -18, -7, -16});
  check_close(compute(old("Pow", {{"axis", int64_t{1}}}), {1, 1, 1, -1}), {1, 2, 2}, {1, 1, 1, 1});
  SourceBuilder less = one_node("Less", 6, {1, 2, 2}, {"c"}, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}});
  less.model.outputs.clear();
  less.f32("c", {2}, {2, 4}).f32("zero", {}, {0}).node("Where", {"y", "x", "zero"}, {"z"}).output("z");
  check_close(compute(less, {1, 2, 3, 4}), {1, 2, 2}, {1, 0, 3, 0});
  CHECK(contains(old("Add", {{"axis", int64_t{3}}}).error(),
                 "its input 1, 2, does not fit into its input 0, 1x2x2, from axis 3 on"));
  check_close(compute(one_node("PRelu", 6, {1, 2, 2}, {"s"}).f32("s", {2}, {2, 3}), {-1, 1, -1, 1}), {1, 2, 2},
              {-2, 1, -3, 1});
  // The axis of Concat was 1 where none is given; Reshape had its shape as an attribute.
  check_close(compute(one_node("Concat", 3, {1, 1, 2}, {"x"}), {1, 2}), {1, 2, 2}, {1, 2, 1, 2});
  check_close(compute(one_node("Reshape", 1, {1, 4}, {}, {{"shape", Ints{0, 2, 2}}}), x), {1, 2, 2}, x);
}

TEST_CASE("GroupNormalization scales each group in opset 18, each channel since 21") {
  // Groups (1 3 1 3) and (2 2 6 6): means 2 and 4, deviations 1 and 2.
  const Floats x{1, 3, 1, 3, 2, 2, 6, 6};
  const auto norm = [](int opset, const Floats& scale, const Floats& bias, int64_t groups = 2) {
    const Shape shape{static_cast<int64_t>(scale.size())};
    const Attributes attributes{{"num_groups", groups}, {"epsilon", 0.0F}};
    return one_node("GroupNormalization", opset, {1, 4, 1, 2}, {"s", "b"}, attributes)
        .f32("s", shape, scale)
        .f32("b", shape, bias);
  };
  check_close(compute(norm(18, {1, 10}, {0, 5}), x), {1, 4, 1, 2}, {-1, 1, -1, 1, -5, -5, 15, 15});
  check_close(compute(norm(21, {1, 2, 3, 4}, {0, 0, 1, 2}), x), {1, 4, 1, 2}, {-1, 1, -2, 2, -2, -2, 6, 6});
  CHECK(
      contains(norm(21, {1, 2}, {1, 2}).error(), "its input 1 has the shape 2, but there are 4 channels in 2 groups"));
  CHECK(contains(norm(18, {1, 2, 3}, {1, 2, 3}, 3).error(), "its num_groups is 3"));
}

TEST_CASE("Gemm scales, transposes and adds") {
  const auto gemm = [](const Shape& c, const Floats& bias, Attributes attributes, const Shape& w) {
    return compute(one_node("Gemm", 13, {2, 2}, {"w", "c"}, std::move(attributes))
                       .f32("w", w, {1, 2, 3, 4, 5, 6})
                       .f32("c", c, bias),
                   {1, 0, 0, 1});
  };
  check_close(gemm({3}, {10, 20, 30}, {}, {2, 3}), {2, 3}, {11, 22, 33, 14, 25, 36});
  check_close(gemm({}, {2}, {{"alpha", 2.0F}, {"beta", 0.5F}}, {2, 3}), {2, 3}, {3, 5, 7, 9, 11, 13});
  check_close(gemm({1}, {0}, {{"transB", int64_t{1}}}, {3, 2}), {2, 3}, {1, 3, 5, 2, 4, 6});
  check_close(gemm({2, 1}, {10, 20}, {}, {2, 3}), {2, 3}, {11, 12, 13, 24, 25, 26});
  CHECK(contains(one_node("Gemm", 13, {2, 2, 2}, {"w"}).f32("w", {2, 1}, {1, 1}).error(), "rank 2"));
}

TEST_CASE("MatMul of a matrix of constants is a fully connected layer, of anything else a matmul") {
  const SourceBuilder layer = one_node("MatMul", 13, {2, 2}, {"w"}).f32("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(layer.graph().nodes[0].is<FullyConnectedParams>());
  check_close(compute(layer, {1, 0, 0, 1}), {2, 3}, {1, 2, 3, 4, 5, 6});
  const SourceBuilder batched = one_node("MatMul", 13, {2, 1, 2}, {"w"}).f32("w", {2}, {1, 10});
  check_close(compute(batched, {1, 2, 3, 4}), {2, 1}, {21, 43});
}

TEST_CASE("pools count pads, round up and dilate as their operator set says") {
  const Floats x{1, 2, 3, 4, 5};
  const auto pool = [&](const char* op, int opset, Attributes attributes) {
    attributes["kernel_shape"] = Ints{1, 2};
    return compute(one_node(op, opset, {1, 1, 1, 5}, {}, std::move(attributes)), x);
  };
  check_close(pool("MaxPool", 8, {{"strides", Ints{1, 2}}}), {1, 1, 1, 2}, {2, 4});
  check_close(pool("MaxPool", 10, {{"strides", Ints{1, 2}}, {"ceil_mode", int64_t{1}}}), {1, 1, 1, 3}, {2, 4, 5});
  check_close(pool("MaxPool", 10, {{"dilations", Ints{1, 3}}}), {1, 1, 1, 2}, {4, 5});
  check_close(pool("AveragePool", 7, {{"pads", Ints{0, 1, 0, 0}}, {"strides", Ints{1, 2}}}), {1, 1, 1, 3},
              {1, 2.5F, 4.5F});
  check_close(
      pool("AveragePool", 7, {{"pads", Ints{0, 1, 0, 0}}, {"strides", Ints{1, 2}}, {"count_include_pad", int64_t{1}}}),
      {1, 1, 1, 3}, {0.5F, 2.5F, 4.5F});
  CHECK(contains(one_node("MaxPool", 8, {1, 1, 1, 5}).error(), "kernel_shape"));
}

TEST_CASE("global pools take any number of spatial axes") {
  check_close(compute(one_node("GlobalAveragePool", 7, {1, 2, 3}), {1, 2, 3, 4, 5, 6}), {1, 2, 1}, {2, 5});
  check_close(compute(one_node("GlobalMaxPool", 7, {1, 2, 1, 3}), {1, 2, 3, 4, 5, 6}), {1, 2, 1, 1}, {3, 6});
}

TEST_CASE("axes of Squeeze and Unsqueeze are an attribute before opset 13 and an input from it on") {
  const Floats x{1, 2};
  check_close(compute(one_node("Squeeze", 11, {1, 1, 2, 1}, {}, {{"axes", Ints{1}}}), x), {1, 2, 1}, x);
  check_close(compute(one_node("Squeeze", 13, {1, 1, 2, 1}, {"a"}).s64("a", {-1}), x), {1, 1, 2}, x);
  check_close(compute(one_node("Unsqueeze", 11, {1, 2}, {}, {{"axes", Ints{1, 3}}}), x), {1, 1, 2, 1}, x);
  check_close(compute(one_node("Unsqueeze", 13, {1, 2}, {"a"}).s64("a", {-1}), x), {1, 2, 1}, x);
  CHECK(contains(one_node("Squeeze", 13, {1, 2}, {"a"}).s64("a", {1}).error(), "not of size 1"));
  CHECK(contains(one_node("Unsqueeze", 13, {1, 2}, {"a"}).s64("a", {1, 1}).error(), "twice"));
}

TEST_CASE("Flatten makes a matrix at any axis") {
  const auto shape = [](int64_t axis) {
    return compute(one_node("Flatten", 11, {2, 3, 4}, {}, {{"axis", axis}}), counting(24)).shape;
  };
  CHECK(shape(0) == Shape{1, 24});
  CHECK(shape(1) == Shape{2, 12});
  CHECK(shape(2) == Shape{6, 4});
  CHECK(shape(-1) == Shape{6, 4});
  CHECK(shape(3) == Shape{24, 1});
}

TEST_CASE("Slice has attributes before opset 10, inputs and steps from it on") {
  const Floats x{0, 1, 2, 3, 4};
  const Attributes attributes{{"starts", Ints{-3}}, {"ends", Ints{100}}, {"axes", Ints{1}}};
  check_close(compute(one_node("Slice", 9, {1, 5}, {}, attributes), x), {1, 3}, {2, 3, 4});
  SourceBuilder backwards = one_node("Slice", 10, {1, 5}, {"s", "e", "a", "p"});
  backwards.s64("s", {-1}).s64("e", {INT64_MIN}).s64("a", {-1}).s64("p", {-2});
  check_close(compute(backwards, x), {1, 3}, {4, 2, 0});
}

TEST_CASE("Split takes sizes as attribute or input, or makes equal parts") {
  const auto split = [](int opset, std::vector<std::string> more, Attributes attributes) {
    SourceBuilder source = one_node("Split", opset, {1, 5}, std::move(more), std::move(attributes));
    source.model.nodes[0].outputs = {"z", "y"};
    return source;
  };
  const Floats x{0, 1, 2, 3, 4};
  check_close(compute(split(11, {}, {{"axis", int64_t{1}}, {"split", Ints{4, 1}}}), x), {1, 1}, {4});
  check_close(compute(split(13, {"s"}, {{"axis", int64_t{1}}}).s64("s", {3, 2}), x), {1, 2}, {3, 4});
  check_close(compute(split(18, {}, {{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}}), x), {1, 2}, {3, 4});
  CHECK(contains(split(13, {}, {{"axis", int64_t{1}}}).error(), "5 elements do not split into 2 parts"));
  CHECK(contains(split(13, {"s"}, {{"axis", int64_t{1}}}).s64("s", {3, 3}).error(), "does not lie in 5"));
}

TEST_CASE("Pad has attributes before opset 11, inputs from it on, axes from opset 18 on") {
  const Floats x{1, 2, 3};
  check_close(compute(one_node("Pad", 10, {1, 3}, {}, {{"pads", Ints{0, 1, 0, 0}}, {"value", 9.0F}}), x), {1, 4},
              {9, 1, 2, 3});
  check_close(compute(one_node("Pad", 11, {1, 3}, {"p"}, {{"mode", "reflect"}}).s64("p", {0, 2, 0, 1}), x), {1, 6},
              {3, 2, 1, 2, 3, 2});
  check_close(
      compute(one_node("Pad", 18, {1, 3}, {"p", "", "a"}, {{"mode", "edge"}}).s64("p", {0, 2}).s64("a", {-1}), x),
      {1, 5}, {1, 2, 3, 3, 3});
  // Negative pads crop first: what wraps are the elements that are left.
  const auto cropped =
      compute(one_node("Pad", 19, {1, 5}, {"p"}, {{"mode", "wrap"}}).s64("p", {0, -1, 0, 1}), Floats{0, 1, 2, 3, 4});
  check_close(cropped, {1, 5}, {1, 2, 3, 4, 1});
  check_close(compute(one_node("Pad", 19, {1, 3}, {"p"}, {{"mode", "wrap"}}).s64("p", {0, 4, 0, 2}), x), {1, 9},
              {3, 1, 2, 3, 1, 2, 3, 1, 2});
  CHECK(
      contains(one_node("Pad", 19, {1, 3}, {"p"}, {{"mode", "wrap"}}).s64("p", {0, 0, 0, 99}).error(), "wraps axis 1"));
  CHECK(contains(one_node("Pad", 13, {1, 3}, {"p"}).s64("p", {0, 1}).error(), "2 pads for 2 axes"));
  SourceBuilder integers;
  integers.input("x", {1, 3}).node("Cast", {"x"}, {"u"}, {{"to", int64_t{2}}}).s64("p", {0, 1, 0, 0});
  const std::vector<uint8_t> seven{7};
  integers.model.constants.emplace_back("v", Tensor::from<uint8_t>(DataType::kU8, {}, seven));
  integers.node("Pad", {"u", "p", "v"}, {"q"}).node("Cast", {"q"}, {"y"}, {{"to", int64_t{1}}}).output("y");
  check_close(compute(integers, x), {1, 4}, {7, 1, 2, 3});
  SourceBuilder mask;  // of what is not 2, with true before it
  mask.input("x", {1, 3}).node("Cast", {"x"}, {"s"}, {{"to", int64_t{7}}}).s64("p", {0, 1, 0, 0}).s64("two", {2});
  const std::vector<uint8_t> yes{1};
  mask.model.constants.emplace_back("v", Tensor::from<uint8_t>(DataType::kBool, {}, yes));
  mask.node("Equal", {"s", "two"}, {"e"}).node("Pad", {"e", "p", "v"}, {"q"}).node("Not", {"q"}, {"n"});
  mask.node("Cast", {"n"}, {"y"}, {{"to", int64_t{1}}}).output("y");
  check_close(compute(mask, x), {1, 4}, {0, 1, 0, 1});
}

TEST_CASE("Softmax takes all axes from its own on as one before opset 13") {
  const Floats x{0, 1, 2, 3};
  const float total = 1 + std::exp(1.0F) + std::exp(2.0F) + std::exp(3.0F);
  const float pair = 1 + std::exp(1.0F);
  check_close(compute(one_node("Softmax", 11, {1, 2, 2}), x), {1, 2, 2},
              {1 / total, std::exp(1.0F) / total, std::exp(2.0F) / total, std::exp(3.0F) / total});
  check_close(compute(one_node("Softmax", 13, {1, 2, 2}), x), {1, 2, 2},
              {1 / pair, std::exp(1.0F) / pair, 1 / pair, std::exp(1.0F) / pair});
  CHECK(compute(one_node("LogSoftmax", 13, {1, 2, 2}), x).values[0] == doctest::Approx(-std::log(pair)));
}

TEST_CASE("reductions take their axes as the operator set says, and none given means all") {
  const Floats x{1, 2, 3, 4};
  check_close(compute(one_node("ReduceMean", 13, {1, 2, 2}, {}, {{"axes", Ints{-1}}}), x), {1, 2, 1}, {1.5F, 3.5F});
  check_close(compute(one_node("ReduceSum", 13, {1, 2, 2}, {"a"}, {{"keepdims", int64_t{0}}}).s64("a", {1}), x), {1, 2},
              {4, 6});
  check_close(compute(one_node("ReduceMax", 13, {1, 2, 2}), x), {1, 1, 1}, {4});
  check_close(compute(one_node("ReduceSum", 13, {1, 4}, {}, {{"noop_with_empty_axes", int64_t{1}}}), x), {1, 4}, x);
}

TEST_CASE("ReduceLogSumExp of infinite elements is what logaddexp says") {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const bool keeps : {true, false}) {
    const Attributes attributes{{"axes", Ints{2}}, {"keepdims", int64_t{keeps}}};
    const Computed result = compute(one_node("ReduceLogSumExp", 13, {1, 5, 2}, {}, attributes),
                                    {0, -kInf, -kInf, -kInf, 1, kInf, kInf, -kInf, 100, 100});
    REQUIRE(result.values.size() == 5);
    CHECK(result.values[0] == doctest::Approx(0));
    CHECK(result.values[1] == -kInf);
    CHECK(result.values[2] == kInf);
    CHECK(result.values[3] == kInf);
    CHECK(result.values[4] == doctest::Approx(100 + std::log(2.0F)));
  }
}

TEST_CASE("Constant takes every form of value") {
  const auto constant = [](Attributes attributes) {
    SourceBuilder source;
    source.input("x", {1, 2}).node("Constant", {}, {"c"}, std::move(attributes)).node("Add", {"x", "c"}, {"y"});
    return source.output("y");
  };
  check_close(compute(constant({{"value_float", 2.0F}}), {1, 2}), {1, 2}, {3, 4});
  check_close(compute(constant({{"value_floats", Floats{1, 2}}}), {1, 2}), {1, 2}, {2, 4});
  const Floats tensor{5, 6};
  check_close(compute(constant({{"value", Tensor::f32({2}, tensor)}}), {1, 2}), {1, 2}, {6, 8});
  CHECK(contains(constant({{"value_string", "text"}}).error(), "value_string"));
}

TEST_CASE("JSON gives as attributes what ONNX 13 wants as inputs") {
  const Floats x{-1, 2, 3};
  check_close(compute(one_node("Clip", 13, {1, 3}, {}, {{"min", int64_t{0}}, {"max", 2.5F}}), x), {1, 3}, {0, 2, 2.5F});
  check_close(compute(one_node("Pad", 13, {1, 3}, {}, {{"pads", Ints{0, 0, 0, 1}}}), x), {1, 4}, {-1, 2, 3, 0});
  check_close(compute(one_node("Reshape", 13, {1, 3}, {}, {{"shape", Ints{0, 3, 1}}}), x), {1, 3, 1}, x);
  check_close(compute(one_node("Resize", 13, {1, 1, 1, 3}, {}, {{"scales", Ints{1, 1, 1, 2}}}), x), {1, 1, 1, 6},
              {-1, -1, 2, 2, 3, 3});
  SourceBuilder layer = one_node("fully_connected", 13, {1, 3}, {"w", "b"}, {}, kJsonDomain);
  check_close(compute(layer.f32("w", {2, 3}, {1, 0, 0, 0, 1, 1}).f32("b", {2}, {0, 1}), x), {1, 2}, {-1, 6});
}

TEST_CASE("every reader refuses a node without inputs") {
  for (const char* op : {"Conv",
                         "Gemm",
                         "MatMul",
                         "MaxPool",
                         "GlobalAveragePool",
                         "Add",
                         "Sum",
                         "Relu",
                         "Clip",
                         "Concat",
                         "Reshape",
                         "Squeeze",
                         "Transpose",
                         "Slice",
                         "Split",
                         "Pad",
                         "Resize",
                         "Softmax",
                         "ReduceMean",
                         "Gather",
                         "Cast",
                         "BatchNormalization",
                         "Shape",
                         "Identity",
                         "Tile",
                         "Expand",
                         "PRelu",
                         "Constant",
                         "ConstantOfShape",
                         "Upsample",
                         "Dropout",
                         "Gelu",
                         "Pow",
                         "Mean",
                         "Flatten",
                         "Unsqueeze"}) {
    CAPTURE(op);
    for (const int opset : {7, 13, 21}) {
      SourceBuilder source;
      source.opset = opset;
      source.node(op, {}, {"y"}, {{"axis", int64_t{0}}, {"kernel_shape", Ints{1, 1}}}).output("y");
      CHECK(source.error() != "no error");
    }
  }
}

TEST_CASE("casts to half precision are computed as f32, and a warning counts them") {
  const auto warnings = [](std::vector<int64_t> types) {
    SourceBuilder s;
    s.input("x", {1, 4});
    std::string last = "x";
    for (const int64_t type : types) {
      const std::string next = last + "c";
      s.node("Cast", {last}, {next}, {{"to", type}});
      last = next;
    }
    s.node("Relu", {last}, {"y"}).output("y");
    ImportReport report;
    REQUIRE(s.build(report).ok());
    return report.warnings;
  };
  CHECK(warnings({1, 11}).empty());
  REQUIRE(warnings({10, 1}).size() == 1);
  CHECK(warnings({10, 1})[0].starts_with("'Cast0': casts to float16"));
  REQUIRE(warnings({10, 1, 16, 1}).size() == 1);
  CHECK(warnings({10, 1, 16, 1})[0].starts_with("'Cast0' and 1 more: casts to float16"));
}

}  // namespace octet::test
