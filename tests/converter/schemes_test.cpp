// Schemes of activations and weights: error laws, groups, 4 bits, powers of two that are shifts to the last bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "converter/lower.h"
#include "converter/quantize.h"
#include "kernels/quantization.h"
#include "octet/session.hpp"
#include "runtime/packed_format.h"
#include "tests/support/correction.h"
#include "tests/support/distributions.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

using octet::Tensor;

std::vector<float> gauss(size_t count, uint32_t seed, float sigma = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, sigma);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

double mean_squared_error(const std::vector<float>& values, QuantParams quant) {
  double sum = 0;
  for (const float v : values) {
    const double d = static_cast<double>(v) - static_cast<double>(dequantize(quantize_u8(v, quant), quant));
    sum += d * d;
  }
  return sum / static_cast<double>(values.size());
}

// E[(w - w^)^2] of weights [O, taps].
double weight_error(const Tensor& weights, const WeightScheme& scheme) {
  std::vector<std::string> notices;
  const QuantizedWeights q = quantize_weights(weights, nullptr, {1.0F, 0}, scheme, "n", notices);
  const std::span<const float> w = weights.as<float>();
  const size_t taps = w.size() / static_cast<size_t>(weights.shape()[0]);
  double sum = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const float scale = q.scales[q.scales.size() == 1 ? 0 : i / taps];
    sum += std::pow(static_cast<double>(w[i] - scale * static_cast<float>(q.weights.as<int8_t>()[i])), 2);
  }
  return sum / static_cast<double>(w.size());
}

bool is_power_of_two(float scale) {
  int exponent = 0;
  return std::frexp(scale, &exponent) == 0.5F;
}

// round_half_even(x * 2^-shift) in 64 bits.
int64_t shifted(int64_t x, int shift) {
  if (shift <= 0) return x << -shift;
  const int64_t floor = x >> shift;
  const int64_t rest = x - (floor << shift);
  const int64_t half = int64_t{1} << (shift - 1);
  return floor + (rest > half || (rest == half && (floor & 1) != 0) ? 1 : 0);
}

// x -> fully connected to 32 -> fully connected to 4. Weights as large as 32 bits allow come with K.
Graph two_layers(int64_t taps, bool relu) {
  GraphBuilder g(3);
  const ValueId x = g.input("x", {Shape::kDynamic, taps});
  ValueId a = g.fully_connected("a", x, 32);
  if (relu) a = g.relu("a_relu", a);
  g.output(g.fully_connected("b", a, 4));
  return after_all_passes(g.graph());
}

}  // namespace

TEST_CASE("rounding leaves scale^2 / 12, and 6.02 b + 4.77 - 20 log10(x_max / sigma) decibels") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> flat(200000);
  for (float& v : flat) v = uniform(random);
  const std::vector<float> normal = gauss(200000, 2);
  const float most = 4.6F;  // beyond all but one in 200,000
  struct Case {
    const std::vector<float>& values;
    Range range;
    double sigma;
  };
  for (const Case& c : {Case{flat, {-1, 1}, 1 / std::sqrt(3.0)}, Case{normal, {-most, most}, 1.0}}) {
    const QuantParams quant = u8_params(c.range);
    const double error = mean_squared_error(c.values, quant);
    const double scale = quant.scale;
    CHECK(error == doctest::Approx(scale * scale / 12).epsilon(0.02));
    const double sqnr = 10 * std::log10(c.sigma * c.sigma / error);
    CHECK(sqnr == doctest::Approx(10 * std::log10(12 * c.sigma * c.sigma / (scale * scale))).epsilon(0.02));
    const double x_max = static_cast<double>(c.range.max);
    CHECK(sqnr == doctest::Approx(6.02 * 8 + 4.77 - 20 * std::log10(x_max / c.sigma)).epsilon(0.02));
  }
}

TEST_CASE("the grid ends at -s z and s (255 - z), in every scheme") {
  for (const ActivationScheme& scheme :
       {ActivationScheme{}, ActivationScheme{.symmetric = true}, ActivationScheme{.pow2 = true}}) {
    for (const Range range : {Range{-1, 3}, Range{0, 6}, Range{-2, 0}}) {
      const QuantParams quant = u8_params(range, scheme);
      CHECK(dequantize(quantize_u8(-1e9F, quant), quant) == quant.scale * static_cast<float>(-quant.zero_point));
      CHECK(dequantize(quantize_u8(1e9F, quant), quant) == quant.scale * static_cast<float>(255 - quant.zero_point));
    }
  }
}

