// Random networks of integers as they lie in a packed file, for tests that hold over any network.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/packed_builder.h"

namespace octet::test {

// What random_packed_net takes: f32 images [N, kNetSize, kNetSize, kNetChannels].
inline constexpr int64_t kNetSize = 13, kNetChannels = 6;

inline int64_t pick(std::mt19937& random, int64_t min, int64_t max) {
  return std::uniform_int_distribution<int64_t>(min, max)(random);
}

// Random layers of integers, one behind the other. Weights and images come from the ends of their ranges as often as
// not: sums go as far as they can, and pairs of products leave 16 bits.
class PackedNetMaker {
 public:
  explicit PackedNetMaker(uint32_t seed) : random_(seed) {}

  PackedModel make() {
    last_ = {.channels = kNetChannels, .size = kNetSize, .scale = 0.02F, .zero_point = 128};
    const auto image = b_.input("image", DataType::kF32, {n_, kNetSize, kNetSize, kNetChannels});
    last_.id = b_.u8_activation("bytes", {n_, kNetSize, kNetSize, kNetChannels}, {0.02F, 128});
    b_.node("quantize", QuantizeParams{}, {image}, {last_.id});
    const int64_t channels = pick(random_, 20, 90);  // arguments of one call have no order
    dense(pick(random_, 0, 1) == 0 ? 1 : 3, channels);
    for (int i = 0; i < 5; ++i) {
      const Value before = last_;
      any_layer();
      // What is read twice, and what comes out, is written where the planner would not write it else.
      if (pick(random_, 0, 2) == 0) b_.output(before.id);
    }
    b_.output(last_.id);
    head();
    return b_.take();
  }

 private:
  struct Value {
    int32_t id;
    int64_t channels, size;
    float scale;
    int32_t zero_point;
  };

  std::string name(const char* op) { return op + std::to_string(++count_); }

  int32_t value(Value& v) {
    return v.id = b_.u8_activation(name("v"), {n_, v.size, v.size, v.channels}, {v.scale, v.zero_point});
  }

  std::vector<int8_t> random_weights(int64_t count) {
    std::vector<int8_t> weights(static_cast<size_t>(count));
    const bool extremes = pick(random_, 0, 1) == 0;
    for (int8_t& w : weights) {
      w = static_cast<int8_t>(extremes ? (pick(random_, 0, 3) == 0 ? -127 : 127) : pick(random_, -127, 127));
    }
    return weights;
  }

  int32_t weights(const Shape& shape) {
    std::vector<float> scales(static_cast<size_t>(shape[0]));
    for (float& s : scales) s = 0.001F * static_cast<float>(pick(random_, 5, 20));
    return b_.constant(name("w"), DataType::kS8, shape, random_weights(shape.element_count()), scales);
  }

  int32_t bias(int64_t channels) {
    std::vector<int32_t> values(static_cast<size_t>(channels));
    for (int32_t& v : values) v = static_cast<int32_t>(pick(random_, -30000, 30000));
    return b_.constant(name("b"), DataType::kS32, {channels}, values);
  }

  void convolution(Conv2dParams params, int64_t window, int64_t channels, bool may_add) {
    const int64_t taps = last_.channels / params.groups;
    const int64_t reach = params.dilations[0] * (window - 1);
    if (reach / 2 > last_.size) return;
    params.pads = {reach / 2, reach / 2, reach / 2, reach / 2};
    std::vector<int32_t> inputs{last_.id, weights({channels, window, window, taps}), bias(channels)};
    Value next = last_;
    next.channels = channels;
    next.size = (last_.size + reach / 2 * 2 - reach - 1) / params.strides[0] + 1;
    if (may_add && next.size == last_.size && next.channels == last_.channels) inputs.push_back(last_.id);
    // Some 60 steps of the destination are one deviation of the sum.
    const double deviation = std::sqrt(static_cast<double>(taps * window * window)) * 147 * 90;
    next.scale = static_cast<float>(deviation * 0.01 * static_cast<double>(last_.scale) / 60);
    next.zero_point = pick(random_, 0, 1) == 0 ? 0 : static_cast<int32_t>(pick(random_, 1, 255));
    if (pick(random_, 0, 2) == 0) params.clamp = {0, next.scale * 90};
    b_.node(name("conv"), params, inputs, {value(next)});
    last_ = next;
  }

