// The ops that only move elements: reshape, transpose, slice, gather.
#include "kernels/gather/gather.h"
#include "kernels/reshape/reshape.h"
#include "kernels/slice/slice.h"
#include "kernels/transpose/transpose.h"
#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

constexpr int64_t kN = Shape::kDynamic;

// 0, 1, 2, ... in every type, so that each element size is moved; u8 wraps.
std::vector<Tensor> counting_tensors(const Shape& shape) {
  Tensor bytes = make_u8(shape, 0.5F, 3), words = counting_f32(shape);
  Tensor wide{.type = DataType::kS64, .shape = shape};
  wide.allocate();
  Tensor halves = make_bf16(shape);
  for (size_t i = 0; i < bytes.as<uint8_t>().size(); ++i) {
    bytes.as<uint8_t>()[i] = static_cast<uint8_t>(i * 7);
    wide.as<int64_t>()[i] = static_cast<int64_t>(i) << 33;
    halves.as<uint16_t>()[i] = static_cast<uint16_t>(i);
  }
  return {bytes, halves, words, wide};
}

std::vector<float> sliced(const SliceParams& params, const Tensor& src) {
  return values_of<float>(run_reference(params, {src}, Tensor{}));
}

}  // namespace

TEST_CASE("reshape keeps the elements") {
  const Tensor src = counting_f32({2, 3});
  const Tensor dst = run_reference(ReshapeParams{{3, -1}}, {src}, Tensor{});
  CHECK(dst.shape == Shape{3, 2});
  CHECK(dst.bytes == src.bytes);
  CHECK(is_view(ReshapeParams{}));
}

TEST_CASE("reshape works out its dimensions") {
  CHECK(shape_of(ReshapeParams{{0, -1}}, {{2, 3, 4}}) == "2x12");
  CHECK(shape_of(ReshapeParams{{4, 0, 2}}, {{2, 3, 4}}) == "4x3x2");
  CHECK(shape_of(ReshapeParams{{}}, {{1, 1}}) == "scalar");
  CHECK(shape_of(ReshapeParams{{-1}}, {{}}) == "1");
  CHECK(shape_of(ReshapeParams{{-1, 3}}, {{0, 3}}) == "0x3");
  CHECK(shape_of(ReshapeParams{{0, 5}}, {{0, 3}}) == "0x5");
  CHECK(shape_of(ReshapeParams{{0, -1}}, {{kN, 3, 4}}) == "Nx12");
  CHECK(shape_of(ReshapeParams{{-1, 6}}, {{kN, 3, 4}}) == "Nx6");
  CHECK(shape_of(ReshapeParams{{-1, 6}}, {{kN, kN, 4}}) == "Nx6");
  CHECK(shape_of(ReshapeParams{{-1, 3, 6}}, {{kN, 6}}) == "Nx3x6");
  CHECK(shape_of(ReshapeParams{{-1, 8}}, {{7, kN, 4}}) == "Nx8");
  CHECK(shape_of(ReshapeParams{{0, -1, 2}}, {{kN, kN, 4}}) == "NxNx2");
  CHECK(shape_of(ReshapeParams{{2, 12}}, {{kN, 3, 4}}) == "2x12");
}

