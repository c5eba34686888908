#include "kernels/quantize/quantize.h"

#include <cmath>

#include "kernels/quantization.h"
#include "kernels/quantize/pixel_lookup.h"
#include "kernels/quantize/quantize_image.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// Ties, borders, and everything that conversions to integers get wrong.
Tensor awkward_f32(const Shape& shape, Random& random) {
  const float special[] = {0.0F,  -0.0F, NAN,    -NAN,   kInf,   -kInf, 1e30F, -1e30F, 3e9F,
                           -3e9F, 0.05F, -0.05F, 1e-42F, 12.75F, 1e38F, 2.5F,  3.5F};
  Tensor tensor = random_f32(shape, -30, 30, random);
  for (float& x : tensor.as<float>()) {
    if (random() % 4 == 0) x = special[random() % std::size(special)];
    if (random() % 4 == 0) x = std::round(x * 10) / 20;  // multiples of half a step of scale 0.1
  }
  return tensor;
}

}  // namespace

TEST_CASE("quantize rounds halves to even, saturates, and maps NaN to the zero point") {
  const Tensor src = f32({10}, {0, 0.25F, 0.75F, 1.25F, -0.25F, 1000, -1000, NAN, kInf, -kInf});
  CHECK(values_of<uint8_t>(run_reference(QuantizeParams{}, {src}, make_u8({}, 0.5F, 10))) ==
        std::vector<uint8_t>{10, 10, 12, 12, 10, 255, 0, 10, 255, 0});
}

TEST_CASE("every row of quantize gives the bytes of the reference") {
  const uint32_t seed = 30;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  std::vector<int64_t> sizes = kSizes;
  sizes.push_back(kLarge);
  for (const int64_t n : sizes) {
    for (const QuantParams quant : {QuantParams{0.1F, 128}, {0.1F, 0}, {0.25F, 255}, {1e-30F, 7}, {1e30F, 7}}) {
      check_rows_agree(QuantizeParams{}, {awkward_f32({n}, random)}, make_u8({}, quant.scale, quant.zero_point), ran);
    }
  }
  check_all_rows_ran(QuantizeParams{}, ran);
}

TEST_CASE("every row that looks pixels up gives each channel its own table, and the border its own byte") {
  const uint32_t seed = 32;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  std::vector<int64_t> widths = kSizes;
  for (const int64_t n : {20, 21, 22, 42, 43, 63, 64, 65, 128, 20000}) widths.push_back(n);
  for (const ImagePads pads : {ImagePads{}, ImagePads{1, 2, 3, 4}, ImagePads{0, 0, 1, 1}}) {
    for (const int64_t channels : {1, 2, 3, 4}) {
      PixelLookupParams params{.tables = {}, .pads = pads, .border = {}};
      for (int64_t c = 0; c < channels; ++c) {
        params.tables.emplace_back();
        for (uint8_t& entry : params.tables.back()) entry = static_cast<uint8_t>(random());
        params.border.push_back(static_cast<uint8_t>(random()));
      }
      for (const int64_t width : widths) {
        const Tensor src = random_u8({2, 3, width, channels}, 1, 0, random);
        const Shape padded{2, 3 + pads[0] + pads[2], width + pads[1] + pads[3], channels};
        Tensor expected = make_u8(padded, 1, 0);
        for (int64_t i = 0; i < padded.element_count(); ++i) {
          const int64_t c = i % channels, x = i / channels % padded[2] - pads[1];
          const int64_t y = i / channels / padded[2] % padded[1] - pads[0], n = i / channels / padded[2] / padded[1];
          const bool is_inside = x >= 0 && x < width && y >= 0 && y < 3;
          expected.as<uint8_t>()[static_cast<size_t>(i)] =
              is_inside ? params.tables[static_cast<size_t>(c)][src.as<uint8_t>()[static_cast<size_t>(
                              ((n * 3 + y) * width + x) * channels + c)]]
                        : params.border[static_cast<size_t>(c)];
        }
        const std::vector<TensorDesc> inputs = {src.desc()}, outputs = {expected.desc()};
        for (const auto& row : kernel_table(params)) {
          for (const int threads : {1, 3}) {
            const Problem<PixelLookupParams> problem{params, inputs, outputs, threads};
            if (!is_available(row.isa) || !row.supports(problem)) continue;
            CAPTURE(row.name);
            CAPTURE(width);
            CHECK(run_row(row, problem, {src}, expected).bytes == expected.bytes);
            ++ran[row.name];
          }
        }
      }
    }
  }
  check_all_rows_ran(PixelLookupParams{}, ran);
}

