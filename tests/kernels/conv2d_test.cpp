#include "kernels/conv2d/conv2d.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <map>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/onednn_context.h"
#include "tests/kernels/conv2d_problems.h"
#include "tests/support/skip.h"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The ways in which the arithmetic of one int8 geometry may vary. Clamps are in steps of dst: dst_scale is known late.
std::vector<Conv2dCase> int8_variants(const Geometry& geometry) {
  std::vector<Conv2dCase> variants;
  const auto add = [&](auto change) {
    Conv2dCase c = make_case(geometry);
    change(c);
    variants.push_back(c);
  };
  add([](Conv2dCase& c) { c.dst_zero_point = 0; });
  add([](Conv2dCase& c) { c.src_zero_point = 3, c.dst_zero_point = 128, c.threads = 2; });
  add([](Conv2dCase& c) { c.src_zero_point = 255, c.dst_zero_point = 131, c.extremes = true, c.per_channel = false; });
  add([](Conv2dCase& c) { c.dst_zero_point = 117, c.params.clamp = {0, kInfinity}, c.has_bias = false; });
  add([](Conv2dCase& c) { c.src_zero_point = 128, c.dst_zero_point = 5, c.params.clamp = {0, 0.3F}, c.threads = 2; });
  add([](Conv2dCase& c) { c.dst_zero_point = 0, c.residual = Residual::kInPlace, c.extremes = true; });
  add([](Conv2dCase& c) {
    c.src_zero_point = 77, c.dst_zero_point = 120, c.residual = Residual::kApart, c.residual_zero_point = 131;
  });
  add([](Conv2dCase& c) {
    c.dst_zero_point = 30, c.residual = Residual::kInPlace, c.residual_zero_point = 40, c.threads = 2;
    c.params.clamp = {0, kInfinity};
  });
  add([](Conv2dCase& c) { c.residual = Residual::kApart, c.has_bias = false, c.params.clamp = {-0.2F, 0.5F}; });
  add([](Conv2dCase& c) { c.dst_f32 = true, c.src_zero_point = 9, c.threads = 2; });
  add([](Conv2dCase& c) { c.dst_f32 = true, c.has_bias = false, c.params.clamp = {0, 6}, c.per_channel = false; });
  add([](Conv2dCase& c) { c.dst_zero_point = 10, c.large = true, c.threads = 2; });
  add([](Conv2dCase& c) {
    c.src_zero_point = 1, c.large = true, c.residual = Residual::kInPlace, c.residual_zero_point = 200;
  });
  add([](Conv2dCase& c) { c.dst_f32 = true, c.large = true, c.src_zero_point = 255; });
  add([](Conv2dCase& c) { c.asymmetric = true, c.src_zero_point = 131, c.dst_zero_point = 7, c.threads = 2; });
  add([](Conv2dCase& c) {
    c.asymmetric = c.extremes = true, c.per_channel = false, c.residual = Residual::kApart, c.residual_zero_point = 9;
  });
  add([](Conv2dCase& c) { c.asymmetric = c.dst_f32 = true, c.src_zero_point = 1, c.has_bias = false; });
  return variants;
}

// Counts the runs by the rows' names.
void check_rows_agree(Conv2dCase& c, uint32_t seed, std::map<std::string, int>& runs) {
  c.make(seed);
  CAPTURE(seed);
  CAPTURE(c.to_string());
  const Bytes expected = *c.run(rows().back());
  for (const auto& row : rows()) {
    const std::optional<Bytes> result = c.run(row);
    if (!result) continue;
    ++runs[row.name];
    CAPTURE(row.name);
    int differences = 0;
    for (size_t i = 0; i < expected.size(); ++i) differences += expected[i] != (*result)[i];
    CHECK(differences == 0);
  }
}

bool onednn_is_capped() {
  return std::getenv("DNNL_MAX_CPU_ISA") != nullptr || std::getenv("ONEDNN_MAX_CPU_ISA") != nullptr;
}

}  // namespace