TEST_CASE("reshape takes dimensions from the shape of another tensor") {
  const int64_t n = Shape::kDynamic;
  const auto pixels = dim_of_like(1), columns = dim_of_like(2);
  CHECK(shape_of(ReshapeParams{{0, pixels, columns, 8}}, {{1, 35, 8}, {1, 5, 7, 3}}) == "1x5x7x8");
  CHECK(shape_of(ReshapeParams{{0, columns, -1, 8}}, {{n, 35, 8}, {9, 5, 7}}) == "Nx7x5x8");
  CHECK(shape_of(ReshapeParams{{0, pixels, columns, 8}}, {{n, n, 8}, {n, n, 7, 3}}) == "NxNx7x8");
  CHECK(shape_of(ReshapeParams{{0, pixels, -1, 8}}, {{1, 35, 8}, {n, n, 7, 3}}) == "1xNxNx8");
  CHECK(shape_of(ReshapeParams{{pixels, 2}}, {{1, 0}, {4, 0}}) == "0x2");
  CHECK(contains(refusal_of(ReshapeParams{{0, pixels, columns, 8}}, {{1, 36, 8}, {1, 5, 7, 3}}), "1x36x8 do not fit"));
  CHECK(
      contains(refusal_of(ReshapeParams{{0, columns}}, {{1, 36}, {1, 36}}), "dimension 1 is -4, but the tensor like"));
  CHECK(contains(refusal_of(ReshapeParams{{kLowest}}, {{1}, {1}}), "dimension 0 is -9223372036854775808"));
  CHECK(contains(refusal_of(ReshapeParams{{0, columns}}, {{1, 36}}), "there is no tensor"));
  CHECK(contains(refusal_of(ReshapeParams{{0}}, {{1}, {1}, {1}}), "1 to 2 inputs, not 3"));
  CHECK(takes_types(ReshapeParams{{pixels}}, {f32({1}, {1}), s64({2, 1}, {1, 2})}, f32({1}, {1})));
}

TEST_CASE("reshape refuses what does not fit") {
  CHECK(refusal_of(ReshapeParams{{4, -1}}, {{2, 3}}) == "reshape: the elements of 2x3 do not fit [4,-1]");
  CHECK(contains(refusal_of(ReshapeParams{{7}}, {{2, 3}}), "do not fit [7]"));
  CHECK(contains(refusal_of(ReshapeParams{{-1, 5}}, {{2, 3, 4}}), "2x3x4"));
  CHECK(contains(refusal_of(ReshapeParams{{-1, 0}}, {{kN, 0}}), "Nx0"));
  CHECK(contains(refusal_of(ReshapeParams{{7}}, {{kN, 3}}), "Nx3"));
  CHECK(contains(refusal_of(ReshapeParams{{0, 5}}, {{kN, 3}}), "do not fit"));
  CHECK(contains(refusal_of(ReshapeParams{{0, -1}}, {{0, 3}}), "do not fit"));
  CHECK(contains(refusal_of(ReshapeParams{{-2}}, {{2}}), "dimension 0 is -2"));
  CHECK(contains(refusal_of(ReshapeParams{{kLowest}}, {{2}}), "dimension 0 is -9223372036854775808"));
  CHECK(contains(refusal_of(ReshapeParams{{-1, 1, -1}}, {{2}}), "dimensions 0 and 2 are both -1"));
  CHECK(contains(refusal_of(ReshapeParams{{1, 0}}, {{2}}), "rank 1"));
  CHECK(contains(refusal_of(ReshapeParams{{1, 1, 1, 1, 1, 1, 1, 1, 2}}, {{2}}), "9 dimensions"));
  CHECK(contains(refusal_of(ReshapeParams{{kHighest, kHighest}}, {{2}}), "cannot be counted"));
  CHECK(contains(refusal_of(ReshapeParams{{kHighest}}, {{kN}}), "more than"));
}

TEST_CASE("transpose moves elements to where the permutation says") {
  const Tensor src = counting_f32({2, 3, 4});
  const Tensor dst = run_reference(TransposeParams{{2, 0, 1}}, {src}, Tensor{});
  CHECK(dst.shape == Shape{4, 2, 3});
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 2; ++j) {
      for (size_t k = 0; k < 3; ++k)
        CHECK(dst.as<float>()[(i * 2 + j) * 3 + k] == static_cast<float>((j * 3 + k) * 4 + i));
    }
  }
  CHECK(values_of<float>(run_reference(TransposeParams{}, {f32({}, {5})}, Tensor{})) == std::vector<float>{5});
}