// An image in either layout, in every row, against the formula.
void check_quantize_image(const QuantizeImageParams& params, const Shape& shape, Random& random, RowCounts& ran) {
  CAPTURE(shape.to_string());
  CAPTURE(params.channels_last);
  const QuantParams quant{0.1F, 114};
  const bool last = params.channels_last;
  const int64_t height = shape[last ? 1 : 2], width = shape[last ? 2 : 3], channels = shape[last ? 3 : 1];
  const ImagePads& pads = params.pads;
  const Tensor src = awkward_f32(shape, random);
  Tensor dst = make_u8({shape[0], height + pads[0] + pads[2], width + pads[1] + pads[3], channels}, quant.scale,
                       quant.zero_point);
  Tensor expected = dst;
  for (int64_t i = 0; i < dst.shape.element_count(); ++i) {
    const int64_t c = i % channels, x = i / channels % dst.shape[2] - pads[1];
    const int64_t y = i / channels / dst.shape[2] % dst.shape[1] - pads[0];
    const int64_t n = i / channels / dst.shape[2] / dst.shape[1];
    const bool is_inside = x >= 0 && x < width && y >= 0 && y < height;
    const int64_t at = last ? ((n * height + y) * width + x) * channels + c : ((n * channels + c) * height + y) * width + x;
    const float value = is_inside ? src.as<float>()[static_cast<size_t>(at)] : 0.0F;
    const float product = value * params.scale[static_cast<size_t>(c)];
    expected.as<uint8_t>()[static_cast<size_t>(i)] = quantize_u8(product + params.shift[static_cast<size_t>(c)], quant);
  }
  const std::vector<TensorDesc> inputs = {src.desc()}, outputs = {dst.desc()};
  for (const auto& row : kernel_table(params)) {
    for (const int threads : {1, 3}) {
      const Problem<QuantizeImageParams> problem{params, inputs, outputs, threads};
      if (!is_available(row.isa) || !row.supports(problem)) continue;
      CAPTURE(row.name);
      CHECK(run_row(row, problem, {src}, dst).bytes == expected.bytes);
      ++ran[row.name];
    }
  }
  const auto kernel = prepare_quantize_image(params, shape, quant, 2);
  REQUIRE(kernel.ok());
  const void* from = src.bytes.data();
  void* to = dst.bytes.data();
  (*kernel)({&from, &to});
  CHECK(dst.bytes == expected.bytes);
}

TEST_CASE("quantizing an image is padding, normalizing, quantizing and moving, in every row") {
  const uint32_t seed = 31;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  std::vector<Shape> shapes = {{2, 3, 120, 130}, {3, 64, 20, 30}, {1, 65, 9, 9},
                               {2, 0, 3, 3},     {0, 3, 3, 3},    {1, 3, 0, 2}};
  for (const int64_t n : kSizes) {
    for (const int64_t channels : {1, 2, 3, 4}) shapes.push_back({2, channels, 2, n});
    shapes.push_back({1, n, 3, 5});
  }
  for (const Shape& planes : shapes) {
    for (const bool is_normalized : {false, true}) {
      QuantizeImageParams params = QuantizeImageParams::plain(planes[1]);
      if (is_normalized) {
        for (float& scale : params.scale) scale = static_cast<float>(random() % 100) / 37.0F;
        for (float& shift : params.shift) shift = static_cast<float>(random() % 100) / 7.0F - 6;
        params.pads = {static_cast<int64_t>(random() % 3), 1, 0, static_cast<int64_t>(random() % 4)};
      }
      check_quantize_image(params, planes, random, ran);
      params.channels_last = true;
      if (!is_supported(params)) continue;
      check_quantize_image(params, {planes[0], planes[2], planes[3], planes[1]}, random, ran);
    }
  }
  check_all_rows_ran(QuantizeImageParams{}, ran);
  const std::vector<float> same(5, 2.0F), other{1, 1, 1, 1, 2};
  CHECK(is_supported({.scale = same, .shift = same, .channels_last = true}));
  CHECK_FALSE(is_supported({.scale = same, .shift = other, .channels_last = true}));
}