  void dense(int64_t window, int64_t channels) { convolution({}, window, channels, false); }

  void any_layer() {
    const int64_t stride = pick(random_, 1, 2), c = last_.channels;
    switch (pick(random_, 0, 8)) {
      case 0:
        return dense(1, pick(random_, 1, 140));
      case 1:
        return convolution({.strides = {stride, stride}}, 3, pick(random_, 1, 80), false);
      case 2:
        return convolution({}, pick(random_, 0, 1) == 0 ? 1 : 3, c, true);  // with a residual
      case 3:
      case 4:
        return convolution({.strides = {stride, stride}, .groups = c}, 2 * pick(random_, 1, 3) + 1, c, false);
      case 5:
        return convolution({.dilations = {2, 2}, .groups = c}, 3, c, pick(random_, 0, 1) == 0);
      case 6:
        if (c % 2 == 0) return convolution({.groups = 2}, 3, 2 * pick(random_, 1, 20), false);
        return dense(1, 64);
      case 7:
        return pool();
      default:
        return join();
    }
  }

  void pool() {
    if (last_.size < 3) return;
    Value next = last_;
    next.size = (last_.size - 2) / 2 + 1;
    const PoolKind kind = pick(random_, 0, 1) == 0 ? PoolKind::kMax : PoolKind::kAverage;
    const int32_t from = last_.id;
    b_.node(name("pool"), Pool2dParams{.kind = kind, .kernel = {2, 2}, .strides = {2, 2}}, {from}, {value(next)});
    last_ = next;
  }

  // A sum, a lookup, and both side by side.
  void join() {
    const Value from = last_;
    Value swish = from, sum = from, both = from;
    swish.scale *= 0.8F, swish.zero_point = 20;
    b_.node(name("swish"), UnaryParams{.kind = UnaryKind::kHardSwish}, {from.id}, {value(swish)});
    sum.scale *= 1.5F, sum.zero_point = 7;
    b_.node(name("add"), BinaryParams{.kind = BinaryKind::kAdd}, {from.id, swish.id}, {value(sum)});
    both.channels *= 2;
    b_.node(name("concat"), ConcatParams{.axis = 3}, {swish.id, sum.id}, {value(both)});
    last_ = both;
  }

  void head() {
    const int64_t classes = pick(random_, 2, 300), c = last_.channels;
    const auto pooled = b_.u8_activation("pooled", {n_, 1, 1, c}, {last_.scale, last_.zero_point});
    b_.node("average", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {last_.id}, {pooled});
    const auto flat = b_.u8_activation("flat", {n_, c}, {last_.scale, last_.zero_point});
    b_.node("flatten", ReshapeParams{{0, -1}}, {pooled}, {flat});
    const auto logits = b_.activation("logits", DataType::kF32, {n_, classes});
    b_.node("classes", FullyConnectedParams{}, {flat, weights({classes, c}), bias(classes)}, {logits});
    const auto probabilities = b_.activation("probabilities", DataType::kF32, {n_, classes});
    b_.node("softmax", SoftmaxParams{.axis = 1}, {logits}, {probabilities});
    b_.output(probabilities);
  }

  static constexpr int64_t n_ = Shape::kDynamic;
  std::mt19937 random_;
  PackedBuilder b_;
  Value last_{};
  int count_ = 0;
};

// A network of some ten layers, convolutions of all kinds, pools, sums, lookups, and a softmax; several outputs.
// The same seed gives the same network.
inline PackedModel random_packed_net(uint32_t seed) {
  return PackedNetMaker(seed).make();
}

}  // namespace octet::test
