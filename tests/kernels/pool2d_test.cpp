#include "kernels/pool2d/pool2d.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <map>
#include <optional>

#include "tests/support/tensor.h"

namespace octet::test {
namespace {

struct Geometry {
  Shape src;
  Pool2dParams params;
};

std::vector<Geometry> geometries() {
  std::vector<Geometry> list;
  const auto add = [&](const Shape& src, const Pool2dParams& params) {
    for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
      list.push_back({src, params});
      list.back().params.kind = kind;
    }
  };
  for (const int64_t c : {1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 32, 33, 64, 100}) {
    add({1, 7, 7, c}, {.global = true});
    add({2, 9, 8, c}, {.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}});
  }
  for (const bool ceil_mode : {false, true}) {
    for (const bool count_include_pad : {false, true}) {
      const auto both = [&](Pool2dParams params) {
        params.ceil_mode = ceil_mode;
        params.count_include_pad = count_include_pad;
        add({3, 10, 11, 32}, params);
        add({1, 6, 7, 7}, params);
      };
      both({.kernel = {2, 2}, .strides = {2, 2}});
      both({.kernel = {3, 3}, .strides = {2, 2}});
      both({.kernel = {3, 2}, .strides = {1, 3}, .pads = {2, 1, 0, 0}});
      both({.kernel = {3, 3}, .strides = {2, 2}, .pads = {0, 0, 1, 1}});
      both({.kernel = {2, 3}, .strides = {1, 1}, .dilations = {3, 2}, .pads = {1, 2, 2, 1}});
      both({.kernel = {5, 5}, .strides = {1, 1}, .pads = {2, 2, 2, 2}});
      both({.kernel = {1, 1}, .strides = {2, 2}});
    }
  }
  add({1, 1, 1, 8}, {.kernel = {2, 2}, .dilations = {2, 2}, .pads = {1, 1, 1, 1}});  // no tap lies inside
  add({0, 4, 4, 8}, {.kernel = {2, 2}});
  return list;
}

enum class Types { kF32, kU8, kU8ToF32 };

struct Case {
  Pool2dParams params;
  Tensor src, dst;
  int threads = 1;

  Case(const Geometry& geometry, Types types, uint32_t seed) : params(geometry.params) {
    Random random(seed);
    src = types == Types::kF32 ? make_f32(geometry.src) : make_u8(geometry.src, 0.03F, 60);
    if (types == Types::kF32) {
      fill_uniform(src, random, -1, 1);
    } else {
      fill_integers<uint8_t>(src, random, 0, 255);
    }
    const TensorDesc src_desc = src.desc();
    const auto shapes = infer_shapes(params, {&src_desc, 1});
    REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
    const Shape shape = (*shapes)[0];
    const bool is_max = params.kind == PoolKind::kMax;
    dst = types == Types::kU8 ? make_u8(shape, is_max ? 0.03F : 0.02F, is_max ? 60 : 30) : make_f32(shape);
    const TensorDesc dst_desc = dst.desc();
    const Status status = check_types(params, {&src_desc, 1}, {&dst_desc, 1});
    REQUIRE_MESSAGE(status.ok(), status.error().message);
  }

  std::optional<Bytes> run(const KernelRow<Pool2dParams>& row) const {
    const TensorDesc src_desc = src.desc(), dst_desc = dst.desc();
    const Problem<Pool2dParams> problem{params, {&src_desc, 1}, {&dst_desc, 1}, threads};
    if (!is_available(row.isa) || !row.supports(problem)) return std::nullopt;
    const int threads_before = omp_get_max_threads();
    omp_set_num_threads(threads);
    Result<Kernel> kernel = row.prepare(problem);
    Bytes result(dst.bytes.size(), std::byte{0xA5});
    if (kernel.ok()) {
      const void* src_address = src.bytes.data();
      void* dst_address = result.data();
      (*kernel)({&src_address, &dst_address});
    }
    omp_set_num_threads(threads_before);
    if (!kernel.ok()) {
      REQUIRE_MESSAGE(kernel.error().code == ErrorCode::kUnsupported, kernel.error().message);
      return std::nullopt;
    }
    return result;
  }

  // The definition, tap by tap, in real numbers.
  double real(int64_t at) const {
    const Shape &s = src.shape, &d = dst.shape;
    const int64_t c = at % d[3], x = at / d[3] % d[2], y = at / d[3] / d[2] % d[1], n = at / d[3] / d[2] / d[1];
    const auto k = params.global ? std::array<int64_t, 2>{s[1], s[2]} : params.kernel;
    double max = -INFINITY, sum = 0;
    int64_t inside = 0, padded = 0;
    for (int64_t i = 0; i < k[0]; ++i) {
      for (int64_t j = 0; j < k[1]; ++j) {
        const int64_t row = y * params.strides[0] - params.pads[0] + i * params.dilations[0];
        const int64_t column = x * params.strides[1] - params.pads[1] + j * params.dilations[1];
        padded += row < s[1] + params.pads[2] && column < s[2] + params.pads[3];
        if (row < 0 || row >= s[1] || column < 0 || column >= s[2]) continue;
        const size_t from = static_cast<size_t>(((n * s[1] + row) * s[2] + column) * s[3] + c);
        const double value = src.type == DataType::kF32
                                 ? static_cast<double>(src.as<float>()[from])
                                 : static_cast<double>(src.scales[0]) * (src.as<uint8_t>()[from] - src.zero_points[0]);
        ++inside;
        sum += value;
        max = std::max(max, value);
      }
    }
    if (inside == 0) return 0;
    if (params.kind == PoolKind::kMax) return max;
    return sum / static_cast<double>(params.count_include_pad ? padded : inside);
  }
};