TEST_CASE("dequantize inverts the formula, per tensor and per channel") {
  const Tensor f;
  CHECK(values_of<float>(run_reference(DequantizeParams{}, {u8({4}, 0.5F, 10, {0, 10, 11, 255})}, f)) ==
        std::vector<float>{-5, 0, 0.5F, 122.5F});
  Tensor weights = make_tensor<int8_t>(DataType::kS8, {2, 3}, {-127, 0, 127, 1, 2, 3});
  weights.scales = {0.5F, 2};
  CHECK(values_of<float>(run_reference(DequantizeParams{}, {weights}, f)) ==
        std::vector<float>{-63.5F, 0, 63.5F, 2, 4, 6});
  weights.scales = {1, 2, 3};
  weights.zero_points = {0, 1, 2};
  const std::vector<Tensor> inputs = {weights};
  std::vector<TensorDesc> descs = descs_of(inputs);
  descs[0].axis = 1;
  const TensorDesc dst{.shape = {2, 3}};
  REQUIRE(check_types(DequantizeParams{}, descs, {&dst, 1}).ok());
  CHECK(values_of<float>(run_row(kernel_table(DequantizeParams{}).back(), {DequantizeParams{}, descs, {&dst, 1}, 1},
                                 inputs, make_f32({2, 3}))) == std::vector<float>{-127, -2, 375, 1, 2, 3});
}

TEST_CASE("dequantize to bf16 rounds the f32 result") {
  Random random(33);
  RowCounts ran;
  for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{33}, kLarge}) {
    const Tensor src = random_u8({n}, 0.3F, 9, random);
    check_rows_agree(DequantizeParams{}, {src}, Tensor{.type = DataType::kBf16}, ran);
    const Tensor wide = run_reference(DequantizeParams{}, {src}, Tensor{});
    const Tensor narrow = run_reference(DequantizeParams{}, {src}, Tensor{.type = DataType::kBf16});
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      if (narrow.as<Bf16>()[i] != to_bf16(wide.as<float>()[i])) FAIL("element " << i << " of " << n);
    }
  }
  check_all_rows_ran(DequantizeParams{}, ran);
}

TEST_CASE("dequantize takes every s32 and every zero point") {
  Tensor src = make_tensor<int32_t>(DataType::kS32, {2}, {INT32_MIN, INT32_MAX});
  src.scales = {1};
  src.zero_points = {INT32_MAX};
  CHECK(values_of<float>(run_reference(DequantizeParams{}, {src}, Tensor{})) == std::vector<float>{-4294967296.0F, 0});
}

TEST_CASE("dequantize does not depend on threads") {
  const uint32_t seed = 32;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const int64_t n : kSizes) check_rows_agree(DequantizeParams{}, {random_u8({n}, 0.3F, 9, random)}, Tensor{}, ran);
  Tensor large = random_u8({3, kLarge}, 0.3F, 9, random);
  check_rows_agree(DequantizeParams{}, {large}, Tensor{}, ran);
  large.scales = {0.1F, 0.2F, 0.3F};
  large.zero_points = {1, 2, 3};
  check_rows_agree(DequantizeParams{}, {large}, Tensor{}, ran);
}

TEST_CASE("quantize and dequantize keep the shape and refuse other types") {
  CHECK(shape_of(QuantizeParams{}, {{Shape::kDynamic, 3}}) == "Nx3");
  CHECK(shape_of(DequantizeParams{}, {{Shape::kDynamic, 3}}) == "Nx3");
  CHECK(contains(refusal_of(QuantizeParams{}, {}), "not 0"));
  const Tensor f = make_f32({2}), q = make_u8({2}, 1, 0);
  Tensor per_channel = q, wrong = q;
  per_channel.scales = {1, 2};
  per_channel.zero_points.clear();
  wrong.scales = {1, 2, 3};
  CHECK(takes_types(QuantizeParams{}, {f}, q));
  CHECK_FALSE(takes_types(QuantizeParams{}, {q}, q));
  CHECK_FALSE(takes_types(QuantizeParams{}, {f}, per_channel));
  CHECK(takes_types(DequantizeParams{}, {q}, f));
  CHECK(takes_types(DequantizeParams{}, {per_channel}, f));
  CHECK_FALSE(takes_types(DequantizeParams{}, {wrong}, f));
  CHECK_FALSE(takes_types(DequantizeParams{}, {f}, f));
}

}  // namespace octet::test
