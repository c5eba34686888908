#include "kernels/cast/cast.h"

#include <cmath>

#include "tests/kernels/op_case.h"

namespace octet::test {
namespace {

template <class T>
std::vector<T> cast(const Tensor& src, DataType type) {
  return values_of<T>(run_reference(CastParams{}, {src}, Tensor{.type = type}));
}

constexpr DataType kTypes[] = {DataType::kF32, DataType::kU8,  DataType::kS8,
                               DataType::kS32, DataType::kS64, DataType::kBool};

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
