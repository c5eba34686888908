#include "kernels/concat/concat.h"

#include "kernels/quantization.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr int64_t kN = Shape::kDynamic;

}  // namespace

TEST_CASE("concat joins along any axis") {
  const std::vector<Tensor> inputs = {f32({2, 1}, {1, 2}), f32({2, 2}, {3, 4, 5, 6}), f32({2, 0}, {})};
  CHECK(values_of<float>(run_reference(ConcatParams{1}, inputs, Tensor{})) == std::vector<float>{1, 3, 4, 2, 5, 6});
  const std::vector<Tensor> rows = {s64({1, 2}, {1, 2}), s64({2, 2}, {3, 4, 5, 6})};
  CHECK(values_of<int64_t>(run_reference(ConcatParams{0}, rows, Tensor{.type = DataType::kS64})) ==
        std::vector<int64_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("concat rescales a u8 input that has other parameters than the output") {
  const std::vector<Tensor> inputs = {u8({3}, 0.5F, 10, {0, 11, 13}), u8({3}, 1, 100, {0, 100, 255})};
  CHECK(values_of<uint8_t>(run_reference(ConcatParams{}, inputs, make_u8({}, 1, 100))) ==
        std::vector<uint8_t>{95, 100 /* 0.5 */, 102 /* 1.5 */, 0, 100, 255});
}

TEST_CASE("concat of u8 is the formula on every element, for every size and thread count") {
  const uint32_t seed = 60;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  // One that goes through as it is, and two that are rescaled.
  const QuantParams quants[] = {{0.03F, 100}, {0.02F, 0}, {0.05F, 255}}, dst_quant{0.03F, 100};
  const auto check = [&](const Shape& a, const Shape& b, const Shape& c, int64_t axis) {
    const std::vector<Tensor> inputs = {random_u8(a, quants[0].scale, quants[0].zero_point, random),
                                        random_u8(b, quants[1].scale, quants[1].zero_point, random),
                                        random_u8(c, quants[2].scale, quants[2].zero_point, random)};
    const Tensor dst = make_u8({}, dst_quant.scale, dst_quant.zero_point);
    check_rows_agree(ConcatParams{axis}, inputs, dst, ran);
    const Tensor result = run_reference(ConcatParams{axis}, inputs, dst);
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < axis; ++i) outer *= a[i];
    for (int i = static_cast<int>(axis) + 1; i < a.rank(); ++i) inner *= a[i];
    const uint8_t* actual = result.as<uint8_t>().data();
    for (int64_t o = 0; o < outer; ++o) {
      for (size_t k = 0; k < 3; ++k) {
        const int64_t n = inputs[k].shape[static_cast<int>(axis)] * inner;
        for (int64_t i = 0; i < n; ++i) {
          const uint8_t q = inputs[k].as<uint8_t>()[o * n + i];
          REQUIRE(*actual++ == quantize_u8(dequantize(q, quants[k]), dst_quant));
        }
      }
    }
  };
  for (const int64_t n : kSizes) {
    check({2, 3, n}, {2, 3, 5}, {2, 3, n}, 2);
    check({2, n, 3}, {2, 4, 3}, {2, n, 3}, 1);
    check({n, 2}, {1, 2}, {n, 2}, 0);
  }
  check({300, 200}, {300, 100}, {300, 50}, 1);
  for (const int64_t n : {64, 65, 127, 128, 192, 256, 320, 321}) check({150, n}, {150, 64}, {150, n}, 1);
  check_all_rows_ran(ConcatParams{}, ran);
}

TEST_CASE("concat shapes: dynamic dimensions go through, the others must agree") {
  const ConcatParams params{1};
  CHECK(shape_of(params, {{2, 3, 4}, {2, 5, 4}}) == "2x8x4");
  CHECK(shape_of(params, {{kN, 3}, {kN, 5}}) == "Nx8");
  CHECK(shape_of(params, {{kN, 3}, {2, 5}}) == "2x8");
  CHECK(shape_of(params, {{2, 3}, {2, kN}}) == "2xN");
  CHECK(shape_of(params, {{2, kN}, {2, 3}}) == "2xN");
  CHECK(refusal_of(params, {{2, 3}, {4, 3}}) == "concat: input 1 has 4 along axis 0, but input 0 has 2");
  CHECK(contains(refusal_of(params, {{2, 3}, {2, 3, 1}}), "rank 2"));
  CHECK(contains(refusal_of(params, {{2}}), "axis 1 of a tensor of rank 1"));
  CHECK(contains(refusal_of(ConcatParams{-1}, {{2}}), "axis -1"));
  CHECK(contains(refusal_of(params, {{2, kHighest}, {2, kHighest}}), "too many"));
  CHECK(contains(refusal_of(params, {{1, Shape::kMaxElements}, {1, 1}}), "more than"));
  CHECK(contains(refusal_of(params, {}), "not 0"));
}

TEST_CASE("concat takes inputs of one type, and rescales only u8 per tensor") {
  const Tensor f = make_f32({1}), q = make_u8({1}, 1, 0), other = make_u8({1}, 2, 0);
  Tensor per_channel = q;
  per_channel.scales = {1, 2};
  CHECK(takes_types(ConcatParams{}, {f, f}, f));
  CHECK(takes_types(ConcatParams{}, {q, other}, q));
  CHECK_FALSE(takes_types(ConcatParams{}, {f, q}, f));
  CHECK_FALSE(takes_types(ConcatParams{}, {q, per_channel}, q));
  CHECK_FALSE(takes_types(ConcatParams{}, {q, absent()}, q));
}

}  // namespace octet::test