TEST_CASE("no two products of portable weights leave 16 bits, and they cost one bit") {
  Tensor weights(DataType::kF32, Shape{8, 64});
  std::ranges::copy(gauss(512, 3), weights.as<float>().begin());
  for (const WeightScheme& scheme :
       {WeightScheme{.portable = true}, WeightScheme{.per_channel = false, .portable = true},
        WeightScheme{.pow2 = true, .portable = true}, WeightScheme{.bits = 4, .group_size = 16, .portable = true},
        WeightScheme{.bits = 4, .group_size = 16, .pow2 = true, .portable = true}}) {
    std::vector<std::string> notices;
    const QuantizedWeights q = quantize_weights(weights, nullptr, {1.0F, 0}, scheme, "n", notices);
    int most = 0;
    for (const int8_t w : q.weights.as<int8_t>()) most = std::max(most, std::abs(w));
    CHECK(2 * 255 * most <= INT16_MAX);
    CHECK(most > 63 / 3);
  }
  const double ratio = weight_error(weights, {.portable = true}) / weight_error(weights, {});
  CHECK(ratio == doctest::Approx(4).epsilon(0.15));
}

TEST_CASE("symmetric activations have zero point 128 and 127 steps to the largest magnitude") {
  const ActivationScheme symmetric{.symmetric = true};
  const QuantParams quant = u8_params({-0.5F, 1.2F}, symmetric);
  CHECK(quant.zero_point == 128);
  std::vector<int> q;
  for (const float v : {0.1F, 0.5F, 0.9F, 1.2F, -1.2F}) q.push_back(quantize_u8(v, quant) - 128);
  CHECK(q == std::vector<int>{11, 53, 95, 127, -127});
  CHECK(u8_params({}, symmetric) == QuantParams{1, 128});
}

TEST_CASE("power-of-two activations cover their range but for five percent") {
  for (float max = 0.01F; max < 100; max *= 1.1F) {
    const QuantParams quant = u8_params({-max / 3, max}, {.pow2 = true});
    CHECK(is_power_of_two(quant.scale));
    CHECK(quant.scale * 255 >= (max + max / 3) * 0.94F);
    CHECK(quant.scale * 255 <= (max + max / 3) * 2.0F);
  }
}

TEST_CASE("a method's power of two is the one of its neighbours that rounds and clips with least error") {
  std::vector<float> rectified = gauss(20000, 6), outliers = gauss(20000, 7), shifted = gauss(20000, 8);
  for (float& v : rectified) v = std::max(v, 0.0F);
  for (size_t i = 0; i < outliers.size(); i += 500) outliers[i] *= 10;
  for (float& v : shifted) v = 0.3F * v - 2;
  int narrow = 0;
  for (const std::vector<float>* values : {&rectified, &outliers, &shifted}) {
    for (const float size : {1.0F, 1.2F, 1.4F, 1.6F, 1.8F}) {
      std::vector<float> sized = *values;
      for (float& v : sized) v *= size;
      for (const bool symmetric : {false, true}) {
        CAPTURE(size);
        CAPTURE(symmetric);
        const ActivationStats stats = stats_of(sized);
        const Range range = choose("minmax", stats, {.symmetric = symmetric, .pow2 = true});
        const QuantParams quant = u8_params(range, {.symmetric = symmetric, .pow2 = true});
        REQUIRE(is_power_of_two(quant.scale));
        const Range all = choose("minmax", stats, {.symmetric = symmetric});
        const auto exact = static_cast<double>(u8_params(all, {.symmetric = symmetric}).scale);
        const auto above = static_cast<float>(std::exp2(std::ceil(std::log2(exact))));
        CHECK((quant.scale == above || quant.scale == above / 2));
        narrow += quant.scale < above ? 1 : 0;
        // The histogram knows a value to a bin, a small part of a step.
        const double error = mean_squared_error(sized, quant);
        for (const float scale : {above, above / 2}) {
          for (int32_t z = symmetric ? 128 : 0; z <= (symmetric ? 128 : 255); ++z) {
            if (scale == above && scale * static_cast<float>(z) < -all.min) continue;  // it would clip in vain
            REQUIRE(error <= mean_squared_error(sized, {scale, z}) * 1.02);
          }
        }
      }
    }
  }
  CHECK(narrow > 5);
  CHECK(narrow < 25);
}

TEST_CASE("a power of two leaves a value as it is that has no range, or one at the ends of f32") {
  CHECK(choose("minmax", stats_of({}), {.pow2 = true}) == Range{});
  CHECK(choose("minmax", stats_of({0, 0}), {.pow2 = true}) == Range{});
  for (const float v : {3e38F, 1e-37F, -3e38F, -1e-37F}) {
    const Range range = choose("minmax", stats_of({v, 0}), {.pow2 = true});
    CHECK(std::isfinite(range.min));
    CHECK(std::isfinite(range.max));
    CHECK(std::isnormal(u8_params(range, {.pow2 = true}).scale));
  }
}

TEST_CASE("a step per group loses less than one per channel, that less than one per tensor") {
  // Large and random, with channels and groups of different size: on tiny ones chance decides.
  std::vector<float> values = gauss(64 * 512, 4);
  std::mt19937 random(5);
  for (size_t i = 0; i < values.size(); i += 32) {
    const float size = std::exp(static_cast<float>(random() % 100) / 60) * (1 + static_cast<float>(i / 512 % 8));
    for (size_t k = i; k < i + 32; ++k) values[k] *= size;
  }
  const Tensor weights = Tensor::f32({64, 512}, values);
  const double tensor = weight_error(weights, {.per_channel = false, .bits = 4});
  const double channel = weight_error(weights, {.bits = 4});
  const double group = weight_error(weights, {.bits = 4, .group_size = 32});
  CHECK(group < 0.7 * channel);
  CHECK(channel < 0.9 * tensor);
  CHECK(weight_error(weights, {}) < 0.1 * channel);
  // A group as long as the channel is the channel.
  CHECK(weight_error(weights, {.bits = 4, .group_size = 512}) == channel);
}

