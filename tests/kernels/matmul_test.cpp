#include "kernels/matmul/matmul.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr int64_t kN = Shape::kDynamic;

// Every row against the last one. A row may sum in its own order: the error of a sum of k products is at most
// k * 2^-24 times the sum of their magnitudes, which are at most 1; both sums have it.
void check_rows_close(const Shape& a, const Shape& b, Random& random, RowCounts& ran) {
  const MatmulParams params;
  const std::vector<Tensor> inputs = {random_f32(a, -1, 1, random), random_f32(b, -1, 1, random)};
  const Tensor expected = run_reference(params, inputs, Tensor{});
  const auto k = static_cast<float>(a[a.rank() - 1]);
  const float tolerance = 2 * k * k * 0x1p-24F;
  for (const bool constant : {false, true}) {
    std::vector<TensorDesc> descs = descs_of(inputs);
    if (constant) descs[1].data = inputs[1].bytes.data();
    const TensorDesc dst = expected.desc();
    for (const auto& row : kernel_table(params)) {
      for (const int threads : {1, 2}) {
        const Problem<MatmulParams> problem{params, descs, {&dst, 1}, threads};
        if (!is_available(row.isa) || !row.supports(problem)) continue;
        if (!row.prepare(problem).ok()) continue;  // oneDNN has only its own reference
        const Tensor actual = run_row(row, problem, inputs, expected);
        float worst = 0;
        for (size_t i = 0; i < actual.as<float>().size(); ++i) {
          worst = std::max(worst, std::fabs(actual.as<float>()[i] - expected.as<float>()[i]));
        }
        CAPTURE(row.name);
        CAPTURE(a.to_string());
        CAPTURE(b.to_string());
        CHECK(worst <= tolerance);
        ++ran[row.name];
      }
    }
  }
}

}  // namespace

TEST_CASE("matmul multiplies matrices, and stacks of them by broadcasting") {
  const MatmulParams params;
  CHECK(values_of<float>(run_reference(params, {f32({2, 3}, {1, 2, 3, 4, 5, 6}), f32({3, 2}, {1, 0, 0, 1, 1, 1})},
                                       Tensor{})) == std::vector<float>{4, 5, 10, 11});
  const Tensor stack = run_reference(params, {counting_f32({2, 1, 1, 2}), counting_f32({3, 2, 1})}, Tensor{});
  CHECK(stack.shape == Shape{2, 3, 1, 1});
  CHECK(values_of<float>(stack) == std::vector<float>{1, 3, 5, 3, 13, 23});
  CHECK(values_of<float>(run_reference(params, {f32({1, 0}, {}), f32({0, 2}, {})}, Tensor{})) ==
        std::vector<float>{0, 0});
  CHECK(run_reference(params, {f32({0, 3}, {}), counting_f32({3, 2})}, Tensor{}).shape == Shape{0, 2});
}

TEST_CASE("every row of matmul agrees with the reference") {
  const uint32_t seed = 100;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  for (const int64_t n : kSizes) {
    check_rows_close({n, 7}, {7, 5}, random, ran);
    check_rows_close({3, n}, {n, 17}, random, ran);
    check_rows_close({2, 3, 4}, {4, n}, random, ran);
    check_rows_close({2, 1, 3, 4}, {1, 5, 4, n}, random, ran);
  }
  check_rows_close({4, 60, 64}, {4, 64, 70}, random, ran);
  check_rows_close({100, 300}, {300, 200}, random, ran);
  const auto check_integers = [&](const Shape& a, const Shape& b) {
    const std::vector<Tensor> inputs = {random_u8(a, 0.013F, 3, random), random_u8(b, 0.021F, 200, random)};
    check_rows_agree(MatmulParams{}, inputs, make_u8({}, 0.17F, 77), ran);
    check_rows_agree(MatmulParams{}, inputs, Tensor{}, ran);
  };
  for (const int64_t n : kSizes) {
    check_integers({n, 7}, {7, 5});
    check_integers({3, n}, {n, 17});
    check_integers({2, 3, 4}, {4, n});
    check_integers({2, 1, 3, 4}, {1, 5, 4, n});
  }
  check_integers({4, 60, 64}, {4, 64, 70});
  check_integers({100, 300}, {300, 200});
  check_all_rows_ran(MatmulParams{}, ran);
}

