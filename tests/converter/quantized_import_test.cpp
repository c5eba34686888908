// Quantized models in: their own integers, bit by bit, in the packed model.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/quantized_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;
constexpr const char* kMicrosoft = "com.microsoft";

const std::vector<int8_t> kWeights = {1, -2, 3, -128, 127, 5};
const std::vector<int32_t> kBias = {100, -50, 7};

// x [1, 2, 3, 3] -> 1x1 convolution to 3 channels, per channel, s8 everywhere, in QDQ form.
QuantizedBuilder qdq_conv(float x_scale = 0.05F, int x_zero = -3) {
  QuantizedBuilder s;
  s.input("x", {1, 2, 3, 3});
  s.params("x", {x_scale}, DataType::kS8, {x_zero}).params("y", {0.25F}, DataType::kS8, {-128});
  s.params("w", {0.01F, 0.02F, 0.04F}, DataType::kS8, {0, 0, 0});
  s.integers("w", DataType::kS8, {3, 2, 1, 1}, kWeights).integers("b", DataType::kS32, {3}, kBias);
  s.f32("b_scale", {3}, {x_scale * 0.01F, x_scale * 0.02F, x_scale * 0.04F});
  s.quantize("x", "xq", "x")
      .dequantize("xq", "xd", "x")
      .dequantize("w", "wd", "w")
      .dequantize("b", "bd", "b", 0, false);
  s.node("Conv", {"xd", "wd", "bd"}, {"c"}).node("Relu", {"c"}, {"r"});
  s.quantize("r", "rq", "y").dequantize("rq", "y", "y").output("y");
  return s;
}

template <class T>
std::vector<T> elements(const PackedTensor& tensor) {
  const auto* data = static_cast<const T*>(tensor.data);
  return {data, data + tensor.shape.element_count()};
}

}  // namespace

TEST_CASE("a QDQ convolution keeps weights, bias, scales and zero points bit by bit") {
  const Packed packed = pack(qdq_conv());
  const PackedNode& conv = packed.only("conv2d");
  const PackedTensor& src = packed.input(conv, 0);
  CHECK(src.scales == std::vector{0.05F});
  CHECK(src.zero_points == std::vector{125});  // -3 of s8
  const PackedTensor& weights = packed.input(conv, 1);
  CHECK(weights.scales == std::vector{0.01F, 0.02F, 0.04F});
  CHECK(weights.zero_points.empty());
  CHECK(elements<int8_t>(weights) == kWeights);
  CHECK(elements<int32_t>(packed.input(conv, 2)) == kBias);
  CHECK(packed.output(conv).scales == std::vector{0.25F});
  CHECK((packed.output(conv).zero_points.empty() || packed.output(conv).zero_points == std::vector{0}));
  CHECK(packed.notices.empty());
}

// What ONNX says of qdq_conv's integers.
void check_qdq_conv(const Packed& packed, float x_scale, int x_zero) {
  std::vector<float> x(18);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.37F * static_cast<float>(i) - 3;
  const std::vector<float> y = run(packed.model, x);
  REQUIRE(y.size() == 27);
  const double w_scale[] = {0.01F, 0.02F, 0.04F};
  for (size_t o = 0; o < 3; ++o) {
    for (size_t p = 0; p < 9; ++p) {
      double sum = kBias[o];
      for (size_t c = 0; c < 2; ++c) {
        const double q =
            std::clamp(static_cast<double>(std::nearbyint(x[c * 9 + p] / x_scale)) + x_zero, -128.0, 127.0);
        sum += (q - x_zero) * kWeights[o * 2 + c];
      }
      const double steps =
          std::clamp(std::nearbyint(sum * static_cast<double>(x_scale) * w_scale[o] / 0.25), 0.0, 255.0);
      CHECK(y[o * 9 + p] == static_cast<float>(0.25 * steps));
    }
  }
}

TEST_CASE("a QDQ convolution computes what ONNX says of its integers") {
  check_qdq_conv(pack(qdq_conv()), 0.05F, -3);
}

TEST_CASE("s8 values, whose zero point is -128 - round(min / scale), become u8 with 128 more") {
  struct Row {
    Range range;  // with 0 in it
    int zero_point;
  };
  const Row rows[] = {{{-1, 3}, -64}, {{-3, 1}, 63},  {{-1, 254}, -127},
                      {{0, 6}, -128}, {{-6, 0}, 127}, {{-128, 127}, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.range.min);
    const QuantParams expected = u8_params(row.range);
    const Packed packed = pack(qdq_conv(expected.scale, row.zero_point));
    const PackedTensor& src = packed.input(packed.only("conv2d"), 0);
    CHECK(src.scales == std::vector{expected.scale});
    CHECK((src.zero_points.empty() ? 0 : src.zero_points.at(0)) == expected.zero_point);
    check_qdq_conv(packed, expected.scale, row.zero_point);
  }
}