TEST_CASE("every row of transpose gives the bytes of the reference, for every element size") {
  RowCounts ran;
  const auto check = [&](const Shape& shape, const std::vector<int64_t>& permutation) {
    for (const Tensor& src : counting_tensors(shape))
      check_rows_agree(TransposeParams{permutation}, {src}, like(src), ran);
  };
  for (const int64_t n : kSizes) {
    for (const int64_t c : {1, 3, 4, 16, 33}) {
      check({2, c, n, 1}, {0, 2, 3, 1});
      check({2, n, 1, c}, {0, 3, 1, 2});
      check({n, c}, {1, 0});
    }
    check({2, n, 3, 2, 2}, {4, 2, 0, 3, 1});
    check({n, 2, 3}, {0, 1, 2});
  }
  check({2, 40, 30, 50}, {0, 2, 3, 1});
  check({2, 30, 50, 40}, {0, 3, 1, 2});
  check({1, 2, 1, 3, 1, 2, 2, 2}, {7, 6, 5, 4, 3, 2, 1, 0});
  check_all_rows_ran(TransposeParams{}, ran);
}

TEST_CASE("transpose refuses what is no permutation") {
  CHECK(shape_of(TransposeParams{{1, 0}}, {{kN, 3}}) == "3xN");
  CHECK(contains(refusal_of(TransposeParams{{0}}, {{2, 3}}), "1 axes for a tensor of rank 2"));
  CHECK(contains(refusal_of(TransposeParams{{0, 0}}, {{2, 3}}), "axis 0 is named twice"));
  CHECK(contains(refusal_of(TransposeParams{{0, 2}}, {{2, 3}}), "axis 2"));
  CHECK(contains(refusal_of(TransposeParams{{0, kLowest}}, {{2, 3}}), "axis -9223372036854775808"));
}

TEST_CASE("slice takes what Python slices take") {
  const Tensor row = counting_f32({6});
  CHECK(sliced({{0}, {1}, {4}, {1}}, row) == std::vector<float>{1, 2, 3});
  CHECK(sliced({{0}, {-2}, {kHighest}, {1}}, row) == std::vector<float>{4, 5});
  CHECK(sliced({{0}, {0}, {6}, {4}}, row) == std::vector<float>{0, 4});
  CHECK(sliced({{0}, {-1}, {kLowest}, {-2}}, row) == std::vector<float>{5, 3, 1});
  CHECK(sliced({{0}, {kHighest}, {1}, {-1}}, row) == std::vector<float>{5, 4, 3, 2});
  CHECK(sliced({{0}, {4}, {1}, {1}}, row).empty());
  CHECK(sliced({{0}, {1}, {4}, {-1}}, row).empty());
  CHECK(sliced({{0}, {kLowest}, {kHighest}, {kHighest}}, row) == std::vector<float>{0});
  CHECK(sliced({{0}, {kHighest}, {kLowest}, {kLowest}}, row) == std::vector<float>{5});
  CHECK(sliced({{0}, {0}, {-7}, {-1}}, row) == std::vector<float>{0});
  CHECK(sliced({}, row).size() == 6);
  const Tensor table = counting_f32({3, 4});
  CHECK(sliced({{1, 0}, {1, -1}, {3, kLowest}, {1, -2}}, table) == std::vector<float>{9, 10, 1, 2});
  CHECK(sliced({{0}, {0}, {1}, {-1}}, counting_f32({0})).empty());
}

TEST_CASE("slice gives the bytes of the definition for every element size and thread count") {
  RowCounts ran;
  for (const int64_t step : {1, 2, 3, -1, -2}) {
    for (const Tensor& src : counting_tensors({3, 200, 301})) {
      const SliceParams params{{2, 1}, {step > 0 ? 5 : -5, 1}, {step > 0 ? -5 : 5, 199}, {step, 1}};
      check_rows_agree(params, {src}, like(src), ran);
      const Tensor dst = run_reference(params, {src}, like(src));
      const auto bytes = static_cast<size_t>(element_bytes(src.type));
      size_t at = 0;
      for (int64_t i = 0; i < 3; ++i) {
        for (int64_t j = 1; j < 199; ++j) {
          for (int64_t k = step > 0 ? 5 : 296; step > 0 ? k < 296 : k > 5; k += step, at += bytes) {
            const size_t from = static_cast<size_t>((i * 200 + j) * 301 + k) * bytes;
            if (std::memcmp(dst.bytes.data() + at, src.bytes.data() + from, bytes) != 0) FAIL("element at byte " << at);
          }
        }
      }
      CHECK(at == dst.bytes.size());
    }
  }
}