TEST_CASE("conv2d of integers is within half a step of the real result") {
  for (const Geometry& geometry : geometries()) {
    for (Conv2dCase& c : int8_variants(geometry)) {
      c.make(1);
      CAPTURE(c.to_string());
      const Bytes result = *c.run(rows().back());
      const std::vector<Conv2dCase::Real> reals = c.real();
      int wrong = 0;
      for (size_t i = 0; i < reals.size(); ++i) {
        if (c.dst_f32) {
          // The sum of integers is exact; then come 4 roundings of f32.
          const float value = reinterpret_cast<const float*>(result.data())[i];
          wrong += std::fabs(value - reals[i].value) > 4 * 0x1p-24 * reals[i].magnitude;
          continue;
        }
        const double exact = std::clamp(reals[i].value / c.dst.scales[0] + c.dst_zero_point, 0.0, 255.0);
        const double slack = 8 * 0x1p-24 * (reals[i].magnitude / c.dst.scales[0] + 256);  // roundings of f32
        wrong += std::fabs(static_cast<double>(result[i]) - exact) > 0.5 + slack;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("every row of conv2d makes the bytes of the reference for integers") {
  std::map<std::string, int> runs;
  for (const Geometry& geometry : geometries()) {
    for (Conv2dCase& c : int8_variants(geometry)) check_rows_agree(c, 20, runs);
  }
  for (const auto& [name, count] : runs) MESSAGE(name << " took " << count << " problems");
  // No row that this CPU could run was left out: `widened` takes bf16 alone, and oneDNN integers only where it is
  // exact.
  for (const auto& row : rows()) {
    const std::string name = row.name;
    if (!is_available(row.isa) || name == "widened" || (name == "onednn" && !onednn::has_exact_int8())) continue;
    CHECK_MESSAGE(runs[name] > 0, name << " never ran");
  }
}

TEST_CASE("every row of conv2d makes the bytes of the reference for random integer problems") {
  std::map<std::string, int> runs;
  for (uint32_t seed = 100; seed < seed_end(); ++seed) {
    Random random(seed);
    Conv2dCase c = random_case(random);
    check_rows_agree(c, seed, runs);
  }
  for (const auto& [name, count] : runs) MESSAGE(name << " took " << count << " problems");
}

TEST_CASE("a convolution that fits on paper") {
  // src is (1, 2, 3; 4, 5, 6) in steps of 0.5 with zero point 1; the window sums its cross of 3 with weights (1, 2, 1).
  Conv2dCase c;
  c.src_shape = {1, 2, 3, 1};
  c.weights_shape = {1, 1, 3, 1};
  c.params.pads = {0, 1, 0, 1};
  c.per_channel = false;
  c.src_zero_point = 1;
  c.make(1);
  c.inputs[kConvSrc].scales = {0.5F};
  c.inputs[kConvWeights].scales = {0.25F};
  c.dst.scales = {1};
  c.dst.zero_points = {7};
  std::ranges::copy(std::array<uint8_t, 6>{3, 5, 7, 9, 11, 13}, c.inputs[kConvSrc].as<uint8_t>().begin());
  std::ranges::copy(std::array<int8_t, 3>{4, 8, 4}, c.inputs[kConvWeights].as<int8_t>().begin());
  c.inputs[kConvBias].as<int32_t>()[0] = 4;  // 0.5: every sum lies half way between two integers
  for (const auto& row : rows()) {
    const std::optional<Bytes> result = c.run(row);
    if (!result) continue;
    CAPTURE(row.name);
    // 4.5, 8.5, 8.5; 13.5, 20.5, 17.5 are rounded half to even, then shifted by 7: an odd zero point changes no tie.
    const std::array<int, 6> expected{11, 15, 15, 21, 27, 25};
    for (size_t i = 0; i < 6; ++i) CHECK(static_cast<int>((*result)[i]) == expected[i]);
  }
}

TEST_CASE("conv2d multiplies and divides scales in f32 from left to right, where f32 holds the product") {
  const auto multiplier = [](float src, float weights, float dst) {
    Tensor w{.type = DataType::kS8, .shape = {1, 1, 1, 1}, .scales = {weights}};
    const Tensor inputs[] = {make_u8({1, 1, 1, 1}, src, 0), w};
    const std::array<TensorDesc, 2> descs{inputs[0].desc(), inputs[1].desc()};
    const Tensor output = make_u8({1, 1, 1, 1}, dst, 0);
    return conv2d_multipliers(descs, output.desc())[0];
  };
  // Factors as they come in quantized models, one step apart from the quotient in double.
  int different = 0;
  for (int i = 1; i < 100; ++i) {
    const float src = 0.0123F * static_cast<float>(i), weights = 0.0071F, dst = 0.047F;
    CHECK(multiplier(src, weights, dst) == src * weights / dst);
    different += multiplier(src, weights, dst) != static_cast<float>(static_cast<double>(src) * 0.0071F / 0.047F);
  }
  CHECK(different > 0);
  CHECK(multiplier(1e-30F, 1e-30F, 1e-30F) == doctest::Approx(1e-30));
  CHECK(multiplier(1e30F, 1e30F, 1e30F) == doctest::Approx(1e30));
}

TEST_CASE("every row of conv2d adds the bias to the sum before it scales, whichever oneDNN is linked") {
  // Scaled apart and then added, in f32, each of these comes to lie on the other side of a tie.
  struct Sum {
    int32_t products, bias;
    float multiplier;
    int expected, otherwise;
  };
  constexpr std::array<Sum, 4> kSums{{{-17944, 149897, 0x1.cde538p-10F, 232, 233},
                                      {154867, -4025, 0x1.87e3d6p-10F, 225, 226},
                                      {197987, -106087, 0x1.8b11f4p-10F, 138, 139},
                                      {109470, 72511, 0x1.199e3ep-10F, 195, 196}}};
  constexpr int64_t kBits = 8, kChannels = 64, kOutputs = 32;
  for (const int64_t groups : {1, 2}) {
    Conv2dCase c;
    c.params.groups = groups;
    c.src_shape = {1, 3, 5, groups * kChannels};
    c.weights_shape = {kOutputs, 1, 1, kChannels};
    c.make(1);
    // Sources of 1, 2, 4 ... 128 and then of 255 only: any sum is that of some weights.
    const std::span<uint8_t> src = c.inputs[kConvSrc].as<uint8_t>();
    for (size_t i = 0; i < src.size(); ++i) {
      const auto channel = static_cast<int64_t>(i) % kChannels;
      src[i] = static_cast<uint8_t>(channel < kBits ? 1 << channel : 255);
    }
    std::vector<float>& scales = c.inputs[kConvWeights].scales;
    for (int64_t o = 0; o < kOutputs; ++o) {
      const Sum& sum = kSums[static_cast<size_t>(o) % kSums.size()];
      const int32_t rest = (sum.products % 255 + 255) % 255;
      int32_t whole = (sum.products - rest) / 255;
      for (int64_t i = 0; i < kChannels; ++i) {
        const int32_t weight = i < kBits ? rest >> i & 1 : std::clamp(whole, -127, 127);
        if (i >= kBits) whole -= weight;
        c.inputs[kConvWeights].as<int8_t>()[static_cast<size_t>(o * kChannels + i)] = static_cast<int8_t>(weight);
      }
      c.inputs[kConvBias].as<int32_t>()[static_cast<size_t>(o)] = sum.bias;
      scales[static_cast<size_t>(o)] = sum.multiplier;
      const float apart = static_cast<float>(sum.products) * sum.multiplier;
      REQUIRE(std::nearbyint(apart + static_cast<float>(sum.bias) * sum.multiplier) == sum.otherwise);
    }
    c.inputs[kConvSrc].scales = c.dst.scales = {1};
    for (const auto& row : rows()) {
      const std::optional<Bytes> result = c.run(row);
      if (!result) continue;
      CAPTURE(row.name);
      for (size_t i = 0; i < result->size(); ++i) {
        CHECK(static_cast<int>((*result)[i]) == kSums[i % kSums.size()].expected);
      }
    }
  }
}

TEST_CASE("no row of conv2d saturates pairs of products in 16 bits") {
  // 255 times 127, 127, -127 and 0: the first pair of products makes 64770.
  for (const int64_t channels : {16, 64, 160}) {
    Conv2dCase c;
    c.src_shape = {1, 5, 7, channels};
    c.weights_shape = {72, 1, 1, channels};
    c.has_bias = false;
    c.make(1);
    std::ranges::fill(c.inputs[kConvSrc].as<uint8_t>(), uint8_t{255});
    const std::span<int8_t> weights = c.inputs[kConvWeights].as<int8_t>();
    int64_t exact = 0, saturated = 0;  // of one channel
    for (size_t i = 0; i < weights.size(); ++i) {
      const auto in_channel = static_cast<int64_t>(i) % channels;
      weights[i] = std::array<int8_t, 4>{127, 127, -127, 0}[static_cast<size_t>(in_channel % 4)];
    }
    for (int64_t k = 0; k < channels; k += 2) {
      const int64_t pair = 255 * (weights[static_cast<size_t>(k)] + weights[static_cast<size_t>(k) + 1]);
      exact += pair;
      saturated += std::clamp<int64_t>(pair, INT16_MIN, INT16_MAX);
    }
    c.inputs[kConvWeights].scales.assign(72, 0.01F);
    c.dst.scales = {static_cast<float>(exact) * 0.02F * 0.01F / 200};
    REQUIRE(static_cast<double>(saturated) < 0.6 * static_cast<double>(exact));
    for (const auto& row : rows()) {
      const std::optional<Bytes> result = c.run(row);
      if (!result) continue;
      CAPTURE(row.name);
      CHECK(std::ranges::all_of(*result, [](std::byte value) { return value == std::byte{200}; }));
    }
  }
}

TEST_CASE("without VNNI oneDNN takes integers only in groups, and only with weights that saturate nothing") {
  if (onednn::has_exact_int8()) return test::skip("this CPU has VNNI");
  if (best_isa() < Isa::kAvx2) return test::skip("this CPU has no AVX2");
  const auto takes = [](Conv2dCase& c) {
    return c.run(*std::ranges::find_if(rows(), [](const auto& r) { return std::string_view(r.name) == "onednn"; }));
  };
  Conv2dCase c;
  c.params.groups = 2;
  c.src_shape = {1, 6, 6, 32};
  c.weights_shape = {32, 3, 3, 16};
  c.portable = true;
  c.make(1);
  CHECK(takes(c).has_value() == onednn::has_fused_multiply_add());
  c.inputs[kConvWeights].as<int8_t>()[5] = 65;
  CHECK(!takes(c).has_value());
  c.params.groups = 1;
  c.weights_shape = {32, 3, 3, 32};
  c.make(1);
  CHECK(!takes(c).has_value());
}

TEST_CASE("oneDNN takes the layers of real nets wherever the CPU has VNNI") {
  if (best_isa() < Isa::kAvx512Vnni) return test::skip("this CPU has no VNNI, or may not use it");
  if (onednn_is_capped()) return test::skip("oneDNN may not use all that this CPU has");
  const std::vector<Geometry> list = geometries();
  const auto onednn =
      std::ranges::find_if(rows(), [](const auto& row) { return std::string_view(row.name) == "onednn"; });
  for (size_t i = 0; i < 10; ++i) {
    for (Conv2dCase& c : int8_variants(list[i])) {
      c.make(1);
      CAPTURE(c.to_string());
      CHECK(c.run(*onednn).has_value() == !c.asymmetric);  // those come to it split
    }
  }
}

TEST_CASE("every row that this CPU has takes some layer of real nets") {
  const std::vector<Geometry> list = geometries();
  for (const auto& row : rows()) {
    const bool is_onednn = std::string_view(row.name) == "onednn";
    if (!is_available(row.isa) || (is_onednn && (best_isa() < Isa::kAvx512Vnni || onednn_is_capped()))) continue;
    CAPTURE(row.name);
    int taken = 0;
    for (const Geometry& geometry : list) {
      std::vector<Conv2dCase> variants = int8_variants(geometry);
      variants.push_back(make_case(geometry));
      variants.back().int8 = false, variants.back().bf16 = true;
      for (Conv2dCase& c : variants) {
        c.make(1);
        taken += c.run(row).has_value() ? 1 : 0;
      }
    }
    CHECK(taken > 0);
  }
}

TEST_CASE("conv2d infers shapes, with dynamic dimensions going through") {
  const auto shape_of = [](const Shape& src, const Shape& weights, const Conv2dParams& params) {
    const TensorDesc descs[] = {{.shape = src}, {.shape = weights}};
    const auto shapes = infer_shapes(params, descs);
    return shapes.ok() ? (*shapes)[0].to_string() : shapes.error().message;
  };
  CHECK(shape_of({1, 224, 224, 3}, {64, 7, 7, 3}, {.strides = {2, 2}, .pads = {3, 3, 3, 3}}) == "1x112x112x64");
  CHECK(shape_of({2, 5, 5, 4}, {8, 3, 2, 2}, {.dilations = {2, 1}, .groups = 2}) == "2x1x4x8");
  constexpr int64_t kN = Shape::kDynamic;
  CHECK(shape_of({kN, 224, kN, 3}, {64, 3, 3, 3}, {}) == "Nx222xNx64");
  CHECK(shape_of({kN, kN, kN, kN}, {64, 3, 3, 3}, {}) == "NxNxNx64");
}

TEST_CASE("conv2d refuses parameters and shapes that make no sense, with both numbers") {
  const auto error_of = [](const Conv2dParams& params, const Shape& src = {1, 8, 8, 4},
                           const Shape& weights = {6, 3, 3, 4}, const Shape& bias = {6},
                           const Shape& residual = {1, 6, 6, 6}) {
    const TensorDesc descs[] = {{.shape = src}, {.shape = weights}, {.shape = bias}, {.shape = residual}};
    const auto shapes = infer_shapes(params, descs);
    if (shapes.ok()) return std::string();
    CHECK(shapes.error().code == ErrorCode::kInvalidFile);
    return shapes.error().message;
  };
  CHECK(error_of({}).empty());
  CHECK(error_of({}, {1, 8, 8, 5}) == "conv2d: the source has 5 channels, the weights want 1 groups of 4");
  CHECK(error_of({.groups = 3}, {1, 8, 8, 12}, {7, 3, 3, 4}) ==
        "conv2d: 7 output channels do not divide into 3 groups");
  CHECK(error_of({}, {1, 2, 8, 4}) == "conv2d: a window of 3 does not fit into 2 elements");
  CHECK(error_of({}, {1, 8, 8, 4}, {6, 3, 3, 4}, {7}) ==
        "conv2d: the bias has the shape 7, but there are 6 output channels");
  CHECK(error_of({}, {1, 8, 8, 4}, {6, 3, 3, 4}, {6}, {1, 6, 6, 1}) ==
        "conv2d: the residual has the shape 1x6x6x1, the result 1x6x6x6");
  for (const int64_t value : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{1} << 32}) {
    CAPTURE(value);
    CHECK_FALSE(error_of({.strides = {value, 1}}).empty());
    CHECK_FALSE(error_of({.dilations = {1, value}}).empty());
    CHECK_FALSE(error_of({.groups = value}).empty());
    CHECK_FALSE(error_of({}, {1, 8, 8, 4}, {6, value, 3, 4}).empty());
    CHECK_FALSE(error_of({}, {1, 8, 8, 4}, {value, 3, 3, 4}).empty());
    if (value == 0) continue;
    CHECK_FALSE(error_of({.pads = {0, 0, 0, value}}).empty());
    if (value != -1) CHECK_FALSE(error_of({}, {1, value, 8, 4}).empty());
    if (value != -1) CHECK_FALSE(error_of({}, {value, 8, 8, 4}).empty());
  }
  CHECK_FALSE(error_of({.dilations = {INT32_MAX, 1}}).empty());
  CHECK_FALSE(error_of({.pads = {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX}}, {INT32_MAX, 8, 8, 4}).empty());
  CHECK_FALSE(error_of({.clamp = {1, 0}}).empty());
  CHECK_FALSE(error_of({.clamp = {0, NAN}}).empty());
  CHECK_FALSE(error_of({}, {8, 8, 4}).empty());
  CHECK_FALSE(error_of({}, {1, 8, 8, 4}, {6, 3, 3, 4}, {6}, {1, 6, 6}).empty());
}

TEST_CASE("conv2d refuses types that no kernel takes") {
  const auto code_of = [](auto change) -> int {
    Conv2dCase c;
    c.src_shape = {1, 4, 4, 8};
    c.weights_shape = {8, 1, 1, 8};
    c.residual = Residual::kInPlace;
    c.make(1);
    auto descs = c.input_descs();
    TensorDesc dst = c.dst.desc();
    change(descs, dst);
    const Status status = check_types(c.params, descs, {&dst, 1});
    return status.ok() ? 0 : static_cast<int>(status.error().code);
  };
  using Descs4 = std::array<TensorDesc, 4>;
  constexpr int kUnsupported = static_cast<int>(ErrorCode::kUnsupported);
  constexpr int kInvalidFile = static_cast<int>(ErrorCode::kInvalidFile);
  CHECK(code_of([](Descs4&, TensorDesc&) {}) == 0);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[0].type = DataType::kS8; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[0].scales = {}; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].data = nullptr; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].type = DataType::kF32; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].scales = d[1].scales.first(3); }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].axis = 3; }) == kUnsupported);
  static constexpr int32_t kZeroPoints[] = {0, 1, 0, 0, 0, 0, 0, 0};
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].zero_points = kZeroPoints; }) == 0);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].zero_points = std::span(kZeroPoints).first(3); }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[2].type = DataType::kF32; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[3].type = DataType::kF32; }) == kUnsupported);
  CHECK(code_of([](Descs4&, TensorDesc& dst) { dst.type = DataType::kF32, dst.scales = {}; }) == kUnsupported);
  CHECK(code_of([](Descs4& d, TensorDesc&) { d[1].shape = {8, 100, 100, 8}; }) == kUnsupported);
  static constexpr float kTiny[] = {1e-45F};
  static constexpr float kHuge[] = {1e38F};
  CHECK(code_of([](Descs4& d, TensorDesc& dst) { d[0].scales = kHuge, dst.scales = kTiny; }) == kInvalidFile);
}

TEST_CASE("the residual offers its memory to the result where their types agree") {
  Conv2dCase c;
  c.src_shape = {1, 4, 4, 8};
  c.weights_shape = {8, 1, 1, 8};
  c.make(1);
  const TensorDesc dst = c.dst.desc();
  CHECK(in_place_input(c.params, c.input_descs(), {&dst, 1}) == -1);
  c.residual = Residual::kInPlace;
  c.make(1);
  CHECK(in_place_input(c.params, c.input_descs(), {&dst, 1}) == kConvResidual);
  CHECK(count_macs(c.params, c.input_descs(), {&dst, 1}) == 4 * 4 * 8 * 8);
}

}  // namespace octet::test
