// The vocabulary of all floors: data types, shapes, views of tensors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace octet {

// Element types. The numbers are on disk: append only.
enum class DataType : uint8_t { kF32 = 1, kU8 = 2, kS8 = 3, kS32 = 4, kS64 = 5, kBool = 6, kBf16 = 7 };

constexpr bool is_known(DataType type) {
  return type >= DataType::kF32 && type <= DataType::kBf16;
}

// Bytes of one element.
constexpr int64_t element_bytes(DataType type) {
  switch (type) {
    case DataType::kF32:
    case DataType::kS32:
      return 4;
    case DataType::kS64:
      return 8;
    case DataType::kBf16:
      return 2;
    case DataType::kU8:
    case DataType::kS8:
    case DataType::kBool:
      return 1;
  }
  return 0;
}

// "f32", "u8", ...
const char* to_string(DataType type);

// The dimensions of a tensor, outermost first; at most kMaxRank of them. Rank 0 is a scalar.
// A dimension is either known (>= 0) or kDynamic until a session fixes it.
class Shape {
 public:
  static constexpr int kMaxRank = 8;
  static constexpr int64_t kDynamic = -1;
  static constexpr int64_t kMaxElements = int64_t{1} << 40;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  // dims.size() <= kMaxRank
  explicit Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
    std::copy(dims.begin(), dims.end(), dims_.begin());
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) { return dims_[static_cast<size_t>(axis)]; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  int64_t* begin() { return dims_.data(); }
  int64_t* end() { return dims_.data() + rank_; }

  bool is_concrete() const {
    return std::none_of(begin(), end(), [](int64_t d) { return d < 0; });
  }

  // The product of the dimensions; 1 for a scalar; -1 if one is dynamic or that of those above 0 exceeds kMaxElements.
  int64_t element_count() const;

  // "1x3x224x224"; a dynamic dimension is "N"; a scalar is "scalar".
  std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// real = scale * (q - zero_point). scale > 0 and finite; zero_point lies in the integer type's range.
struct QuantParams {
  float scale = 1.0F;
  int32_t zero_point = 0;

  friend bool operator==(const QuantParams&, const QuantParams&) = default;
};

// A dense, row-major tensor in memory that somebody else owns.
struct TensorView {
  DataType type = DataType::kF32;
  Shape shape;
  void* data = nullptr;

  int64_t byte_count() const { return shape.element_count() * element_bytes(type); }
  // The elements; T must be the C++ type of `type`.
  template <class T>
  std::span<T> as() const {
    return {static_cast<T*>(data), static_cast<size_t>(shape.element_count())};
  }
};

}  // namespace octet
