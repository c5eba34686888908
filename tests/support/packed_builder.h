// Builds small packed models by hand for the tests of the runtime.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <random>

#include "runtime/packed_model.h"

namespace octet::test {

// Constants live as long as the model; each add_ returns the tensor's index.
class PackedBuilder {
 public:
  PackedBuilder() { model_.name = "test"; }

  int32_t input(const std::string& name, DataType type, const Shape& shape) {
    model_.inputs.push_back(add({.name = name, .type = type, .shape = shape}));
    return model_.inputs.back();
  }
  int32_t activation(const std::string& name, DataType type, const Shape& shape) {
    return add({.name = name, .type = type, .shape = shape});
  }
  int32_t u8_activation(const std::string& name, const Shape& shape, QuantParams quant) {
    return add({.name = name,
                .type = DataType::kU8,
                .shape = shape,
                .scales = {quant.scale},
                .zero_points = {quant.zero_point}});
  }
  template <class T>
  int32_t constant(const std::string& name, DataType type, const Shape& shape, const std::vector<T>& values,
                   std::vector<float> scales = {}) {
    auto storage = std::make_shared<std::vector<Aligned>>(values.size() * sizeof(T) / sizeof(Aligned) + 1);
    std::memcpy(storage->data(), values.data(), values.size() * sizeof(T));
    constants_->push_back(storage);
    return add({.name = name,
                .type = type,
                .shape = shape,
                .scales = std::move(scales),
                .data = storage->data(),
                .data_bytes = static_cast<int64_t>(values.size() * sizeof(T))});
  }
  void node(const std::string& name, OpParams op, std::vector<int32_t> inputs, std::vector<int32_t> outputs) {
    model_.nodes.push_back({name, std::move(op), std::move(inputs), std::move(outputs)});
  }
  void output(int32_t tensor) { model_.outputs.push_back(tensor); }

  PackedModel take() {
    model_.storage = constants_;
    return std::move(model_);
  }

 private:
  struct alignas(64) Aligned {
    std::byte bytes[64];
  };
  int32_t add(PackedTensor tensor) {
    model_.tensors.push_back(std::move(tensor));
    return static_cast<int32_t>(model_.tensors.size() - 1);
  }