TEST_CASE("4 bits of a Gauss clip at 2.48 sigma and stay within -7 to 7") {
  const Tensor weights = Tensor::f32({1, 100000}, exact_sample(100000, normal_quantile));
  std::vector<std::string> notices;
  const QuantizedWeights q = quantize_weights(weights, nullptr, {1.0F, 0}, {.bits = 4}, "n", notices);
  CHECK(q.scales[0] * 7 == doctest::Approx(2.48).epsilon(0.02));
  const auto integers = q.weights.as<int8_t>();
  CHECK(*std::min_element(integers.begin(), integers.end()) == -7);
  CHECK(*std::max_element(integers.begin(), integers.end()) == 7);
}

TEST_CASE("requantization with powers of two is a rounding shift, to the last bit") {
  for (const int64_t taps : {8, 600, 5000}) {
    for (const bool relu : {false, true}) {
      CAPTURE(taps);
      CAPTURE(relu);
      const Graph graph = two_layers(taps, relu);
      const std::vector<Sample> samples = random_samples(graph, 30, 6, -1, 1);
      Draft draft = draft_of(graph, samples);
      draft.options.weights.pow2 = draft.options.activations.pow2 = true;
      std::vector<std::string> notices;
      const auto packed = lower_int8(draft.graph, draft.ranges, draft.options, notices);
      REQUIRE_MESSAGE(packed.ok(), packed.error().message);
      const PackedNode& layer = *std::find_if(packed->nodes.begin(), packed->nodes.end(),
                                              [](const PackedNode& node) { return node.name == "a"; });
      const auto tensor = [&](int32_t id) -> const PackedTensor& { return packed->tensors[static_cast<size_t>(id)]; };
      const PackedTensor& src = tensor(layer.inputs[0]);
      const PackedTensor& weights = tensor(layer.inputs[1]);
      const PackedTensor& bias = tensor(layer.inputs[2]);
      const PackedTensor& dst = tensor(layer.outputs[0]);
      for (const PackedTensor* t : {&src, &weights, &dst}) {
        for (const float scale : t->scales) REQUIRE(is_power_of_two(scale));
      }
      size_t wrong = 0;
      std::vector<uint8_t> x;
      const Status ran = run_samples(*packed, samples, 1, [&](size_t, const std::string& name, const TensorView& view) {
        if (name == src.name) x.assign(view.as<uint8_t>().begin(), view.as<uint8_t>().end());
        if (name != dst.name) return;
        for (int64_t o = 0; o < 32; ++o) {
          int64_t acc = static_cast<const int32_t*>(bias.data)[o];
          for (int64_t k = 0; k < taps; ++k) {
            acc += int64_t{static_cast<const int8_t*>(weights.data)[o * taps + k]} *
                   (x[static_cast<size_t>(k)] - src.desc().quant().zero_point);
          }
          const double multiplier = static_cast<double>(src.scales[0]) *
                                    static_cast<double>(weights.scales[static_cast<size_t>(o)]) /
                                    static_cast<double>(dst.scales[0]);
          const int64_t zero = dst.desc().quant().zero_point;
          // The zero point is added to what was rounded: it changes no tie.
          int64_t y = shifted(acc, -std::ilogb(multiplier)) + zero;
          if (relu) y = std::max(y, zero);
          wrong += std::clamp<int64_t>(y, 0, 255) != view.as<uint8_t>()[static_cast<size_t>(o)] ? 1 : 0;
        }
      });
      REQUIRE(ran.ok());
      CHECK(!x.empty());
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a file with 4-bit weights in groups of 64 takes at most 0.56 bytes a weight, one of 8 bits 1.05") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 512});
  g.output(g.fully_connected("b", g.fully_connected("a", x, 512), 512));
  const Graph graph = after_all_passes(g.graph());
  Draft draft = draft_of(graph, random_samples(graph, 4, 1));
  std::vector<std::string> notices;
  const auto bytes = [&](const WeightScheme& scheme) {
    draft.options.weights = scheme;
    const auto packed = lower_int8(draft.graph, draft.ranges, draft.options, notices);
    REQUIRE_MESSAGE(packed.ok(), packed.error().message);
    const std::vector<std::byte> file = write_model(*packed);
    const auto read = Model::from_memory(file);
    REQUIRE_MESSAGE(read.ok(), read.error().message);
    return static_cast<double>(file.size()) / (2 * 512 * 512);
  };
  CHECK(bytes({}) < 1.05);
  CHECK(bytes({.bits = 4, .group_size = 64}) < 0.56);
  CHECK(bytes({.bits = 4}) < 0.54);
}

}  // namespace octet::test