TEST_CASE("u8 weights keep their zero point where s8 cannot say the same") {
  for (const bool wide : {false, true}) {
    QuantizedBuilder s;
    s.input("x", {1, 3});
    s.params("x", {0.1F}, DataType::kU8, {10}).params("y", {2.0F}, DataType::kU8, {128});
    const std::vector<uint8_t> weights =
        wide ? std::vector<uint8_t>{0, 255, 3, 200, 100, 50} : std::vector<uint8_t>{0, 127, 3, 100, 100, 50};
    const int zero_point = wide ? 3 : 100;
    s.params("w", {0.5F}, DataType::kU8, {zero_point}).integers("w", DataType::kU8, {3, 2}, weights);
    s.quantize("x", "xq", "x")
        .dequantize("xq", "xd", "x")
        .dequantize("w", "wd", "w")
        .node("MatMul", {"xd", "wd"}, {"m"});
    s.quantize("m", "mq", "y").dequantize("mq", "y", "y").output("y");
    const Packed packed = pack(s);
    const PackedTensor& packed_weights = packed.input(packed.only("fully_connected"), 1);
    const std::vector<int8_t> q = elements<int8_t>(packed_weights);
    CHECK(packed_weights.zero_points.empty() != wide);
    const int packed_zero = wide ? packed_weights.zero_points[0] : 0;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t o = 0; o < 2; ++o) CHECK(q[o * 3 + i] - packed_zero == weights[i * 2 + o] - zero_point);
    }
    const std::vector<float> y = run(packed.model, {1, 0.5F, -0.3F});  // 10, 5, -3 steps of 0.1
    for (size_t o = 0; o < 2; ++o) {
      const double sum =
          10 * (weights[o] - zero_point) + 5 * (weights[2 + o] - zero_point) - 3 * (weights[4 + o] - zero_point);
      CHECK(y[o] == 2 * std::clamp(std::nearbyint(sum * 0.05 / 2), -128.0, 127.0));
    }
  }
}

