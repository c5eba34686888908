#include "kernels/conv2d/conv2d.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <map>

#include "tests/kernels/conv2d_case.h"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Geometry {
  Shape src, weights;
  std::array<int64_t, 2> strides{1, 1};
  std::array<int64_t, 4> pads{};
  std::array<int64_t, 2> dilations{1, 1};
  int64_t groups = 1;
};

// Layer classes of real nets, then every channel count at which vector code changes its mind.
std::vector<Geometry> geometries() {
  std::vector<Geometry> list = {
      {{1, 14, 14, 64}, {96, 1, 1, 64}},
      {{3, 7, 7, 160}, {64, 1, 1, 160}},
      {{1, 9, 9, 64}, {64, 3, 3, 64}, {1, 1}, {1, 1, 1, 1}},
      {{3, 9, 8, 32}, {48, 3, 3, 32}, {2, 2}, {1, 1, 1, 1}},
      {{1, 15, 15, 3}, {32, 3, 3, 3}, {2, 2}, {0, 0, 1, 1}},
      {{1, 23, 23, 3}, {64, 7, 7, 3}, {2, 2}, {3, 3, 3, 3}},
      {{1, 11, 12, 16}, {24, 5, 5, 16}, {1, 1}, {2, 2, 2, 2}},
      {{1, 10, 10, 32}, {32, 3, 3, 1}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 32},
      {{3, 11, 10, 144}, {144, 3, 3, 1}, {2, 2}, {0, 0, 1, 1}, {1, 1}, 144},
      {{1, 12, 12, 48}, {48, 5, 5, 1}, {2, 2}, {1, 2, 2, 1}, {1, 1}, 48},
      {{1, 10, 9, 64}, {64, 3, 3, 16}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
      {{1, 8, 8, 12}, {18, 3, 3, 4}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
      {{1, 13, 12, 32}, {32, 3, 3, 32}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {{1, 13, 12, 32}, {32, 3, 3, 1}, {1, 1}, {2, 2, 2, 2}, {2, 2}, 32},
      {{1, 9, 10, 16}, {16, 3, 2, 16}, {2, 1}, {0, 1, 2, 0}},
      {{1, 7, 6, 8}, {16, 3, 3, 8}, {3, 2}, {2, 0, 1, 2}, {1, 2}},
      {{1, 6, 6, 16}, {8, 1, 1, 16}, {2, 2}},
      {{1, 5, 5, 8}, {8, 1, 1, 8}, {1, 1}, {1, 1, 1, 1}},
      {{1, 1, 9, 20}, {12, 1, 4, 20}, {1, 1}, {0, 2, 0, 1}},
      {{1, 49, 10, 1}, {64, 10, 4, 1}, {2, 2}, {4, 1, 5, 1}},
      {{3, 1, 1, 640}, {128, 1, 1, 640}},
      {{0, 5, 5, 8}, {8, 3, 3, 8}},
  };
  for (const int64_t c : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64}) {
    list.push_back({{1, 5, 6, c}, {c, 3, 3, c}, {1, 1}, {1, 1, 1, 1}});
    list.push_back({{1, 5, 6, c}, {c + 1, 1, 1, c}});
    list.push_back({{1, 6, 5, c}, {c, 3, 3, 1}, {1, 1}, {1, 1, 1, 1}, {1, 1}, c});
  }
  return list;
}

Conv2dCase make_case(const Geometry& geometry) {
  Conv2dCase c;
  c.src_shape = geometry.src;
  c.weights_shape = geometry.weights;
  c.params.strides = geometry.strides;
  c.params.pads = geometry.pads;
  c.params.dilations = geometry.dilations;
  c.params.groups = geometry.groups;
  return c;
}

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
  return variants;
}

std::span<const KernelRow<Conv2dParams>> rows() {
  return kernel_table(Conv2dParams{});
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
  const uint32_t seed = 20;
  CAPTURE(seed);
  std::map<std::string, int> runs;
  for (const Geometry& geometry : geometries()) {
    for (Conv2dCase& c : int8_variants(geometry)) {
      c.make(seed);
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
  }
  for (const auto& [name, count] : runs) MESSAGE(name << " took " << count << " problems");
}

TEST_CASE("every row of conv2d is close to the real result for floats") {
  const uint32_t seed = 21;
  CAPTURE(seed);
  for (const Geometry& geometry : geometries()) {
    for (int variant = 0; variant < 5; ++variant) {
      Conv2dCase c = make_case(geometry);
      c.int8 = false;
      c.threads = 1 + variant % 2;
      c.has_bias = variant != 1;
      if (variant >= 2) c.residual = variant == 3 ? Residual::kApart : Residual::kInPlace;
      if (variant == 1) c.params.clamp = {-0.5F, 1.5F};
      if (variant >= 3) c.params.clamp = {0, variant == 3 ? kInfinity : 6};
      c.make(seed);
      CAPTURE(c.to_string());
      const std::vector<Conv2dCase::Real> reals = c.real();
      // A sum of n rounded products in any order is off by at most n + 1 roundings of the sum of magnitudes.
      const Shape& w = c.weights_shape;
      const double roundings = static_cast<double>(w[1] * w[2] * w[3] + 3);
      for (const auto& row : rows()) {
        const std::optional<Bytes> result = c.run(row);
        if (!result) continue;
        CAPTURE(row.name);
        int wrong = 0;
        for (size_t i = 0; i < reals.size(); ++i) {
          const float value = reinterpret_cast<const float*>(result->data())[i];
          wrong += !(std::fabs(value - reals[i].value) <= roundings * 0x1p-24 * reals[i].magnitude);
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("oneDNN takes the layers of real nets wherever the CPU has VNNI") {
  if (best_isa() < Isa::kAvx512Vnni || onednn_is_capped()) return;
  const std::vector<Geometry> list = geometries();
  for (size_t i = 0; i < 10; ++i) {
    for (Conv2dCase& c : int8_variants(list[i])) {
      c.make(1);
      CAPTURE(c.to_string());
      CHECK(c.run(rows().front()).has_value());
    }
  }
}

}  // namespace octet::test