TEST_CASE("slice refuses bad axes, steps and lengths") {
  CHECK(shape_of(SliceParams{{1}, {0}, {2}, {1}}, {{kN, 3}}) == "Nx2");
  CHECK(shape_of(SliceParams{{0}, {0}, {2}, {1}}, {{kN, 3}}) == "Nx3");
  CHECK(contains(refusal_of(SliceParams{{0}, {0}, {1}, {0}}, {{2}}), "step 0 along axis 0"));
  CHECK(contains(refusal_of(SliceParams{{0}, {0, 1}, {1}, {1}}, {{2}}), "2 starts, ends or steps for 1 axes"));
  CHECK(contains(refusal_of(SliceParams{{0}, {0}, {1}, {}}, {{2}}), "0 starts, ends or steps for 1 axes"));
  CHECK(contains(refusal_of(SliceParams{{1}, {0}, {1}, {1}}, {{2}}), "axis 1"));
  CHECK(contains(refusal_of(SliceParams{{0, 0}, {0, 0}, {1, 1}, {1, 1}}, {{2}}), "twice"));
}

TEST_CASE("gather takes slices by index, negative ones from the end, and fills what lies outside") {
  const Tensor data = counting_f32({3, 2});
  const Tensor indices = s64({2, 2}, {2, -3, 3, kLowest});
  const Tensor dst = run_reference(GatherParams{0}, {data, indices}, Tensor{});
  CHECK(dst.shape == Shape{2, 2, 2});
  CHECK(values_of<float>(dst) == std::vector<float>{4, 5, 0, 1, 0, 0, 0, 0});
  const Tensor narrow = make_tensor<int32_t>(DataType::kS32, {3}, {1, -1, 2});
  CHECK(values_of<float>(run_reference(GatherParams{1}, {data, narrow}, Tensor{})) ==
        std::vector<float>{1, 1, 0, 3, 3, 0, 5, 5, 0});
  const Tensor quantized = u8({3}, 0.5F, 7, {10, 11, 12});
  CHECK(values_of<uint8_t>(run_reference(GatherParams{0}, {quantized, narrow}, like(quantized))) ==
        std::vector<uint8_t>{11, 12, 12});
  CHECK(values_of<uint8_t>(run_reference(GatherParams{0}, {quantized, s64({}, {9})}, like(quantized))) ==
        std::vector<uint8_t>{7});
}

TEST_CASE("gather does not depend on threads") {
  const uint32_t seed = 80;
  CAPTURE(seed);
  Random random(seed);
  RowCounts ran;
  Tensor indices{.type = DataType::kS64, .shape = {500}};
  indices.allocate();
  fill_integers<int64_t>(indices, random, -20, 20);
  for (const Tensor& data : counting_tensors({3, 17, 65})) {
    check_rows_agree(GatherParams{1}, {data, indices}, like(data), ran);
    check_rows_agree(GatherParams{2}, {data, indices}, like(data), ran);
  }
}

TEST_CASE("gather checks axis, rank and types") {
  CHECK(shape_of(GatherParams{1}, {{kN, 3, 4}, {5, 6}}) == "Nx5x6x4");
  CHECK(contains(refusal_of(GatherParams{0}, {{}, {1}}), "rank 0"));
  CHECK(contains(refusal_of(GatherParams{2}, {{3, 3}, {1}}), "axis 2"));
  CHECK(contains(refusal_of(GatherParams{0}, {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}}), "rank 9"));
  const Tensor f = make_f32({1}), i = s64({1}, {0});
  CHECK(takes_types(GatherParams{}, {f, i}, f));
  CHECK_FALSE(takes_types(GatherParams{}, {f, f}, f));
  CHECK_FALSE(takes_types(GatherParams{}, {f, i}, i));
}

}  // namespace octet::test