TEST_CASE("QOperator form and QDQ form make the same packed model") {
  QuantizedBuilder s;
  s.input("x", {1, 2, 3, 3});
  s.params("x", {0.05F}, DataType::kS8, {-3}).params("y", {0.25F}, DataType::kS8, {-128});
  s.params("w", {0.01F, 0.02F, 0.04F}, DataType::kS8, {0, 0, 0});
  s.integers("w", DataType::kS8, {3, 2, 1, 1}, kWeights).integers("b", DataType::kS32, {3}, kBias);
  s.quantize("x", "xq", "x");
  s.node("QLinearConv", {"xq", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b"}, {"rq"});
  s.dequantize("rq", "y", "y").output("y");
  const Packed packed = pack(s), qdq = pack(qdq_conv());
  CHECK(packed.ops() == qdq.ops());
  const PackedNode &a = packed.only("conv2d"), &b = qdq.only("conv2d");
  CHECK(elements<int8_t>(packed.input(a, 1)) == elements<int8_t>(qdq.input(b, 1)));
  CHECK(elements<int32_t>(packed.input(a, 2)) == elements<int32_t>(qdq.input(b, 2)));
  std::vector<float> x(18);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.37F * static_cast<float>(i) - 3;
  CHECK(run(packed.model, x) == run(qdq.model, x));
}

TEST_CASE("every op of ONNX Runtime's integer family is read, and rounds as the file says") {
  // What stands between Dequantize- and QuantizeLinear; inputs by the family's own order.
  struct Case {
    std::string op, domain;
    std::vector<std::string> inputs;
    std::string packed_op;
    SourceBuilder::Attributes attributes = {};
  };
  const std::vector<std::string> a{"aq", "a_scale", "a_zero"}, b{"bq", "b_scale", "b_zero"}, y{"y_scale", "y_zero"};
  const auto list = [](std::initializer_list<std::vector<std::string>> parts) {
    std::vector<std::string> all;
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  const std::vector<Case> cases = {
      {"QLinearAdd", kMicrosoft, list({a, b, y}), "binary"},
      {"QLinearMul", kMicrosoft, list({a, b, y}), "binary"},
      {"QLinearConcat", kMicrosoft, list({y, a, b}), "concat", {{"axis", int64_t{1}}}},
      {"QLinearSigmoid", kMicrosoft, list({a, y}), "unary"},
      {"QLinearLeakyRelu", kMicrosoft, list({a, y}), "unary", {{"alpha", 0.1F}}},
      {"QLinearGlobalAveragePool", kMicrosoft, list({a, y}), "pool2d"},
      {"QLinearAveragePool", kMicrosoft, list({a, y}), "pool2d", {{"kernel_shape", Ints{2, 2}}}},
      {"QLinearReduceMean", kMicrosoft, list({a, y}), "reduce", {{"axes", Ints{1}}, {"keepdims", int64_t{1}}}},
      {"QLinearMatMul", "", list({a, b, y}), "matmul"},
      {"QLinearSoftmax", kMicrosoft, list({a, y}), "quantize", {{"axis", int64_t{1}}}},
      {"QLinearWhere", kMicrosoft, list({{"condition"}, a, b, y}), "quantize"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.op);
    QuantizedBuilder s;
    s.input("x", {1, 4, 4, 4});
    s.params("a", {0.02F}, DataType::kU8, {120}).params("b", {0.03F}, DataType::kU8, {7});
    s.params("y", {0.05F}, DataType::kU8, {11});
    s.quantize("x", "aq", "a")
        .quantize("x", "bq", "b")
        .node("Less", {"x", "half"}, {"condition"})
        .f32("half", {}, {0.5F});
    s.node(c.op, c.inputs, {"yq"}, c.attributes, c.domain);
    s.dequantize("yq", "y", "y").output("y");
    const Packed packed = pack(s);
    std::string ops;
    for (const std::string& op : packed.ops()) ops += op + " ";
    CAPTURE(ops);
    bool found = false;
    for (const PackedNode& node : packed.model.nodes) {
      if (op_name(node.op) != c.packed_op || packed.output(node).type != DataType::kU8) continue;
      found |= packed.output(node).scales == std::vector{0.05F} && packed.output(node).zero_points == std::vector{11};
      const bool is_float = c.packed_op == "quantize";  // computed in f32, then rounded as the file says
      CHECK((packed.input(node, 0).type == DataType::kU8) != is_float);
    }
    CHECK(found);
    // The same file, run in f32 where it does not round: at most one step apart, where a tie falls the other way.
    std::vector<float> x(64);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 0.031F * static_cast<float>(i * 37 % 64) - 0.9F;
    const Computed real = compute(s, x);
    const std::vector<float> values = run(packed.model, x);
    REQUIRE(values.size() == real.values.size());
    for (size_t i = 0; i < values.size(); ++i) CHECK(std::fabs(values[i] - real.values[i]) <= 0.0501F);
  }
}

TEST_CASE("QGemm is alpha times the scaled sum of products and bias, on integers") {
  struct Case {
    float alpha;
    bool trans_a, trans_b, has_bias, is_u8;
  };
  std::vector<Case> cases;
  for (const float alpha : {1.0F, 0.5F, 3.0F, -0.5F, 0.0F}) {
    for (unsigned bits = 0; bits < 16; ++bits) {
      cases.push_back({alpha, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0});
    }
  }
  const int64_t rows = 2, columns = 4, inner = 3;
  const std::vector<int8_t> weights = {1, -2, 3, -128, 127, 5, 40, -33, 0, 9, -71, 64};  // [inner][columns]
  const std::vector<int32_t> bias = {4000, -50, 7, 0};
  const std::vector<float> b_scales = {0.03125F, 0.0625F, 0.125F, 0.015625F};
  std::vector<float> x(static_cast<size_t>(rows * inner));  // [rows][inner], all on the grid of 0.5
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.5F * static_cast<float>(i * 37 % 61) - 9;
  for (const Case& c : cases) {
    CAPTURE(c.alpha);
    CAPTURE(c.trans_a);
    CAPTURE(c.trans_b);
    CAPTURE(c.has_bias);
    CAPTURE(c.is_u8);
    std::vector<float> a(x.size());
    for (int64_t i = 0; i < rows * inner; ++i) {
      const int64_t at = c.trans_a ? i % inner * rows + i / inner : i;
      a[static_cast<size_t>(at)] = x[static_cast<size_t>(i)];
    }
    std::vector<int8_t> b(weights.size());
    for (int64_t i = 0; i < inner * columns; ++i) {
      const int64_t at = c.trans_b ? i % columns * inner + i / columns : i;
      b[static_cast<size_t>(at)] = weights[static_cast<size_t>(i)];
    }
    QuantizedBuilder s;
    s.input("x", c.trans_a ? Shape{inner, rows} : Shape{rows, inner});
    s.params("a", {0.5F}, DataType::kU8, {30}).params("b", b_scales, DataType::kS8, {0, 0, 0, 0});
    s.integers("b", DataType::kS8, c.trans_b ? Shape{columns, inner} : Shape{inner, columns}, b);
    s.integers("c", DataType::kS32, {columns}, bias).params("y", {2.0F}, DataType::kU8, {100});
    s.quantize("x", "aq", "a");
    std::vector<std::string> inputs{"aq", "a_scale", "a_zero", "b", "b_scale", "b_zero", c.has_bias ? "c" : ""};
    if (c.is_u8) inputs.insert(inputs.end(), {"y_scale", "y_zero"});
    s.node("QGemm", inputs, {c.is_u8 ? "yq" : "y"},
           {{"alpha", c.alpha}, {"transA", int64_t{c.trans_a}}, {"transB", int64_t{c.trans_b}}}, kMicrosoft);
    if (c.is_u8) s.dequantize("yq", "y", "y");
    s.output("y");
    const Packed packed = pack(s);
    const PackedNode& layer = packed.only("fully_connected");
    const bool on_integers = c.alpha > 0;  // no scale is 0 or negative
    if (on_integers) {
      CHECK(packed.input(layer, 0).type == DataType::kU8);
      CHECK(packed.input(layer, 1).type == DataType::kS8);
      CHECK(packed.output(layer).type == (c.is_u8 ? DataType::kU8 : DataType::kF32));
    }
    const std::vector<float> y = run(packed.model, a);
    REQUIRE(y.size() == static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t row = i / columns, column = i % columns;
      float sum = c.has_bias ? static_cast<float>(bias[column]) : 0;
      for (size_t k = 0; k < inner; ++k) {
        sum += x[row * inner + k] / 0.5F * static_cast<float>(weights[k * columns + column]);
      }
      const float real = c.alpha * 0.5F * b_scales[column] * sum;
      CHECK(y[i] == (c.is_u8 ? 2 * std::clamp(std::nearbyintf(real / 2), -100.0F, 155.0F) : real));
    }
  }
}

TEST_CASE("QLinearSoftmax takes the axes that its own operator set says") {
  for (const int64_t opset : {11, 13}) {
    QuantizedBuilder s;
    s.params("a", {0.5F}, DataType::kU8, {10}).params("y", {0.0625F}, DataType::kU8, {0}).input("x", {1, 2, 2});
    s.quantize("x", "aq", "a");
    s.node("QLinearSoftmax", {"aq", "a_scale", "a_zero", "y_scale", "y_zero"}, {"yq"},
           {{"axis", int64_t{1}}, {"opset", opset}}, kMicrosoft);
    s.dequantize("yq", "y", "y").output("y");
    const float each = opset < 13 ? 0.25F : 0.5F;  // of all four, or of the two along axis 1
    CHECK(compute(s, {1, 1, 1, 1}).values == std::vector<float>(4, each));
  }
}

TEST_CASE("a sum rounded to u8 is ONNX Runtime's QLinearAdd; one rounded to s8 is what ONNX defines") {
  for (const DataType type : {DataType::kU8, DataType::kS8}) {
    const int zero = type == DataType::kU8 ? 101 : 101 - 128;
    QuantizedBuilder s;
    s.params("q", {0.5F}, type, {zero}).params("y", {2.0F}, type, {zero}).input("x", {1, 2});
    s.quantize("x", "a", "q").dequantize("a", "ar", "q");
    s.node("Add", {"ar", "ar"}, {"sum"});
    s.quantize("sum", "c", "y").dequantize("c", "out", "y").output("out");
    const Packed packed = pack(s);
    // 0.5 and 1.5 steps: to even they are 0 and 2; with the zero point 101.5 and 102.5, to even 102 and 102.
    const std::vector<float> sums = run(packed.model, {0.5F, 1.5F});
    CHECK(sums == (type == DataType::kU8 ? std::vector<float>{2, 2} : std::vector<float>{0, 4}));
    CHECK(std::get<BinaryParams>(packed.only("binary").op).folds_zero_points == (type == DataType::kU8));
  }
}

TEST_CASE("QLinearAdd folds zero points, whatever its integers are") {
  for (const DataType type : {DataType::kU8, DataType::kS8}) {
    const int zero = type == DataType::kU8 ? 101 : 101 - 128;
    QuantizedBuilder s;
    s.params("q", {0.5F}, type, {zero}).params("y", {2.0F}, type, {zero}).input("x", {1, 2});
    s.quantize("x", "a", "q");
    s.node("QLinearAdd", {"a", "q_scale", "q_zero", "a", "q_scale", "q_zero", "y_scale", "y_zero"}, {"c"}, {},
           kMicrosoft);
    s.dequantize("c", "out", "y").output("out");
    const Packed packed = pack(s);
    CHECK(std::get<BinaryParams>(packed.only("binary").op).folds_zero_points);
    CHECK(run(packed.model, {0.5F, 1.5F}) == std::vector<float>{2, 2});  // 101.5 and 102.5, to even
  }
}

TEST_CASE("a difference is rounded as ONNX defines it: ONNX Runtime has no integer form of it") {
  QuantizedBuilder s;
  s.params("q", {0.5F}, DataType::kU8, {101}).params("y", {1.0F}, DataType::kU8, {101}).input("x", {1, 2});
  s.quantize("x", "a", "q").dequantize("a", "ar", "q").quantize("x", "b", "y").dequantize("b", "br", "y");
  s.node("Sub", {"ar", "br"}, {"d"});
  s.quantize("d", "c", "y").dequantize("c", "out", "y").output("out");
  const Packed packed = pack(s);
  CHECK(packed.output(packed.only("binary")).type == DataType::kU8);
  CHECK(run(packed.model, {0.5F, 1.5F}) == std::vector<float>{0, 0});  // 0.5 - 0, 1.5 - 2
}

TEST_CASE("a quantized model's own integers are multiplied and ordered as integers") {
  QuantizedBuilder s;
  s.params("q", {0.5F}, DataType::kU8, {10}).params("y", {0.25F}, DataType::kU8, {100}).input("x", {2, 3});
  s.quantize("x", "a", "q").dequantize("a", "ar", "q");
  s.node("Transpose", {"ar"}, {"at"}, {{"perm", Ints{1, 0}}});
  s.node("MatMul", {"ar", "at"}, {"m"});
  s.quantize("m", "mq", "y").dequantize("mq", "mr", "y");
  s.node("ArgMax", {"mr"}, {"i"}, {{"axis", int64_t{1}}}).node("Cast", {"i"}, {"out"}, {{"to", int64_t{1}}});
  s.output("out");
  const Packed packed = pack(s);
  const PackedNode& product = packed.only("matmul");
  for (const size_t i : {0, 1}) CHECK(packed.input(product, i).type == DataType::kU8);
  CHECK(packed.output(product).type == DataType::kU8);
  CHECK(packed.input(packed.only("top_k"), 0).type == DataType::kU8);
  CHECK(run(packed.model, {1, 0, 0, 2, 0, 0}) == std::vector<float>{1, 1});  // (1, 2; 2, 4)
  CHECK(run(packed.model, {1, 0, 0, 1, 0, 0}) == std::vector<float>{0, 0});  // the first of equal ones
}

TEST_CASE("nodes that --keep-float names stay f32, between the file's own roundings") {
  const Packed packed = pack(qdq_conv(), {"Conv4"});
  const PackedNode& conv = packed.only("conv2d");
  CHECK(packed.input(conv, 0).type == DataType::kF32);
  CHECK(packed.input(conv, 1).type == DataType::kF32);
}

TEST_CASE("weights that a pass has scaled stay f32, and a notice says so") {
  QuantizedBuilder s;
  s.input("x", {1, 2, 1, 1});
  s.params("x", {0.1F}, DataType::kU8, {0}).params("w", {0.3F}, DataType::kS8, {0});
  s.integers<int8_t>("w", DataType::kS8, {1, 2, 1, 1}, {3, -7})
      .f32("s", {1}, {1.7F})
      .f32("o", {1}, {0})
      .f32("v", {1}, {1});
  s.quantize("x", "xq", "x").dequantize("xq", "xd", "x").dequantize("w", "wd", "w").node("Conv", {"xd", "wd"}, {"c"});
  s.node("BatchNormalization", {"c", "s", "o", "o", "v"}, {"n"});
  s.quantize("n", "nq", "x").dequantize("nq", "y", "x");
  s.output("y");
  const Packed packed = pack(s);
  CHECK(packed.input(packed.only("conv2d"), 1).type == DataType::kF32);
  REQUIRE(packed.notices.size() == 1);
  CHECK(packed.notices[0].find("scaled after they are dequantized") != std::string::npos);
}

TEST_CASE("scales that make no sense are refused by name") {
  const auto error = [](float scale, std::vector<int> zero_points) {
    QuantizedBuilder s;
    s.input("x", {1, 3});
    s.params("x", {scale}, DataType::kU8, {0});
    if (zero_points.size() != 1) {
      s.model.constants.clear();
      s.f32("x_scale", {}, {scale});
      s.integers<uint8_t>("x_zero", DataType::kU8, {2}, {1, 2});
    }
    s.quantize("x", "xq", "x").dequantize("xq", "y", "x").output("y");
    return s.error();
  };
  CHECK(error(1, {0}) == "no error");
  CHECK(error(0, {0}).find("scale 'x_scale' is 0,") != std::string::npos);
  CHECK(error(-1, {0}).find("scale 'x_scale' is -1,") != std::string::npos);
  CHECK(error(1, {1, 2}).find("2 zero points for 1 scales") != std::string::npos);
}

TEST_CASE("QuantizeLinear without zero point makes the integers that its output_dtype names") {
  const auto quantized = [](int64_t type) {
    SourceBuilder s;
    s.input("x", {1, 4}).f32("scale", {}, {0.5F});
    s.node("QuantizeLinear", {"x", "scale"}, {"q"}, {{"output_dtype", type}});
    s.node("Cast", {"q"}, {"y"}, {{"to", int64_t{1}}}).output("y");
    return s;
  };
  const std::vector<float> x = {-100, -1.5F, 0.5F, 100};
  CHECK(compute(quantized(3), x).values == std::vector<float>{-128, -3, 1, 127});
  CHECK(compute(quantized(2), x).values == std::vector<float>{0, 0, 1, 200});
  CHECK(compute(quantized(0), x).values == std::vector<float>{0, 0, 1, 200});
  for (const auto& [type, name] : std::map<int64_t, std::string>{{4, "uint16"}, {17, "float8e4m3fn"}, {22, "int4"}}) {
    ImportReport report;
    const Result<Graph> built = quantized(type).build(report);
    REQUIRE(!built.ok());
    CHECK(built.error().code == ErrorCode::kUnsupported);
    CHECK(built.error().message.find("output_dtype is " + name + ",") != std::string::npos);
  }
}

TEST_CASE("QuantizeLinear refuses what does not fit together, and what octet does not compute") {
  const auto error = [](DataType zero_type, const SourceBuilder::Attributes& attributes) {
    QuantizedBuilder s;
    s.input("x", {1, 4}).f32("scale", {}, {0.5F});
    if (zero_type == DataType::kS32) {
      s.integers<int32_t>("zero", zero_type, {}, {7});
    } else {
      s.integers<uint8_t>("zero", zero_type, {}, {7});
    }
    s.node("QuantizeLinear", {"x", "scale", "zero"}, {"q"}, attributes);
    s.node("Cast", {"q"}, {"y"}, {{"to", int64_t{1}}}).output("y");
    ImportReport report;
    const Result<Graph> built = s.build(report);
    if (built.ok()) return std::string("no error");
    return std::string(built.error().code == ErrorCode::kUnsupported ? "unsupported: " : "") + built.error().message;
  };
  CHECK(error(DataType::kU8, {{"saturate", int64_t{0}}, {"precision", int64_t{1}}}) == "no error");
  CHECK(error(DataType::kU8, {{"output_dtype", int64_t{2}}}) == "no error");
  CHECK(error(DataType::kU8, {{"output_dtype", int64_t{3}}}).find("output_dtype is s8, its zero point u8") !=
        std::string::npos);
  CHECK(error(DataType::kU8, {{"precision", int64_t{10}}}).find("precision is float16") != std::string::npos);
  CHECK(error(DataType::kU8, {{"block_size", int64_t{2}}}).find("block of 2 elements") != std::string::npos);
  const std::string wide = error(DataType::kS32, {});  // as 16-bit integers are kept
  CHECK(wide.starts_with("unsupported: "));
  CHECK(wide.find("zero point is uint16, int16 or wider") != std::string::npos);
}

}  // namespace octet::test
