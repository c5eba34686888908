#include "kernels/softmax/softmax.h"

#include <cmath>

#include "kernels/elementary.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// By the definition, in double, over the last axis.
std::vector<double> softmax_in_double(std::span<const float> src, size_t n, bool log) {
  std::vector<double> result;
  for (size_t row = 0; row < src.size(); row += n) {
    const auto values = src.subspan(row, n);
    const double max = *std::max_element(values.begin(), values.end());
    double sum = 0;
    for (const float x : values) sum += std::exp(x - max);
    for (const float x : values) result.push_back(log ? x - max - std::log(sum) : std::exp(x - max) / sum);
  }
  return result;
}

}  // namespace

TEST_CASE("softmax agrees with the definition in double to 1e-6") {
  const uint32_t seed = 40;
  CAPTURE(seed);
  Random random(seed);
  for (const int64_t n : {1, 2, 3, 10, 15, 16, 17, 33, 1000, 10000}) {
    for (const float spread : {1.0F, 20.0F}) {
      const Tensor src = random_f32({3, n}, -spread, spread, random);
      for (const bool log : {false, true}) {
        const Tensor dst = run_reference(SoftmaxParams{.axis = 1, .log = log}, {src}, Tensor{});
        const auto expected = softmax_in_double(src.as<float>(), static_cast<size_t>(n), log);
        double worst = 0;
        for (size_t i = 0; i < expected.size(); ++i) {
          // exp is right to 2 ulp, its argument to half an ulp of up to 40 (2e-6 absolute, thus relative in exp).
          const double error = std::fabs(static_cast<double>(dst.as<float>()[i]) - expected[i]);
          worst = std::max(worst, error / std::max(std::fabs(expected[i]), log ? 1.0 : 0.0));
        }
        CAPTURE(n);
        CAPTURE(spread);
        CAPTURE(log);
        CHECK(worst <= (spread > 10 && !log ? 2.5e-6 : 1e-6));
      }
    }
  }
}

TEST_CASE("every row of softmax gives the same bytes") {
  const uint32_t seed = 41;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const bool log : {false, true}) {
    for (const int64_t n : kSizes) {
      check_rows_agree(SoftmaxParams{.axis = 1, .log = log}, {random_f32({5, n}, -90, 5, random)}, Tensor{}, ran);
      check_rows_agree(SoftmaxParams{.axis = 0, .log = log}, {random_f32({n, 3, 1}, -9, 5, random)}, Tensor{}, ran);
    }
    check_rows_agree(SoftmaxParams{.axis = 1, .log = log}, {random_f32({90, 1001}, -9, 5, random)}, Tensor{}, ran);
    check_rows_agree(SoftmaxParams{.axis = 0, .log = log}, {random_f32({70, 1001}, -9, 5, random)}, Tensor{}, ran);
    Tensor awkward = f32({2, 4}, {-kInf, 0, -200, 200, 1e-40F, -0.0F, 0, -1e-40F});
    check_rows_agree(SoftmaxParams{.axis = 1, .log = log}, {awkward}, Tensor{}, ran);
  }
  check_all_rows_ran(SoftmaxParams{}, ran);
}

TEST_CASE("softmax does not depend on where its axis lies") {
  const uint32_t seed = 42;
  CAPTURE(seed);
  Random random(seed);
  const Tensor rows = random_f32({37, 45}, -5, 5, random);
  Tensor columns = make_f32({45, 37});
  const auto transpose = [](std::span<const float> from, size_t n, size_t m, std::span<float> to) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < m; ++j) to[j * n + i] = from[i * m + j];
    }
  };
  transpose(rows.as<float>(), 37, 45, columns.as<float>());
  const Tensor by_row = run_reference(SoftmaxParams{.axis = 1}, {rows}, Tensor{});
  const Tensor by_column = run_reference(SoftmaxParams{.axis = 0}, {columns}, Tensor{});
  Tensor back = make_f32({37, 45});
  transpose(by_column.as<float>(), 45, 37, back.as<float>());
  CHECK(back.bytes == by_row.bytes);
}

