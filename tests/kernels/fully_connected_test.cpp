#include "kernels/fully_connected/fully_connected.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "tests/support/tensor.h"

namespace octet::test {
namespace {

struct Layer {
  FullyConnectedParams params;
  std::array<Tensor, 3> inputs;
  Tensor dst;
  int threads = 1;

  Result<Bytes> run(const KernelRow<FullyConnectedParams>& row) const {
    const std::array<TensorDesc, 3> descs{inputs[0].desc(), inputs[1].desc(), inputs[2].desc()};
    const TensorDesc dst_desc = dst.desc();
    const Problem<FullyConnectedParams> problem{params, descs, {&dst_desc, 1}, threads};
    if (!is_available(row.isa) || !row.supports(problem)) return Error{ErrorCode::kUnsupported, ""};
    const int threads_before = omp_get_max_threads();
    omp_set_num_threads(threads);
    Result<Kernel> kernel = row.prepare(problem);
    Bytes result(dst.bytes.size());
    if (kernel.ok()) {
      const void* src[3] = {inputs[0].bytes.data(), nullptr, nullptr};
      void* dst_address = result.data();
      (*kernel)({src, &dst_address});
    }
    omp_set_num_threads(threads_before);
    if (!kernel.ok()) return kernel.error();
    return result;
  }
};

std::span<const KernelRow<FullyConnectedParams>> rows() {
  return kernel_table(FullyConnectedParams{});
}

Layer make_int8_layer(int64_t batch, int64_t size, int64_t outputs, int32_t zero_point, bool dst_f32, uint32_t seed) {
  Random random(seed);
  Layer layer;
  layer.inputs[0] = make_u8({batch, size}, 0.02F, zero_point);
  layer.inputs[1] = {.type = DataType::kS8, .shape = {outputs, size}, .constant = true};
  layer.inputs[1].scales.assign(static_cast<size_t>(outputs), 0.01F);
  layer.inputs[1].allocate();
  layer.inputs[2] = {.type = DataType::kS32, .shape = {outputs}, .constant = true};
  layer.inputs[2].allocate();
  fill_integers<uint8_t>(layer.inputs[0], random, 0, 255);
  fill_integers<int8_t>(layer.inputs[1], random, -127, 127);
  fill_integers<int32_t>(layer.inputs[2], random, -5000, 5000);
  const float spread = 0.02F * 0.01F * 74 * 128 * std::sqrt(static_cast<float>(size));
  layer.dst = dst_f32 ? make_f32({batch, outputs}) : make_u8({batch, outputs}, spread / 40, 100);
  return layer;
}

}  // namespace

TEST_CASE("fully_connected adds up a layer that fits on paper") {
  Layer layer;
  layer.inputs[0] = make_u8({1, 3}, 0.5F, 2);  // (1, 2, -1)
  std::ranges::copy(std::array<uint8_t, 3>{4, 6, 0}, layer.inputs[0].as<uint8_t>().begin());
  layer.inputs[1] = {.type = DataType::kS8, .shape = {2, 3}, .scales = {0.25F, 0.5F}, .constant = true};
  layer.inputs[1].allocate();
  // (1, 0.5, 2) and (-1, 1, 3)
  std::ranges::copy(std::array<int8_t, 6>{4, 2, 8, -2, 2, 6}, layer.inputs[1].as<int8_t>().begin());
  layer.inputs[2] = {.type = DataType::kS32, .shape = {2}, .constant = true};
  layer.inputs[2].allocate();
  std::ranges::copy(std::array<int32_t, 2>{8, -4}, layer.inputs[2].as<int32_t>().begin());  // 1 and -1
  layer.dst = make_u8({1, 2}, 0.5F, 10);
  for (const auto& row : rows()) {
    const Result<Bytes> result = layer.run(row);
    if (!result.ok()) continue;
    CAPTURE(row.name);
    CHECK(static_cast<int>((*result)[0]) == 12);  // 1 + 1 - 2 + 1 = 1
    CHECK(static_cast<int>((*result)[1]) == 4);   // -1 + 2 - 3 - 1 = -3
  }
}

TEST_CASE("every row of fully_connected makes the bytes of the reference for integers") {
  const uint32_t seed = 7;
  CAPTURE(seed);
  std::map<std::string, int> runs;
  for (const int64_t size : {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64, 1000}) {
    for (const int64_t outputs : {1, 2, 5, 10, 16, 17, 33, 100}) {
      for (const int64_t batch : {0, 1, 3, 16}) {
        for (const bool dst_f32 : {false, true}) {
          Layer layer = make_int8_layer(batch, size, outputs, static_cast<int32_t>(size % 3 * 60), dst_f32, seed);
          layer.threads = 1 + static_cast<int>(outputs % 2);
          const Bytes expected = *layer.run(rows().back());
          for (const auto& row : rows()) {
            const Result<Bytes> result = layer.run(row);
            if (!result.ok()) {
              CHECK(result.error().code == ErrorCode::kUnsupported);
              continue;
            }
            CAPTURE(row.name);
            CAPTURE(batch);
            CAPTURE(size);
            CAPTURE(outputs);
            CAPTURE(dst_f32);
            CHECK(expected == *result);
            ++runs[row.name];
          }
        }
      }
    }
  }
  for (const auto& row : rows()) {
    const std::string name = row.name;
    const bool takes_layers = name.starts_with("dense") || name == "reference";
    if (takes_layers && is_available(row.isa)) CHECK_MESSAGE(runs[name] > 0, name << " never ran");
  }
}

TEST_CASE("every row of fully_connected is close to a sum in double for floats") {
  Random random(11);
  for (const int64_t size : {1, 7, 32, 100}) {
    for (const int64_t outputs : {1, 10, 33}) {
      Layer layer;
      layer.params.clamp.min = 0;
      layer.inputs[0] = make_f32({3, size});
      layer.inputs[1] = make_f32({outputs, size});
      layer.inputs[2] = absent();
      layer.inputs[1].constant = true;
      layer.dst = make_f32({3, outputs});
      fill_uniform(layer.inputs[0], random, -1, 1);
      fill_uniform(layer.inputs[1], random, -1, 1);
      for (const auto& row : rows()) {
        const Result<Bytes> result = layer.run(row);
        if (!result.ok()) continue;
        CAPTURE(row.name);
        for (int64_t i = 0; i < 3 * outputs; ++i) {
          double sum = 0, magnitude = 0;
          for (int64_t k = 0; k < size; ++k) {
            const double product =
                static_cast<double>(layer.inputs[0].as<float>()[static_cast<size_t>(i / outputs * size + k)]) *
                layer.inputs[1].as<float>()[static_cast<size_t>(i % outputs * size + k)];
            sum += product, magnitude += std::fabs(product);
          }
          // size products and size additions, each rounded once, in whatever order.
          const double tolerance = static_cast<double>(size + 1) * 0x1p-24 * magnitude;
          const float value = reinterpret_cast<const float*>(result->data())[i];
          CHECK(std::fabs(value - std::max(sum, 0.0)) <= tolerance);
        }
      }
    }
  }
}

TEST_CASE("every row of fully_connected is close to a sum in double for bf16") {
  Random random(12);
  for (const int64_t size : {1, 7, 32, 100, 1024}) {
    for (const int64_t outputs : {1, 10, 33}) {
      for (const bool dst_f32 : {false, true}) {
        Layer layer;
        layer.inputs[0] = make_bf16({3, size});
        layer.inputs[1] = make_bf16({outputs, size});
        layer.inputs[2] = absent();
        layer.inputs[1].constant = true;
        layer.dst = dst_f32 ? make_f32({3, outputs}) : make_bf16({3, outputs});
        fill_bf16(layer.inputs[0], random, -1, 1);
        fill_bf16(layer.inputs[1], random, -1, 1);
        int ran = 0;
        for (const auto& row : rows()) {
          const Result<Bytes> result = layer.run(row);
          if (!result.ok()) continue;
          ++ran;
          CAPTURE(row.name);
          for (int64_t i = 0; i < 3 * outputs; ++i) {
            double sum = 0, magnitude = 0;
            for (int64_t k = 0; k < size; ++k) {
              const auto x = layer.inputs[0].as<Bf16>()[static_cast<size_t>(i / outputs * size + k)];
              const auto w = layer.inputs[1].as<Bf16>()[static_cast<size_t>(i % outputs * size + k)];
              const double product = static_cast<double>(to_f32(x)) * static_cast<double>(to_f32(w));
              sum += product, magnitude += std::fabs(product);
            }
            const float value = dst_f32 ? reinterpret_cast<const float*>(result->data())[i]
                                        : to_f32(reinterpret_cast<const Bf16*>(result->data())[i]);
            double tolerance = static_cast<double>(size + 1) * 0x1p-24 * magnitude;
            if (!dst_f32) tolerance += 0x1p-8 * 1.01 * (std::fabs(sum) + tolerance);
            CHECK(std::fabs(static_cast<double>(value) - sum) <= tolerance);
          }
        }
        CHECK(ran == (has_native_bf16() ? 3 : 2));
      }
    }
  }
}

TEST_CASE("a prepared fully_connected outlives the problem that it was made from") {
  auto layer = std::make_unique<Layer>(make_int8_layer(1, 64, 10, 3, false, 3));
  const Bytes expected = *layer->run(rows().back());
  for (const auto& row : rows()) {
    auto descs = std::make_unique<std::array<TensorDesc, 3>>(
        std::array<TensorDesc, 3>{layer->inputs[0].desc(), layer->inputs[1].desc(), layer->inputs[2].desc()});
    auto dst_desc = std::make_unique<TensorDesc>(layer->dst.desc());
    auto params = std::make_unique<FullyConnectedParams>();
    const Problem<FullyConnectedParams> problem{*params, *descs, {dst_desc.get(), 1}, 1};
    if (!row.supports(problem)) continue;
    Result<Kernel> kernel = row.prepare(problem);
    if (!kernel.ok()) continue;
    descs.reset(), dst_desc.reset(), params.reset();
    Bytes result(expected.size());
    const void* src[3] = {layer->inputs[0].bytes.data(), nullptr, nullptr};
    void* dst_address = result.data();
    (*kernel)({src, &dst_address});
    CAPTURE(row.name);
    CHECK(result == expected);
  }
}

TEST_CASE("fully_connected refuses shapes that do not match, with both numbers") {
  const auto error_of = [](const Shape& src, const Shape& weights, const Shape& bias,
                           FullyConnectedParams params = {}) {
    const TensorDesc descs[] = {{.shape = src}, {.shape = weights}, {.shape = bias}};
    const auto shapes = infer_shapes(params, descs);
    return shapes.ok() ? std::string() : shapes.error().message;
  };
  CHECK(error_of({1, 8}, {4, 8}, {4}).empty());
  CHECK(error_of({Shape::kDynamic, 8}, {4, 8}, {4}).empty());
  CHECK(error_of({1, 8}, {4, 9}, {4}) == "fully_connected: the source has 8 columns, the weights want 9");
  CHECK(error_of({1, 8}, {4, 8}, {5}) == "fully_connected: the bias has the shape 5, but there are 4 outputs");
  CHECK_FALSE(error_of({1, 8, 1}, {4, 8}, {4}).empty());
  CHECK_FALSE(error_of({1, 0}, {4, 0}, {4}).empty());
  CHECK_FALSE(error_of({1, 8}, {Shape::kDynamic, 8}, {4}).empty());
  CHECK_FALSE(error_of({Shape::kMaxElements, 8}, {4, 8}, {4}).empty());
  CHECK_FALSE(error_of({1, 8}, {4, 8}, {4}, {.clamp = {1, 0}}).empty());
  CHECK_FALSE(error_of({1, 8}, {4, 8}, {4}, {.clamp = {NAN, 0}}).empty());
}

}  // namespace octet::test
