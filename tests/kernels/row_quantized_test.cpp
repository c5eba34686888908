// fully_connected that quantizes the rows of its f32 source when it runs.
#include "kernels/fully_connected/row_quantized.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

struct Layer {
  FullyConnectedParams params;
  std::vector<Tensor> inputs;
};

Layer make_layer(const Shape& src, int64_t outputs, Random& random, float low = -1, float high = 1) {
  Layer layer{{.quantize_rows = true}, {random_f32(src, low, high, random)}};
  Tensor weights{.type = DataType::kS8, .shape = {outputs, src[src.rank() - 1]}, .constant = true};
  for (int64_t o = 0; o < outputs; ++o) weights.scales.push_back(0.001F * static_cast<float>(1 + random() % 9));
  weights.allocate();
  fill_integers<int8_t>(weights, random, -127, 127);
  layer.inputs.push_back(std::move(weights));
  layer.inputs.push_back(random_f32({outputs}, -1, 1, random));
  layer.inputs[2].constant = true;
  return layer;
}

QuantParams params_of(const std::vector<float>& row) {
  return row_params(row.data(), static_cast<int64_t>(row.size()));
}

}  // namespace

TEST_CASE("the numbers of a row cover its values and zero, exactly zero included") {
  CHECK(params_of({-1, 0, 1.55F, 0.5F}) == QuantParams{2.55F / 255, 100});
  CHECK(params_of({255, 1, 3}) == QuantParams{1, 0});         // all above zero
  CHECK(params_of({-51, -1, -3}) == QuantParams{0.2F, 255});  // all below
  CHECK(params_of({0, 0, 0}) == QuantParams{1, 0});
  CHECK(params_of({1e-44F, 0}) == QuantParams{1, 0});
  CHECK(params_of({NAN, 255, NAN}) == QuantParams{1, 0});
  std::vector<float> long_row(37, 1.0F);
  long_row[35] = -254;
  CHECK(params_of(long_row) == QuantParams{1, 254});
}

TEST_CASE("fully_connected on quantized rows adds up a layer that fits on paper") {
  Layer layer{{.clamp = {-40, 1000}, .quantize_rows = true}, {f32({2, 2}, {255, 10.4F, -510, 0})}};
  Tensor weights = make_tensor<int8_t>(DataType::kS8, {2, 2}, {1, 2, -3, 4});
  weights.scales = {0.5F, 0.25F};
  weights.constant = true;
  layer.inputs.push_back(weights);
  layer.inputs.push_back(absent());
  // The rows' scales are 1 and 2: (255, 10) and (-255, 0) steps.
  CHECK(values_of<float>(run_reference(layer.params, layer.inputs, Tensor{})) ==
        std::vector<float>{(255 + 20) * 0.5F, -40, -40, 255 * 3 * 2 * 0.25F});
}

TEST_CASE("every row of fully_connected makes the bytes of the reference for quantized rows") {
  const uint32_t seed = 31;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const int64_t taps : {1, 2, 7, 8, 16, 17, 33, 100, 1000}) {
    for (const int64_t outputs : {1, 7, 16, 17, 64, 65, 130}) {
      for (const int64_t rows : {0, 1, 2, 7, 13}) {
        if (taps * outputs > 20000 && rows > 2) continue;
        CAPTURE(taps);
        const Layer layer = make_layer({rows, taps}, outputs, random, outputs % 2 == 0 ? 0.5F : -1);
        check_rows_agree(layer.params, layer.inputs, Tensor{}, ran);
      }
    }
  }
  Layer strange = make_layer({2, 50, 40}, 70, random);
  strange.inputs[0].as<float>()[3] = NAN;
  strange.inputs[0].as<float>()[200] = INFINITY;
  std::fill_n(strange.inputs[0].as<float>().begin() + 400, 40, 0.0F);
  check_rows_agree(strange.params, strange.inputs, Tensor{}, ran);
  Layer extreme = make_layer({3, 4097}, 3, random);
  fill_extremes<int8_t>(extreme.inputs[1], random, -127, 127);
  check_rows_agree(extreme.params, extreme.inputs, Tensor{}, ran);
  for (const auto& row : kernel_table(extreme.params)) {
    const std::string name = row.name;
    if (!name.starts_with("rows") && name != "reference") continue;
    if (is_available(row.isa)) CHECK_MESSAGE(ran[name] > 0, name << " never ran");
  }
}

TEST_CASE("quantized rows give what the formula gives in double") {
  Random random(32);
  for (const int64_t taps : {3, 64, 2000}) {
    const Layer layer = make_layer({4, taps}, 9, random);
    const Tensor found = run_reference(layer.params, layer.inputs, Tensor{});
    const std::vector<float> src = values_of<float>(layer.inputs[0]);
    for (size_t i = 0; i < 36; ++i) {
      const size_t o = i % 9, n = static_cast<size_t>(taps);
      double least = 0, most = 0;
      for (size_t k = 0; k < n; ++k) {
        least = std::min(least, static_cast<double>(src[i / 9 * n + k]));
        most = std::max(most, static_cast<double>(src[i / 9 * n + k]));
      }
      const auto scale = static_cast<double>((static_cast<float>(most) - static_cast<float>(least)) / 255.0F);
      const double zero_point = std::nearbyint(-least / scale);
      double sum = 0;
      for (size_t k = 0; k < n; ++k) {
        const auto x = static_cast<double>(src[i / 9 * n + k] / static_cast<float>(scale));
        sum += (std::clamp(std::nearbyint(x) + zero_point, 0.0, 255.0) - zero_point) *
               layer.inputs[1].as<int8_t>()[o * n + k];
      }
      const double product = sum * scale * static_cast<double>(layer.inputs[1].scales[o]);
      const auto bias = static_cast<double>(layer.inputs[2].as<float>()[o]);
      // The sum, the two scales, their product with it, and the bias: five roundings.
      const double tolerance = 5 * 0x1p-24 * (std::fabs(product) + std::fabs(bias));
      CHECK(std::fabs(static_cast<double>(found.as<float>()[i]) - (product + bias)) <= tolerance);
    }
  }
}

TEST_CASE("a quantized row has the bytes that it has alone, whatever the batch") {
  Random random(33);
  Layer layer = make_layer({60, 129}, 70, random);
  for (size_t i = 0; i < layer.inputs[0].as<float>().size(); ++i) {
    layer.inputs[0].as<float>()[i] *= static_cast<float>(1 + i / 129);  // every row has a range of its own
  }
  check_rows_alone(layer.params, layer.inputs, {0, 30, 59});
}

TEST_CASE("rows are quantized for weights that are integers, and sums that s32 holds") {
  Random random(34);
  const Layer layer = make_layer({2, 8}, 4, random);
  CHECK(takes_types(layer.params, layer.inputs, make_f32({2, 4})));
  CHECK_FALSE(takes_types(layer.params, layer.inputs, make_u8({2, 4}, 0.1F, 3)));
  std::vector<Tensor> floats = layer.inputs;
  floats[1] = random_f32({4, 8}, -1, 1, random);
  floats[1].constant = true;
  CHECK_FALSE(takes_types(layer.params, floats, make_f32({2, 4})));
  const Layer longest = make_layer({1, kMaxRowTaps}, 1, random), longer = make_layer({1, kMaxRowTaps + 1}, 1, random);
  CHECK(takes_types(longest.params, longest.inputs, make_f32({1, 1})));
  CHECK_FALSE(takes_types(longer.params, longer.inputs, make_f32({1, 1})));
}

}  // namespace octet::test