  PackedModel model_;
  std::shared_ptr<std::deque<std::shared_ptr<void>>> constants_ = std::make_shared<std::deque<std::shared_ptr<void>>>();
};

// An int8 network with every structural feature of the runtime: quantize + transpose (a pattern), a residual
// convolution (in place), a view, a fully connected layer that writes f32, softmax. Input "image" [N, 3, 8, 8], output
// "probabilities" [N, 5].
inline PackedModel small_int8_net(uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> weight(-127, 127);
  const auto weights = [&](size_t count) {
    std::vector<int8_t> values(count);
    for (int8_t& v : values) v = static_cast<int8_t>(weight(random));
    return values;
  };
  const std::vector<int32_t> bias4{100, -200, 300, 0};
  constexpr int64_t n = Shape::kDynamic;
  PackedBuilder b;
  const auto image = b.input("image", DataType::kF32, {n, 3, 8, 8});
  const auto quantized = b.u8_activation("image:u8", {n, 3, 8, 8}, {0.02F, 128});
  b.node("quantize", QuantizeParams{}, {image}, {quantized});
  const auto nhwc = b.u8_activation("image.nhwc", {n, 8, 8, 3}, {0.02F, 128});
  b.node("transpose", TransposeParams{{0, 2, 3, 1}}, {quantized}, {nhwc});
  const auto a = b.u8_activation("a", {n, 8, 8, 4}, {0.05F, 0});
  Conv2dParams conv{.pads = {1, 1, 1, 1}};
  b.node("conv_a", conv,
         {nhwc, b.constant("conv_a.weights", DataType::kS8, {4, 3, 3, 3}, weights(108), {0.01F, 0.02F, 0.01F, 0.015F}),
          b.constant("conv_a.bias", DataType::kS32, {4}, bias4)},
         {a});
  const auto c = b.u8_activation("b", {n, 8, 8, 4}, {0.07F, 10});
  b.node("conv_b", conv,
         {a, b.constant("conv_b.weights", DataType::kS8, {4, 3, 3, 4}, weights(144), {0.01F}),
          b.constant("conv_b.bias", DataType::kS32, {4}, bias4), a},
         {c});
  const auto pooled = b.u8_activation("pooled", {n, 1, 1, 4}, {0.06F, 12});
  b.node("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {c}, {pooled});
  const auto flat = b.u8_activation("flat", {n, 4}, {0.06F, 12});
  b.node("flatten", ReshapeParams{{0, -1}}, {pooled}, {flat});
  const auto logits = b.activation("logits", DataType::kF32, {n, 5});
  b.node("dense", FullyConnectedParams{},
         {flat, b.constant("dense.weights", DataType::kS8, {5, 4}, weights(20), {0.01F, 0.01F, 0.02F, 0.01F, 0.03F}),
          b.constant("dense.bias", DataType::kS32, {5}, std::vector<int32_t>{1, 2, 3, 4, 5})},
         {logits});
  const auto probabilities = b.activation("probabilities", DataType::kF32, {n, 5});
  b.node("softmax", SoftmaxParams{.axis = 1}, {logits}, {probabilities});
  b.output(probabilities);
  PackedModel model = b.take();
  model.preprocessing = "raw";
  model.class_names = {"a", "b", "c", "d", "e"};
  model.metadata = {{"producer", "test"}};
  return model;
}

// Integers resized to the sizes of other tensors, linear and nearest. Input "x" [N, 8, 7, 5], output "y" [N, 7, 5, 16].
inline PackedModel resize_like_net() {
  constexpr int64_t n = Shape::kDynamic;
  PackedBuilder b;
  const auto u8 = [&](const std::string& name, const Shape& shape) {
    return b.u8_activation(name, shape, {0.0625F, 128});
  };
  const int32_t x = b.input("x", DataType::kF32, {n, 8, 7, 5}), planes = u8("planes", {n, 8, 7, 5});
  b.node("quantize", QuantizeParams{}, {x}, {planes});
  const int32_t image = u8("image", {n, 7, 5, 8}), half = u8("half", {n, 3, 2, 8}), pixel = u8("pixel", {n, 1, 1, 8});
  b.node("transpose", TransposeParams{{0, 2, 3, 1}}, {planes}, {image});
  b.node("halve", Pool2dParams{.kind = PoolKind::kMax, .kernel = {2, 2}, .strides = {2, 2}}, {image}, {half});
  b.node("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {image}, {pixel});
  const int32_t twice = u8("twice", {n, 7, 5, 8}), spread = u8("spread", {n, 3, 2, 8}), all = u8("all", {n, 7, 5, 8});
  const ResizeParams nearest, linear{.mode = ResizeMode::kLinear};
  b.node("twice", linear, {half, image}, {twice});
  b.node("spread", nearest, {pixel, half}, {spread});
  b.node("all", nearest, {spread, twice}, {all});
  const int32_t both = u8("both", {n, 7, 5, 16}), y = b.activation("y", DataType::kF32, {n, 7, 5, 16});
  b.node("concat", ConcatParams{.axis = 3}, {twice, all}, {both});
  b.node("dequantize", DequantizeParams{}, {both}, {y});
  b.output(y);
  return b.take();
}

// Pixels joined and split again like another tensor of another order. Input "x" [N, 3, 4, 2], output "y" [N, 3, 4, 2].
inline PackedModel reshape_like_net() {
  constexpr int64_t n = Shape::kDynamic;
  PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {n, 3, 4, 2}),
                turned = b.activation("turned", DataType::kF32, {n, 4, 3, 2});
  b.node("turn", TransposeParams{{0, 2, 1, 3}}, {x}, {turned});
  const int32_t rows = b.activation("rows", DataType::kF32, {n, 12, 2}),
                y = b.activation("y", DataType::kF32, {n, 3, 4, 2});
  b.node("join", ReshapeParams{{0, 12, 2}}, {turned}, {rows});
  b.node("split", ReshapeParams{{0, dim_of_like(2), dim_of_like(1), 2}}, {rows, turned}, {y});
  b.output(y);
  return b.take();
}

}  // namespace octet::test