std::span<const KernelRow<Pool2dParams>> rows() {
  return kernel_table(Pool2dParams{});
}

}  // namespace

TEST_CASE("every row of pool2d computes the definition") {
  std::map<std::string, int> runs;
  for (const Geometry& geometry : geometries()) {
    for (const Types types : {Types::kF32, Types::kU8, Types::kU8ToF32}) {
      if (types == Types::kU8ToF32 && geometry.params.kind == PoolKind::kMax) continue;
      Case c(geometry, types, 5);
      c.threads = 1 + static_cast<int>(c.src.shape[3] % 2);
      for (const auto& row : rows()) {
        const std::optional<Bytes> result = c.run(row);
        if (!result) continue;
        ++runs[row.name];
        CAPTURE(row.name);
        CAPTURE(c.src.shape.to_string());
        CAPTURE(c.dst.shape.to_string());
        CAPTURE(static_cast<int>(types));
        CAPTURE(static_cast<int>(c.params.kind));
        CAPTURE(c.params.kernel[0]);
        CAPTURE(c.params.ceil_mode);
        CAPTURE(c.params.count_include_pad);
        int wrong = 0;
        for (int64_t i = 0; i < c.dst.shape.element_count(); ++i) {
          const double real = c.real(i);
          if (types == Types::kU8) {
            const double exact = std::clamp(real / c.dst.scales[0] + c.dst.zero_points[0], 0.0, 255.0);
            wrong += std::fabs(static_cast<double>((*result)[static_cast<size_t>(i)]) - exact) > 0.5 + 1e-4;
          } else {
            // Up to 49 values below 8 are added, each addition rounds; maxima are exact.
            const double tolerance = geometry.params.kind == PoolKind::kMax ? 0 : 50 * 0x1p-24 * 8;
            wrong += !(std::fabs(reinterpret_cast<const float*>(result->data())[i] - real) <= tolerance);
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
  for (const auto& [name, count] : runs) MESSAGE(name << " took " << count << " problems");
  for (const auto& row : rows()) {
    if (is_available(row.isa)) CHECK_MESSAGE(runs[row.name] > 0, row.name << " never ran");
  }
}

TEST_CASE("every row of pool2d makes the bytes of the reference for integers") {
  for (const Geometry& geometry : geometries()) {
    Case c(geometry, Types::kU8, 6);
    const Bytes expected = *c.run(rows().back());
    for (const auto& row : rows()) {
      const std::optional<Bytes> result = c.run(row);
      CAPTURE(row.name);
      CAPTURE(c.src.shape.to_string());
      if (result) CHECK(*result == expected);
    }
  }
}

TEST_CASE("an average of integers rounds half to even before it adds the zero point") {
  Case c({{1, 1, 2, 3}, {.kind = PoolKind::kAverage, .kernel = {1, 2}}}, Types::kU8, 1);
  c.src.scales = c.dst.scales = {1};
  c.src.zero_points = {0}, c.dst.zero_points = {1};
  std::ranges::copy(std::array<uint8_t, 6>{0, 1, 255, 1, 2, 255}, c.src.as<uint8_t>().begin());
  for (const auto& row : rows()) {
    const std::optional<Bytes> result = c.run(row);
    if (!result) continue;
    CHECK(static_cast<int>((*result)[0]) == 1);  // 0.5 -> 0
    CHECK(static_cast<int>((*result)[1]) == 3);  // 1.5 -> 2
    CHECK(static_cast<int>((*result)[2]) == 255);
  }
}

TEST_CASE("pool2d refuses parameters and shapes that make no sense") {
  const auto error_of = [](const Shape& src, const Pool2dParams& params) {
    const TensorDesc desc{.shape = src};
    const auto shapes = infer_shapes(params, {&desc, 1});
    return shapes.ok() ? std::string() : shapes.error().message;
  };
  CHECK(error_of({1, 8, 8, 3}, {.kernel = {3, 3}}).empty());
  CHECK(error_of({Shape::kDynamic, Shape::kDynamic, 8, 3}, {.kernel = {3, 3}}).empty());
  CHECK(error_of({1, 8, 8, 3}, {.global = true, .kernel = {0, -1}}).empty());
  CHECK(error_of({1, 8, 8, 3}, {.kernel = {9, 3}}) == "pool2d: a window of 9 does not fit into 8 elements");
  CHECK(error_of({1, 8, 8, 3}, {.kernel = {3, 3}, .pads = {3, 0, 0, 0}}) ==
        "pool2d: a pad of 3 does not go with a window of 3");
  CHECK_FALSE(error_of({8, 8, 3}, {.kernel = {3, 3}}).empty());
  for (const int64_t value : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{1} << 32}) {
    CHECK_FALSE(error_of({1, 8, 8, 3}, {.kernel = {value, 3}}).empty());
    CHECK_FALSE(error_of({1, 8, 8, 3}, {.kernel = {3, 3}, .strides = {1, value}}).empty());
    CHECK_FALSE(error_of({1, 8, 8, 3}, {.kernel = {3, 3}, .dilations = {value, 1}}).empty());
    if (value != 0) CHECK_FALSE(error_of({1, 8, 8, 3}, {.kernel = {3, 3}, .pads = {0, 0, 0, value}}).empty());
  }
  CHECK_FALSE(error_of({1, INT64_MAX, 8, 3}, {.kernel = {3, 3}}).empty());
  CHECK_FALSE(error_of({1, 8, 8, 3}, {.kind = static_cast<PoolKind>(2), .kernel = {3, 3}}).empty());
}

}  // namespace octet::test