TEST_CASE("softmax works in place") {
  const uint32_t seed = 43;
  CAPTURE(seed);
  Random random(seed);
  Tensor tensor = random_f32({4, 50}, -5, 5, random);
  for (const bool log : {false, true}) {
    const SoftmaxParams params{.axis = 1, .log = log};
    const Tensor expected = run_reference(params, {tensor}, Tensor{});
    const std::vector<TensorDesc> descs = {tensor.desc()};
    CHECK(in_place_input(params, descs, descs) == 0);
    for (const auto& row : kernel_table(params)) {
      if (!is_available(row.isa)) continue;
      Tensor copy = tensor;
      const void* from = copy.bytes.data();
      void* to = copy.bytes.data();
      (*row.prepare({params, descs, descs, 1}))({&from, &to});
      CHECK(copy.bytes == expected.bytes);
    }
  }
}

TEST_CASE("softmax of a NaN, of nothing but -inf, and of +inf is NaN") {
  for (const float x : {NAN, -kInf, kInf}) {
    const Tensor dst = run_reference(SoftmaxParams{.axis = 0}, {f32({1}, {x})}, Tensor{});
    CHECK(std::isnan(dst.as<float>()[0]));
  }
}

TEST_CASE("softmax needs an axis") {
  CHECK(shape_of(SoftmaxParams{.axis = 1}, {{Shape::kDynamic, 3}}) == "Nx3");
  CHECK(refusal_of(SoftmaxParams{.axis = 2}, {{2, 3}}) == "softmax: axis 2 of a tensor of rank 2");
  CHECK(contains(refusal_of(SoftmaxParams{.axis = -1}, {{2, 3}}), "axis -1"));
  CHECK(contains(refusal_of(SoftmaxParams{.axis = 0}, {{}}), "rank 0"));
  CHECK(contains(refusal_of(SoftmaxParams{.axis = kHighest}, {{2, 3}}), "rank 2"));
  CHECK_FALSE(takes_types(SoftmaxParams{}, {make_u8({1}, 1, 0)}, make_f32({1})));
}

TEST_CASE("exp_f32 is right to 2 ulp over its whole range") {
  double worst = 0;
  for (float x = -87; x < 88.7F; x += 0.000613F) {
    const double exact = std::exp(static_cast<double>(x));
    const auto rounded = static_cast<float>(exact);
    const double ulp = static_cast<double>(std::nextafter(rounded, kInf)) - static_cast<double>(rounded);
    worst = std::max(worst, std::fabs(static_cast<double>(exp_f32(x)) - exact) / ulp);
  }
  CHECK(worst <= 2);
  CHECK(exp_f32(0) == 1);
  CHECK(exp_f32(-kInf) == 0);
  CHECK(exp_f32(kInf) == kInf);
  CHECK(exp_f32(89) == kInf);
  CHECK(exp_f32(-103.0F) == std::exp(-103.0F));  // the smallest number above 0
  CHECK(std::isnan(exp_f32(NAN)));
}

TEST_CASE("log_f32 is right to 2 ulp over its whole range") {
  double worst = 0;
  for (float x = 1e-44F; x < 3e38F; x *= x < 1e-38F ? 1.5F : 1.00037F) {
    const double exact = std::log(static_cast<double>(x));
    const auto magnitude = std::fabs(static_cast<float>(exact));
    const double ulp = static_cast<double>(std::nextafter(magnitude, kInf)) - static_cast<double>(magnitude);
    worst = std::max(worst, std::fabs(static_cast<double>(log_f32(x)) - exact) / ulp);
  }
  CHECK(worst <= 2);
  CHECK(log_f32(1) == 0);
  CHECK(log_f32(0) == -kInf);
  CHECK(log_f32(kInf) == kInf);
  CHECK(std::isnan(log_f32(-1)));
  CHECK(std::isnan(log_f32(NAN)));
}

}  // namespace octet::test