TEST_CASE("matmul of integers is what 64-bit sums say, with both zero points, in every row") {
  const uint32_t seed = 102;
  CAPTURE(seed);
  Random random(seed);
  const int64_t batch = 3, m = 7, k = 37, n = 70;
  const Tensor a = random_u8({batch, m, k}, 0.03F, 5, random), b = random_u8({batch, k, n}, 0.02F, 250, random);
  const float dst_scale = 1.7F;
  const std::vector<Tensor> inputs = {a, b};
  const std::vector<TensorDesc> descs = descs_of(inputs);
  for (const bool to_f32 : {false, true}) {
    Tensor dst = to_f32 ? make_f32({batch, m, n}) : make_u8({batch, m, n}, dst_scale, 130);
    const TensorDesc dst_desc = dst.desc();
    const MatmulParams params;
    for (const auto& row : kernel_table(params)) {
      const Problem<MatmulParams> problem{params, descs, {&dst_desc, 1}, 1};
      if (!is_available(row.isa) || !row.supports(problem)) continue;
      const Tensor actual = run_row(row, problem, inputs, dst);
      int wrong = 0;
      for (int64_t i = 0; i < batch * m * n; ++i) {
        const int64_t column = i % n, line = i / n, matrix = line / m;
        int64_t sum = 0;
        for (int64_t j = 0; j < k; ++j) {
          sum += int64_t{a.as<uint8_t>()[static_cast<size_t>(line * k + j)] - 5} *
                 int64_t{b.as<uint8_t>()[static_cast<size_t>((matrix * k + j) * n + column)] - 250};
        }
        const auto at = static_cast<size_t>(i);
        const auto f32_sum = static_cast<float>(sum);
        if (to_f32) {
          wrong += actual.as<float>()[at] != f32_sum * (0.03F * 0.02F);
        } else {
          const float scaled = std::nearbyint(f32_sum * (0.03F * 0.02F / dst_scale)) + 130;
          wrong += static_cast<float>(actual.as<uint8_t>()[at]) != std::clamp(scaled, 0.0F, 255.0F);
        }
      }
      CAPTURE(row.name);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("no row of matmul saturates pairs of products of integers in 16 bits, or sums in 32") {
  // The longest sum: 255 * 255 each time, but for a zero point of 255 on the left and 0 on the right.
  for (const int32_t zero_point : {0, 255}) {
    Tensor a = make_u8({2, kMaxMatmulDepth}, 1, zero_point), b = make_u8({kMaxMatmulDepth, 3}, 1, 0);
    std::ranges::fill(a.as<uint8_t>(), static_cast<uint8_t>(255 - zero_point));
    std::ranges::fill(b.as<uint8_t>(), uint8_t{255});
    const std::vector<Tensor> inputs = {a, b};
    const std::vector<TensorDesc> descs = descs_of(inputs);
    const Tensor dst = make_f32({2, 3});
    const TensorDesc dst_desc = dst.desc();
    const float sum = (zero_point == 0 ? 1.0F : -1.0F) * static_cast<float>(kMaxMatmulDepth * 255 * 255);
    const MatmulParams params;
    for (const auto& row : kernel_table(params)) {
      const Problem<MatmulParams> problem{params, descs, {&dst_desc, 1}, 1};
      if (!is_available(row.isa) || !row.supports(problem)) continue;
      CAPTURE(row.name);
      CHECK(values_of<float>(run_row(row, problem, inputs, dst)) == std::vector<float>(6, sum));
    }
  }
}

TEST_CASE("matmul's reference does not depend on threads") {
  const uint32_t seed = 101;
  CAPTURE(seed);
  Random random(seed);
  const std::vector<Tensor> inputs = {random_f32({3, 50, 64}, -1, 1, random), random_f32({64, 200}, -1, 1, random)};
  CHECK(run_reference(MatmulParams{}, inputs, Tensor{}, 1).bytes ==
        run_reference(MatmulParams{}, inputs, Tensor{}, 3).bytes);
}

TEST_CASE("matmul shapes and counts") {
  const MatmulParams params;
  CHECK(shape_of(params, {{kN, 2, 3}, {3, 4}}) == "Nx2x4");
  CHECK(shape_of(params, {{2, kN}, {3, 4}}) == "2x4");
  CHECK(shape_of(params, {{5, 1, kN, 3}, {6, 3, 4}}) == "5x6xNx4");
  CHECK(refusal_of(params, {{2, 3}, {4, 5}}) == "matmul: shapes 2x3 and 4x5: 3 columns meet 4 rows");
  CHECK(contains(refusal_of(params, {{3}, {3, 5}}), "rank 2"));
  CHECK(contains(refusal_of(params, {{2, 1, 3}, {3, 3, 5}}), "do not broadcast: 2 and 3"));
  CHECK(contains(refusal_of(params, {{int64_t{1} << 30, 1}, {1, int64_t{1} << 30}}), "more than"));
  const std::vector<Tensor> inputs = {make_f32({2, 3, 4}), make_f32({4, 5})};
  const std::vector<TensorDesc> descs = descs_of(inputs);
  const TensorDesc dst{.shape = {2, 3, 5}};
  CHECK(count_macs(params, descs, {&dst, 1}) == 2 * 3 * 4 * 5);
  CHECK_FALSE(takes_types(params, {make_u8({1, 1}, 1, 0), make_f32({1, 1})}, make_f32({1, 1})));
  CHECK(takes_types(params, {make_u8({1, 1}, 1, 0), make_u8({1, 1}, 2, 7)}, make_u8({1, 1}, 3, 9)));
  const Tensor deep_a = make_u8({1, kMaxMatmulDepth + 1}, 1, 0), deep_b = make_u8({kMaxMatmulDepth + 1, 1}, 1, 0);
  CHECK_FALSE(takes_types(params, {deep_a, deep_b}, make_f32({1, 1})));
}

}  // namespace octet::test
