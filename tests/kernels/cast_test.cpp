#include "kernels/cast/cast.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

template <class T>
std::vector<T> cast(const Tensor& src, DataType type) {
  return values_of<T>(run_reference(CastParams{}, {src}, Tensor{.type = type}));
}

constexpr DataType kTypes[] = {DataType::kF32, DataType::kU8,   DataType::kS8,  DataType::kS32,
                               DataType::kS64, DataType::kBool, DataType::kBf16};

}  // namespace

TEST_CASE("cast from f32 truncates towards zero, saturates, and maps NaN to 0") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor src = f32({8}, {1.9F, -1.9F, 300, -300, 1e30F, -inf, NAN, 0.5F});
  CHECK(cast<uint8_t>(src, DataType::kU8) == std::vector<uint8_t>{1, 0, 255, 0, 255, 0, 0, 0});
  CHECK(cast<int8_t>(src, DataType::kS8) == std::vector<int8_t>{1, -1, 127, -128, 127, -128, 0, 0});
  CHECK(cast<int32_t>(src, DataType::kS32) == std::vector<int32_t>{1, -1, 300, -300, INT32_MAX, INT32_MIN, 0, 0});
  CHECK(cast<int64_t>(src, DataType::kS64) == std::vector<int64_t>{1, -1, 300, -300, kHighest, kLowest, 0, 0});
  CHECK(cast<uint8_t>(src, DataType::kBool) == std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 1, 1});
  CHECK(cast<uint8_t>(f32({2}, {0, -0.0F}), DataType::kBool) == std::vector<uint8_t>{0, 0});
  CHECK(cast<int32_t>(f32({2}, {2147483648.0F, -2147483648.0F}), DataType::kS32) ==
        std::vector<int32_t>{INT32_MAX, INT32_MIN});
}

TEST_CASE("cast between integers wraps, and any non-zero byte is true") {
  const Tensor src = s64({4}, {-1, 256, 1, int64_t{1} << 32});
  CHECK(cast<uint8_t>(src, DataType::kU8) == std::vector<uint8_t>{255, 0, 1, 0});
  CHECK(cast<int32_t>(src, DataType::kS32) == std::vector<int32_t>{-1, 256, 1, 0});
  CHECK(cast<uint8_t>(src, DataType::kBool) == std::vector<uint8_t>{1, 1, 1, 1});
  CHECK(cast<float>(src, DataType::kF32) == std::vector<float>{-1, 256, 1, 4294967296.0F});
  const Tensor truth = make_tensor<uint8_t>(DataType::kBool, {3}, {0, 1, 7});
  CHECK(cast<float>(truth, DataType::kF32) == std::vector<float>{0, 1, 1});
  CHECK(cast<int64_t>(truth, DataType::kS64) == std::vector<int64_t>{0, 1, 1});
  CHECK(cast<uint8_t>(truth, DataType::kBool) == std::vector<uint8_t>{0, 1, 1});
}

TEST_CASE("cast to bf16 rounds half to even, keeps NaN and infinity, and is exact back") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor src = f32({8}, {1, 1 + 0x1p-8F, 1 + 0x3p-8F, 1 + 0x1p-8F + 0x1p-20F, -inf, 3.4e38F, 0x1p-140F, -0.0F});
  const std::vector<Bf16> narrow = cast<Bf16>(src, DataType::kBf16);
  const std::vector<float> expected{1, 1, 1 + 0x1p-6F, 1 + 0x1p-7F, -inf, inf, 0, -0.0F};
  for (size_t i = 0; i < expected.size(); ++i) {
    if (i == 6) continue;
    CHECK(to_f32(narrow[i]) == expected[i]);
  }
  CHECK(to_f32(narrow[6]) == doctest::Approx(0x1p-140).epsilon(1e-6));  // subnormal: exact
  CHECK(cast<int32_t>(make_tensor<Bf16>(DataType::kBf16, {1}, {to_bf16(-3.5F)}), DataType::kS32)[0] == -3);
  // A NaN whose payload would be cut off, or would carry into the sign.
  for (const uint32_t bits : {0x7F800001U, 0xFF800001U, 0x7FFFFFFFU, 0x7FC00000U}) {
    CHECK(std::isnan(to_f32(to_bf16(__builtin_bit_cast(float, bits)))));
  }
  for (uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const Bf16 x{static_cast<uint16_t>(bits)};
    if (!std::isnan(to_f32(x))) CHECK(to_bf16(to_f32(x)) == x);
  }
}

TEST_CASE("every row of cast to and from bf16 gives the bytes of the reference") {
  Random random(5);
  RowCounts ran;
  std::vector<int64_t> sizes = kSizes;
  sizes.push_back(kLarge);
  for (const int64_t n : sizes) {
    Tensor src = make_f32({n});
    for (std::byte& byte : src.bytes) byte = static_cast<std::byte>(random());  // NaN, infinity and all else
    check_rows_agree(CastParams{}, {src}, Tensor{.type = DataType::kBf16}, ran);
    Tensor narrow = make_bf16({n});
    for (std::byte& byte : narrow.bytes) byte = static_cast<std::byte>(random());
    check_rows_agree(CastParams{}, {narrow}, Tensor{}, ran);
  }
  check_all_rows_ran(CastParams{}, ran);
}

TEST_CASE("cast takes every pair of types, any size, and any number of threads") {
  RowCounts ran;
  for (const DataType from : kTypes) {
    for (const DataType to : kTypes) {
      for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{17}, kLarge}) {
        Tensor src{.type = from, .shape = {n}};
        src.allocate();
        for (size_t i = 0; i < src.bytes.size(); i += static_cast<size_t>(element_bytes(from))) {
          src.bytes[i] = static_cast<std::byte>(i % 128);
        }
        check_rows_agree(CastParams{}, {src}, Tensor{.type = to}, ran);
      }
    }
  }
}

TEST_CASE("cast keeps the shape and refuses quantized tensors") {
  CHECK(shape_of(CastParams{}, {{Shape::kDynamic, 3}}) == "Nx3");
  CHECK_FALSE(takes_types(CastParams{}, {make_u8({1}, 1, 0)}, make_f32({1})));
  CHECK_FALSE(takes_types(CastParams{}, {make_f32({1})}, make_u8({1}, 1, 0)));
}

}  // namespace octet::test
