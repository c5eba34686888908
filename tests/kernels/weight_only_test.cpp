// fully_connected with f32 sources and weights of 8 or 4 bits.
#include "kernels/fully_connected/weight_only.h"

#include <cmath>
#include <optional>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

// bits 4: a factor in [1, 18] for each run of `group` weights times [-7, 7]; group 0: factor 1
Tensor make_weights(int64_t outputs, int64_t taps, int bits, int64_t group, Random& random) {
  Tensor weights{.type = DataType::kS8, .shape = {outputs, taps}, .constant = true, .bits = bits, .group = group};
  for (int64_t o = 0; o < outputs; ++o) weights.scales.push_back(0.001F * static_cast<float>(1 + random() % 9));
  weights.allocate();
  if (bits == 8) {
    fill_integers<int8_t>(weights, random, -127, 127);
    return weights;
  }
  for (int64_t o = 0; o < outputs; ++o) {
    int factor = 1;
    for (int64_t k = 0; k < taps; ++k) {
      if (group > 0 && k % group == 0) factor = 1 + static_cast<int>(random() % 18);
      weights.as<int8_t>()[static_cast<size_t>(o * taps + k)] =
          static_cast<int8_t>(factor * (static_cast<int>(random() % 15) - 7));
    }
  }
  return weights;
}

struct Layer {
  FullyConnectedParams params;
  std::vector<Tensor> inputs;
};

Layer make_layer(const Shape& src, int64_t outputs, int bits, int64_t group, Random& random) {
  Layer layer{{}, {random_f32(src, -1, 1, random)}};
  layer.inputs.push_back(make_weights(outputs, src[src.rank() - 1], bits, group, random));
  layer.inputs.push_back(random_f32({outputs}, -1, 1, random));
  layer.inputs[2].constant = true;
  return layer;
}

}  // namespace

TEST_CASE("fully_connected with integer weights alone adds up a layer that fits on paper") {
  Layer layer{{.clamp = {-1, 10}}, {f32({2, 3}, {1, 2, -1, 0.5F, 0, 1})}};
  Tensor weights = make_tensor<int8_t>(DataType::kS8, {2, 3}, {4, 2, 8, -2, 2, 6});
  weights.scales = {0.25F, 0.5F};  // (1, 0.5, 2) and (-1, 1, 3)
  weights.constant = true;
  layer.inputs.push_back(weights);
  layer.inputs.push_back(f32({2}, {8, 0}));
  layer.inputs.back().constant = true;
  CHECK(values_of<float>(run_reference(layer.params, layer.inputs, Tensor{})) == std::vector<float>{8, -1, 10, 2.5F});
}

TEST_CASE("every row of fully_connected makes the bytes of the reference for integer weights alone") {
  const uint32_t seed = 21;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  struct Scheme {
    int bits;
    int64_t group;
  };
  for (const Scheme scheme : {Scheme{8, 0}, Scheme{4, 0}, Scheme{4, 5}, Scheme{4, 11}, Scheme{4, 64}}) {
    for (const int64_t taps : {1, 2, 7, 8, 9, 16, 17, 33, 64, 65, 256, 257, 300}) {
      for (const int64_t outputs : {1, 8, 17, 33, 65, 200}) {
        for (const int64_t rows : {0, 1, 3, 5}) {
          if (taps * outputs > 20000 && rows > 3) continue;
          CAPTURE(scheme.bits);
          CAPTURE(scheme.group);
          CAPTURE(taps);
          const Layer layer = make_layer({rows, taps}, outputs, scheme.bits, scheme.group, random);
          check_rows_agree(layer.params, layer.inputs, Tensor{}, ran);
        }
      }
    }
  }
  const Layer large = make_layer({2, 100, 130}, 300, 4, 32, random);
  check_rows_agree(large.params, large.inputs, Tensor{}, ran);
  for (const auto& row : kernel_table(large.params)) {
    const std::string name = row.name;
    const bool takes_layers = name.starts_with("weight_only") || name == "reference";
    if (takes_layers && is_available(row.isa)) CHECK_MESSAGE(ran[name] > 0, name << " never ran");
  }
}

TEST_CASE("integer weights alone are close to a sum in double") {
  Random random(5);
  for (const int bits : {8, 4}) {
    for (const int64_t taps : {1, 64, 1000, 4096}) {
      const Layer layer = make_layer({3, taps}, 10, bits, bits == 4 ? 64 : 0, random);
      const Tensor found = run_reference(layer.params, layer.inputs, Tensor{});
      for (size_t i = 0; i < 30; ++i) {
        const size_t o = i % 10;
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < static_cast<size_t>(taps); ++k) {
          const size_t at = static_cast<size_t>(taps);
          const double product = static_cast<double>(layer.inputs[0].as<float>()[i / 10 * at + k]) *
                                 layer.inputs[1].as<int8_t>()[o * at + k] *
                                 static_cast<double>(layer.inputs[1].scales[o]);
          sum += product, magnitude += std::fabs(product);
        }
        const auto bias = static_cast<double>(layer.inputs[2].as<float>()[o]);
        // A rounding for each tap of a run, for each run, and the last one.
        const double roundings = static_cast<double>(kPlainRun + taps / 64 + 2);
        const double tolerance = roundings * 0x1p-24 * (magnitude + std::fabs(bias));
        CHECK(std::fabs(static_cast<double>(found.as<float>()[i]) - (sum + bias)) <= tolerance);
      }
    }
  }
}

TEST_CASE("a row of a batch has the bytes that it has alone where weights alone are integers") {
  Random random(8);
  const Layer layer = make_layer({20, 300}, 70, 4, 64, random);
  check_rows_alone(layer.params, layer.inputs, {0, 7, 19});
}

TEST_CASE("weights that no half byte holds are taken as s8, whatever their bits say") {
  Random random(9);
  Layer layer = make_layer({2, 130}, 20, 8, 0, random);
  const Tensor expected = run_reference(layer.params, layer.inputs, Tensor{});
  layer.inputs[1].bits = 4;
  layer.inputs[1].group = 64;
  RowCounts ran;
  check_rows_agree(layer.params, layer.inputs, Tensor{}, ran);
  CHECK(run_reference(layer.params, layer.inputs, Tensor{}).bytes == expected.bytes);
}

TEST_CASE("fully_connected takes integer weights alone with f32 around them and no zero points") {
  Random random(3);
  Layer layer = make_layer({2, 8}, 4, 8, 0, random);
  const Tensor dst = make_f32({2, 4});
  const auto takes = [&](size_t i, const Tensor& other) {
    std::vector<Tensor> inputs = layer.inputs;
    inputs[i] = other;
    return takes_types(layer.params, inputs, dst);
  };
  CHECK(takes(2, layer.inputs[2]));
  CHECK(takes(2, absent()));
  Tensor s32_bias{.type = DataType::kS32, .shape = {4}, .constant = true};
  s32_bias.allocate();
  CHECK_FALSE(takes(2, s32_bias));
  Tensor weights = layer.inputs[1];
  weights.zero_points = {0, 0, 0, 0};
  CHECK(takes(1, weights));
  weights.zero_points = {0, 0, 1, 0};
  CHECK_FALSE(takes(1, weights));
  weights = layer.inputs[1];
  weights.scales = {0.1F};
  CHECK(takes(1, weights));
  weights.constant = false;
  CHECK_FALSE(takes(1, weights));
  CHECK_FALSE(takes_types(layer.params, layer.inputs, make_u8({2, 4}, 0.1F, 3)));
}

}  // namespace octet::test
