#include "kernels/pad/pad.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

std::vector<float> padded_row(PadMode mode, int64_t before, int64_t after, float value = 0) {
  const PadParams params{mode, {before}, {after}, value};
  return values_of<float>(run_reference(params, {f32({4}, {1, 2, 3, 4})}, Tensor{}));
}

// By the definition, one element at a time; -1 stands for the constant.
int64_t source_of(PadMode mode, int64_t at, int64_t dim) {
  if (at >= 0 && at < dim) return at;
  if (mode == PadMode::kConstant) return -1;
  if (mode == PadMode::kEdge) return at < 0 ? 0 : dim - 1;
  return at < 0 ? -at : 2 * dim - 2 - at;
}

}  // namespace

TEST_CASE("pad adds a constant, a reflection or the edge, and removes by negative counts") {
  CHECK(padded_row(PadMode::kConstant, 2, 1, 9) == std::vector<float>{9, 9, 1, 2, 3, 4, 9});
  CHECK(padded_row(PadMode::kReflect, 3, 2) == std::vector<float>{4, 3, 2, 1, 2, 3, 4, 3, 2});
  CHECK(padded_row(PadMode::kEdge, 2, 1) == std::vector<float>{1, 1, 1, 2, 3, 4, 4});
  CHECK(padded_row(PadMode::kConstant, -1, -2) == std::vector<float>{2});
  CHECK(padded_row(PadMode::kConstant, -2, 2, 9) == std::vector<float>{3, 4, 9, 9});
  CHECK(padded_row(PadMode::kReflect, -2, 1) == std::vector<float>{3, 4, 3});
  CHECK(padded_row(PadMode::kEdge, 1, -3) == std::vector<float>{1, 1});
  CHECK(padded_row(PadMode::kConstant, -4, 0).empty());
}

TEST_CASE("pad quantizes its constant with the parameters of the tensor") {
  const PadParams params{PadMode::kConstant, {1}, {1}, 1.25F};
  CHECK(values_of<uint8_t>(run_reference(params, {u8({1}, 0.5F, 10, {77})}, make_u8({}, 0.5F, 10))) ==
        std::vector<uint8_t>{12, 77, 12});
  const PadParams whole{PadMode::kConstant, {1}, {0}, -3};
  CHECK(values_of<int64_t>(run_reference(whole, {s64({1}, {5})}, Tensor{.type = DataType::kS64})) ==
        std::vector<int64_t>{-3, 5});
}

TEST_CASE("pad of several axes is the pad of each") {
  RowCounts ran;
  for (const PadMode mode : {PadMode::kConstant, PadMode::kReflect, PadMode::kEdge}) {
    for (const int64_t channels : {1, 3, 17, 200}) {
      for (const int64_t sign : {1, -1}) {
        const Shape shape = {2, 20, 15, channels};
        const PadParams params{mode, {0, 2, sign, 0}, {1, 3 * sign, 4, 0}, 7};
        if (mode == PadMode::kReflect && shape[0] < 2) continue;
        const Tensor src = counting_f32(shape);
        const Tensor dst = run_reference(params, {src}, Tensor{});
        check_rows_agree(params, {src}, Tensor{}, ran);
        size_t at = 0;
        for (int64_t n = 0; n < dst.shape[0]; ++n) {
          for (int64_t y = 0; y < dst.shape[1]; ++y) {
            for (int64_t x = 0; x < dst.shape[2]; ++x) {
              const int64_t i = source_of(mode, n, 2), j = source_of(mode, y - 2, 20),
                            k = source_of(mode, x - sign, 15);
              for (int64_t c = 0; c < channels; ++c, ++at) {
                const bool constant = i < 0 || j < 0 || k < 0;
                const float expected = constant ? 7 : src.as<float>()[((i * 20 + j) * 15 + k) * channels + c];
                REQUIRE(dst.as<float>()[at] == expected);
              }
            }
          }
        }
      }
    }
  }
}

TEST_CASE("pad of an empty or scalar tensor works") {
  CHECK(values_of<float>(run_reference(PadParams{PadMode::kConstant, {1, 0}, {0, 2}, 5}, {f32({0, 1}, {})},
                                       Tensor{})) == std::vector<float>{5, 5, 5});
  CHECK(values_of<float>(run_reference(PadParams{}, {f32({}, {5})}, Tensor{})) == std::vector<float>{5});
}

TEST_CASE("pad refuses counts that do not fit") {
  const int64_t n = Shape::kDynamic;
  CHECK(shape_of(PadParams{PadMode::kConstant, {0, 1}, {0, 2}}, {{n, 3}}) == "Nx6");
  CHECK(contains(refusal_of(PadParams{PadMode::kConstant, {1}, {1, 1}}, {{3}}), "1 pads before and 2 after"));
  CHECK(contains(refusal_of(PadParams{PadMode::kConstant, {-2}, {-2}}, {{3}}), "3 elements, -2 before and -2 after"));
  CHECK(contains(refusal_of(PadParams{PadMode::kReflect, {3}, {0}}, {{3}}), "too few to reflect"));
  CHECK(contains(refusal_of(PadParams{PadMode::kReflect, {-2}, {1}}, {{3}}), "too few to reflect"));
  CHECK(contains(refusal_of(PadParams{PadMode::kReflect, {1}, {0}}, {{0}}), "too few to reflect"));
  CHECK(contains(refusal_of(PadParams{PadMode::kEdge, {1}, {0}}, {{0}}), "no edge"));
  CHECK(contains(refusal_of(PadParams{PadMode::kConstant, {kHighest}, {1}}, {{3}}), "too large"));
  CHECK(contains(refusal_of(PadParams{PadMode::kConstant, {kLowest}, {1}}, {{3}}), "too large"));
  CHECK(contains(refusal_of(PadParams{PadMode::kConstant, {0}, {1}}, {{kHighest}}), "too large"));
  CHECK(contains(refusal_of(PadParams{static_cast<PadMode>(3), {0}, {1}}, {{3}}), "mode is 3"));
}

TEST_CASE("pad takes f32, s64 with a whole constant, and u8 per tensor") {
  const Tensor f = make_f32({1}), q = make_u8({1}, 1, 0), i = s64({1}, {0});
  CHECK(takes_types(PadParams{}, {f}, f));
  CHECK(takes_types(PadParams{}, {q}, q));
  CHECK(takes_types(PadParams{}, {i}, i));
  CHECK_FALSE(takes_types(PadParams{.value = 0.5F}, {i}, i));
  CHECK_FALSE(takes_types(PadParams{.value = NAN}, {i}, i));
  CHECK_FALSE(takes_types(PadParams{.value = 1e19F}, {i}, i));
  CHECK_FALSE(takes_types(PadParams{}, {q}, make_u8({1}, 2, 0)));
}

}  // namespace octet::test
