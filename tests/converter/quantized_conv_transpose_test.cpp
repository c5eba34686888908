// A quantized model's transposed convolutions: on the file's own integers, as ONNX defines them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/quantized_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;

struct Case {
  int64_t groups = 1, inputs = 2, outputs = 3;  // channels of a group
  std::vector<int64_t> size, kernel, strides, dilations, pads, output_padding;
  DataType type = DataType::kS8;  // of the weights
  bool per_channel = false, has_bias = true, relu = false, is_rounded = true;

  size_t spatial() const { return kernel.size(); }
  int64_t output(size_t i) const {
    return (size[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 + output_padding[i] - pads[i] -
           pads[spatial() + i];
  }
};

constexpr float kSource = 0.5F, kDestination = 2;
constexpr int kSourceZero = 120, kDestinationZero = 90;

std::vector<int64_t> with_spatial(std::vector<int64_t> dims, const std::vector<int64_t>& spatial) {
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return dims;
}

int64_t count(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

// Input, weights and bias as integers, without their zero points, and the scale of each output channel's weights.
struct Layer {
  std::vector<int> x, weights, bias;
  std::vector<float> scales;
};

// y[o] += x[i] w[i][o][k] at i * stride + k * dilation - pad, by what ONNX says of ConvTranspose; rank 4.
std::vector<float> defined(const Case& c, const Layer& layer) {
  const size_t last = c.spatial() - 1;
  const auto at = [&](const std::vector<int64_t>& list, size_t axis) {  // of rows and columns; rows of 1-D are none
    return axis == 1 ? list[last] : (last == 0 ? int64_t{-1} : list[0]);
  };
  const auto or_else = [](int64_t value, int64_t otherwise) { return value < 0 ? otherwise : value; };
  const int64_t rows = or_else(at(c.size, 0), 1), columns = at(c.size, 1);
  const int64_t kernel_rows = or_else(at(c.kernel, 0), 1), kernel_columns = at(c.kernel, 1);
  const int64_t out_rows = last == 0 ? 1 : c.output(0), out_columns = c.output(last);
  const int64_t channels = c.groups * c.outputs;
  std::vector<int64_t> sums(static_cast<size_t>(channels * out_rows * out_columns));
  for (int64_t i = 0; i < c.groups * c.inputs; ++i) {
    for (int64_t o = 0; o < c.outputs; ++o) {
      const int64_t channel = i / c.inputs * c.outputs + o;
      for (int64_t p = 0; p < rows * columns; ++p) {
        for (int64_t k = 0; k < kernel_rows * kernel_columns; ++k) {
          const int64_t y =
              last == 0 ? 0 : p / columns * c.strides[0] + k / kernel_columns * c.dilations[0] - c.pads[0];
          const int64_t x = p % columns * c.strides[last] + k % kernel_columns * c.dilations[last] - c.pads[last];
          if (y < 0 || x < 0 || y >= out_rows || x >= out_columns) continue;
          sums[static_cast<size_t>((channel * out_rows + y) * out_columns + x)] +=
              layer.x[static_cast<size_t>(i * rows * columns + p)] *
              layer.weights[static_cast<size_t>((i * c.outputs + o) * kernel_rows * kernel_columns + k)];
        }
      }
    }
  }
  std::vector<float> result(sums.size());
  for (size_t i = 0; i < sums.size(); ++i) {
    const size_t channel = i / static_cast<size_t>(out_rows * out_columns);
    const float scale = layer.scales[channel % static_cast<size_t>(c.outputs)];
    const int64_t sum = sums[i] + (c.has_bias ? layer.bias[channel] : 0);
    float y = kSource * scale * static_cast<float>(sum);
    if (c.relu) y = std::max(y, 0.0F);
    const float q = std::clamp(std::nearbyintf(y / kDestination), 0.0F - kDestinationZero, 255.0F - kDestinationZero);
    result[i] = c.is_rounded ? kDestination * q : y;
  }
  return result;
}

template <class T>
std::vector<T> stored(const std::vector<int>& differences, int zero_point) {
  std::vector<T> result;
  for (const int difference : differences) result.push_back(static_cast<T>(difference + zero_point));
  return result;
}

void check(const Case& c) {
  const int zero_point = c.type == DataType::kU8 ? 131 : 0;
  const int64_t channels = c.groups * c.outputs;
  const std::vector<int64_t> x_dims = with_spatial({1, c.groups * c.inputs}, c.size);
  const std::vector<int64_t> w_dims = with_spatial({c.groups * c.inputs, c.outputs}, c.kernel);
  Layer layer;
  std::vector<float> x;
  for (int64_t i = 0; i < count(x_dims); ++i) {
    layer.x.push_back(static_cast<int>(i * 37 % 61) - 30);
    x.push_back(kSource * static_cast<float>(layer.x.back()));
  }
  const int least = c.type == DataType::kU8 ? -131 : -128;
  for (int64_t i = 0; i < count(w_dims); ++i) layer.weights.push_back(static_cast<int>(i * 101 % 253) + least + 2);
  layer.weights[0] = least;
  layer.weights.back() = least + 255;
  for (int64_t o = 0; o < channels; ++o) layer.bias.push_back(static_cast<int>(o * 977 % 1500) - 700);
  layer.scales.assign(static_cast<size_t>(c.outputs), 0.0625F);
  if (c.per_channel) {
    for (size_t o = 0; o < layer.scales.size(); ++o) layer.scales[o] = 0.03125F / static_cast<float>(1U << o);
  }
  QuantizedBuilder s;
  s.input("x", Shape(x_dims));
  s.params("x", {kSource}, DataType::kU8, {kSourceZero}).params("y", {kDestination}, DataType::kU8, {kDestinationZero});
  const std::vector<float> w_scales = c.per_channel ? layer.scales : std::vector{layer.scales[0]};
  s.params("w", w_scales, c.type, std::vector<int>(w_scales.size(), zero_point));
  if (c.type == DataType::kU8) {
    s.integers("w", c.type, Shape(w_dims), stored<uint8_t>(layer.weights, zero_point));
  } else {
    s.integers("w", c.type, Shape(w_dims), stored<int8_t>(layer.weights, zero_point));
  }
  std::vector<float> b_scales;
  for (int64_t o = 0; o < channels; ++o) {
    b_scales.push_back(kSource * layer.scales[static_cast<size_t>(o % c.outputs)]);
  }
  s.integers("b", DataType::kS32, {channels}, stored<int32_t>(layer.bias, 0)).f32("b_scale", {channels}, b_scales);
  s.quantize("x", "xq", "x").dequantize("xq", "xd", "x").dequantize("w", "wd", "w", 1);
  std::vector<std::string> inputs{"xd", "wd"};
  if (c.has_bias) s.dequantize("b", "bd", "b", 0, false), inputs.emplace_back("bd");
  s.node("ConvTranspose", inputs, {"up"},
         {{"group", c.groups},
          {"strides", c.strides},
          {"dilations", c.dilations},
          {"pads", c.pads},
          {"output_padding", c.output_padding}});
  if (c.relu) s.node("Relu", {"up"}, {"relu"});
  const std::string last = c.relu ? "relu" : "up";
  if (c.is_rounded) s.quantize(last, "yq", "y").dequantize("yq", "y", "y");
  s.output(c.is_rounded ? "y" : last);

  const Packed packed = pack(s);
  const PackedNode& conv = packed.only("conv2d");
  CHECK(packed.input(conv, 0).type == DataType::kU8);
  CHECK(packed.input(conv, 0).scales == std::vector{kSource});
  const PackedTensor& weights = packed.input(conv, 1);
  CHECK(weights.type == DataType::kS8);
  CHECK(std::set(weights.scales.begin(), weights.scales.end()) == std::set(w_scales.begin(), w_scales.end()));
  CHECK(packed.output(conv).type == (c.is_rounded ? DataType::kU8 : DataType::kF32));
  if (c.is_rounded) CHECK(packed.output(conv).scales == std::vector{kDestination});
  CHECK(packed.notices.empty());
  CHECK(run(packed.model, x) == defined(c, layer));
}

}  // namespace

TEST_CASE("a QDQ transposed convolution computes what ONNX says of its integers") {
  const Case shapes[] = {
      {.size = {3, 4},
       .kernel = {2, 2},
       .strides = {2, 2},
       .dilations = {1, 1},
       .pads = {0, 0, 0, 0},
       .output_padding = {0, 0}},
      {.size = {4, 3},
       .kernel = {3, 3},
       .strides = {2, 2},
       .dilations = {1, 1},
       .pads = {1, 1, 1, 1},
       .output_padding = {1, 1}},
      {.size = {3, 3},
       .kernel = {3, 2},
       .strides = {2, 3},
       .dilations = {2, 1},
       .pads = {0, 1, 2, 0},
       .output_padding = {0, 2}},
      {.size = {3, 3},
       .kernel = {3, 3},
       .strides = {1, 1},
       .dilations = {1, 1},
       .pads = {1, 1, 1, 1},
       .output_padding = {0, 0}},
      {.size = {5}, .kernel = {4}, .strides = {2}, .dilations = {1}, .pads = {1, 1}, .output_padding = {0}},
  };
  for (const Case& shape : shapes) {
    for (unsigned bits = 0; bits < 32; ++bits) {
      Case c = shape;
      if ((bits & 1) != 0) c.groups = 2;
      c.type = (bits & 2) != 0 ? DataType::kU8 : DataType::kS8;
      c.per_channel = (bits & 4) != 0;
      c.has_bias = (bits & 8) != 0;
      c.relu = (bits & 16) != 0;
      CAPTURE(shape.kernel.size());
      CAPTURE(shape.strides[0]);
      CAPTURE(bits);
      check(c);
      c.is_rounded = false;
      check(c);
    }
  }
}

TEST_CASE("a bias with scales along another axis than the channels is read as far as it goes") {
  QuantizedBuilder s;
  s.input("x", {1, 2, 3, 3});
  s.params("x", {kSource}, DataType::kU8, {kSourceZero}).params("w", {0.0625F}, DataType::kS8, {0});
  s.integers("w", DataType::kS8, {2, 3, 1, 1}, std::vector<int8_t>{1, 2, 3, 4, 5, 6});
  s.integers("b", DataType::kS32, {2, 3}, std::vector<int32_t>{1, 2, 3, 4, 5, 6});
  s.f32("b_scale", {2}, {0.5F, 0.25F});
  s.quantize("x", "xq", "x")
      .dequantize("xq", "xd", "x")
      .dequantize("w", "wd", "w")
      .dequantize("b", "bd", "b", 0, false);
  s.node("ConvTranspose", {"xd", "wd", "bd"}, {"y"}, {{"group", int64_t{2}}});
  s.output("y");
  // 0 in, so that the biases alone come out: one for each pixel.
  std::vector<float> wanted;
  for (const float b : {0.5F, 1.0F, 1.5F, 1.0F, 1.25F, 1.5F}) wanted.insert(wanted.end(), 9, b);
  CHECK(run(pack(s).model, std::vector<float>(18, 0.0F)) == wanted);
}

TEST_CASE("a QDQ transposed convolution to one channel keeps its bias") {
  check({.outputs = 1,
         .size = {2, 2},
         .kernel = {2, 2},
         .strides = {2, 2},
         .dilations = {1, 1},
         .pads = {0, 0, 0, 0},
         .output_padding = {0, 0}});
}

}  // namespace octet::test
