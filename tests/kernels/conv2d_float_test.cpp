// conv2d of f32 and bf16: no two rows need give the same bytes, but each is as close to the real result as roundings
// let it be.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "kernels/cpu_features.h"
#include "tests/kernels/conv2d_problems.h"

namespace octet::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Counts the runs by the rows' names.
void check_rows_are_close(Conv2dCase& c, uint32_t seed, std::map<std::string, int>& runs) {
  c.int8 = false;
  c.make(seed);
  CAPTURE(seed);
  CAPTURE(c.to_string());
  const bool to_bf16 = c.bf16 && !c.dst_f32;
  const std::vector<Conv2dCase::Real> reals = c.real();
  // A sum of n rounded products in any order is off by at most n + 1 roundings of the sum of magnitudes. Products of
  // bf16 are not even rounded; a bf16 dst is, to half a unit in its last place.
  const Shape& w = c.weights_shape;
  const double roundings = static_cast<double>(w[1] * w[2] * w[3] + 3);
  for (const auto& row : rows()) {
    const std::optional<Bytes> result = c.run(row);
    if (!result) continue;
    ++runs[row.name];
    CAPTURE(row.name);
    int wrong = 0;
    for (size_t i = 0; i < reals.size(); ++i) {
      const float value = to_bf16 ? to_f32(reinterpret_cast<const Bf16*>(result->data())[i])
                                  : reinterpret_cast<const float*>(result->data())[i];
      double bound = roundings * 0x1p-24 * reals[i].magnitude;
      if (to_bf16) bound += 0x1p-8 * 1.01 * (std::fabs(reals[i].value) + bound);
      wrong += !(std::fabs(static_cast<double>(value) - reals[i].value) <= bound);
    }
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("every row of conv2d is close to the real result for floats") {
  std::map<std::string, int> runs;
  for (const Geometry& geometry : geometries()) {
    for (int variant = 0; variant < 5; ++variant) {
      Conv2dCase c = make_case(geometry);
      c.threads = 1 + variant % 2;
      c.has_bias = variant != 1;
      if (variant >= 2) c.residual = variant == 3 ? Residual::kApart : Residual::kInPlace;
      if (variant == 1) c.params.clamp = {-0.5F, 1.5F};
      if (variant >= 3) c.params.clamp = {0, variant == 3 ? kInfinity : 6};
      check_rows_are_close(c, 21, runs);
    }
  }
  CHECK(runs["onednn"] > 0);
  CHECK(runs["reference"] > 0);
}

TEST_CASE("every row of conv2d is close to the real result for bf16") {
  std::map<std::string, int> runs;
  for (const Geometry& geometry : geometries()) {
    for (int variant = 0; variant < 6; ++variant) {
      Conv2dCase c = make_case(geometry);
      c.bf16 = true;
      c.threads = 1 + variant % 2;
      c.has_bias = variant != 1;
      c.dst_f32 = variant % 2 == 0;
      if (variant >= 2) c.residual = variant >= 4 ? Residual::kApart : Residual::kInPlace;
      if (variant == 1) c.params.clamp = {-0.5F, 1.5F};
      if (variant >= 3) c.params.clamp = {0, variant == 3 ? kInfinity : 6};
      check_rows_are_close(c, 23, runs);
    }
  }
  for (const auto& [name, count] : runs) MESSAGE(name << " took " << count << " problems");
  CHECK((runs["onednn"] > 0) == has_native_bf16());
  CHECK(runs["widened"] > 0);
}

TEST_CASE("every row of conv2d is close to the real result for random problems of bf16") {
  std::map<std::string, int> runs;
  for (uint32_t seed = 100; seed < seed_end(); ++seed) {
    Random random(seed);
    Conv2dCase c = random_case(random);
    c.bf16 = true;
    c.asymmetric = false;
    check_rows_are_close(c, seed, runs);
  }
  CHECK(runs["widened"] > 0);
}

TEST_CASE("a convolution of bf16 rounds once, at the end, half to even") {
  // 1 + 2^-8 lies half way between the bf16 numbers 1 and 1 + 2^-7; with 2^-15 more it does not.
  Conv2dCase c;
  c.int8 = false, c.bf16 = true;
  c.src_shape = {1, 1, 2, 2};
  c.weights_shape = {1, 1, 1, 2};
  c.make(1);
  const auto set = [](Tensor& tensor, const std::vector<float>& values) {
    std::ranges::transform(values, tensor.as<Bf16>().begin(), [](float v) { return to_bf16(v); });
  };
  set(c.inputs[kConvSrc], {1, 0x1p-8F, 1, 0x1p-8F + 0x1p-15F});
  set(c.inputs[kConvWeights], {1, 1});
  c.inputs[kConvBias].as<float>()[0] = 0;
  for (const auto& row : rows()) {
    const std::optional<Bytes> result = c.run(row);
    if (!result) continue;
    CAPTURE(row.name);
    const auto* dst = reinterpret_cast<const Bf16*>(result->data());
    CHECK(to_f32(dst[0]) == 1.0F);
    CHECK(to_f32(dst[1]) == 1.0F + 0x1p-7F);
  }
}

}  // namespace octet::test
