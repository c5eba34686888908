// One call of any op family on tensors that the test owns, and the comparison of all rows of its table.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>

#include "tests/support/tensor.h"

namespace octet::test {

// Sizes at which vector loops go wrong: around 8, 16 and 32.
inline const std::vector<int64_t> kSizes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33};
// Enough for several threads to share the work.
inline constexpr int64_t kLarge = 120000;
inline constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

template <class T>
Tensor make_tensor(DataType type, const Shape& shape, const std::vector<T>& values) {
  Tensor tensor{.type = type, .shape = shape};
  tensor.allocate();
  REQUIRE(tensor.as<T>().size() == values.size());
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return tensor;
}
inline Tensor f32(const Shape& shape, const std::vector<float>& values) {
  return make_tensor<float>(DataType::kF32, shape, values);
}
inline Tensor s64(const Shape& shape, const std::vector<int64_t>& values) {
  return make_tensor<int64_t>(DataType::kS64, shape, values);
}
inline Tensor u8(const Shape& shape, float scale, int32_t zero_point, const std::vector<uint8_t>& values) {
  Tensor tensor = make_tensor<uint8_t>(DataType::kU8, shape, values);
  tensor.scales = {scale};
  tensor.zero_points = {zero_point};
  return tensor;
}
// 0, 1, 2, ...
inline Tensor counting_f32(const Shape& shape) {
  Tensor tensor = make_f32(shape);
  float next = 0;
  for (float& x : tensor.as<float>()) x = next++;
  return tensor;
}
inline Tensor random_u8(const Shape& shape, float scale, int32_t zero_point, Random& random) {
  Tensor tensor = make_u8(shape, scale, zero_point);
  fill_integers<uint8_t>(tensor, random, 0, 255);
  return tensor;
}
inline Tensor random_f32(const Shape& shape, float min, float max, Random& random) {
  Tensor tensor = make_f32(shape);
  fill_uniform(tensor, random, min, max);
  return tensor;
}
// A tensor of whose type and quantization an output shall be.
inline Tensor like(const Tensor& tensor) {
  return {.type = tensor.type, .scales = tensor.scales, .zero_points = tensor.zero_points};
}

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  const std::span<const T> values = tensor.as<T>();
  return {values.begin(), values.end()};
}

// Refers to the tensors.
inline std::vector<TensorDesc> descs_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorDesc> descs;
  for (const Tensor& tensor : tensors) descs.push_back(tensor.desc());
  return descs;
}

// What `row` writes, with `dst` telling type, quantization and shape. Nothing behind its end may be written.
template <class Params>
Tensor run_row(const KernelRow<Params>& row, const Problem<Params>& problem, const std::vector<Tensor>& inputs,
               const Tensor& dst) {
  const Result<Kernel> kernel = row.prepare(problem);
  REQUIRE_MESSAGE(kernel.ok(), kernel.error().message);
  Tensor result = dst;
  result.allocate();
  const size_t size = result.bytes.size();
  constexpr std::byte kUntouched{0xcd};
  result.bytes.assign(size + 64, kUntouched);
  std::vector<const void*> src;
  for (const Tensor& input : inputs) src.push_back(input.bytes.data());
  void* to = result.bytes.data();
  (*kernel)({src.data(), &to});
  for (size_t i = size; i < result.bytes.size(); ++i) CHECK(result.bytes[i] == kUntouched);
  result.bytes.resize(size);
  return result;
}

// Infers dst's shape, checks the types, and runs the last row. `dst` tells type and quantization.
template <class Params>
Tensor run_reference(const Params& params, const std::vector<Tensor>& inputs, Tensor dst, int threads = 1) {
  const std::vector<TensorDesc> descs = descs_of(inputs);
  const auto shapes = infer_shapes(params, descs);
  REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
  REQUIRE(shapes->size() == 1);
  dst.shape = (*shapes)[0];
  const TensorDesc dst_desc = dst.desc();
  const Status status = check_types(params, descs, {&dst_desc, 1});
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  const Problem<Params> problem{params, descs, {&dst_desc, 1}, threads};
  return run_row(kernel_table(params).back(), problem, inputs, dst);
}

// How often each row of a table ran.
using RowCounts = std::map<std::string, int>;

// Every row that takes the problem gives the bytes of the last row, with one thread and with three.
template <class Params>
void check_rows_agree(const Params& params, const std::vector<Tensor>& inputs, const Tensor& dst, RowCounts& ran) {
  const Tensor expected = run_reference(params, inputs, dst);
  const std::vector<TensorDesc> descs = descs_of(inputs);
  const TensorDesc dst_desc = expected.desc();
  for (const KernelRow<Params>& row : kernel_table(params)) {
    for (const int threads : {1, 3}) {
      const Problem<Params> problem{params, descs, {&dst_desc, 1}, threads};
      if (!is_available(row.isa) || !row.supports(problem)) continue;
      const Tensor actual = run_row(row, problem, inputs, expected);
      CAPTURE(row.name);
      CAPTURE(threads);
      CAPTURE(expected.shape.to_string());
      CHECK(actual.bytes == expected.bytes);
      ++ran[row.name];
    }
  }
}

// No row that this CPU could run was left out.
template <class Params>
void check_all_rows_ran(const Params& params, const RowCounts& ran) {
  for (const KernelRow<Params>& row : kernel_table(params)) {
    CAPTURE(row.name);
    if (is_available(row.isa)) CHECK(ran.count(row.name) > 0);
  }
}

// Each of `rows` of the first input, f32 [rows, taps], alone: every row of the table gives it the bytes, f32 [outputs],
// that it has in the batch.
template <class Params>
void check_rows_alone(const Params& params, std::vector<Tensor> inputs, const std::vector<size_t>& rows) {
  const Tensor all = run_reference(params, inputs, Tensor{});
  const std::vector<float> src = values_of<float>(inputs[0]);
  const auto taps = static_cast<size_t>(inputs[0].shape[1]), bytes = static_cast<size_t>(all.shape[1]) * sizeof(float);
  for (const size_t row : rows) {
    const auto first = src.begin() + static_cast<ptrdiff_t>(row * taps), last = first + static_cast<ptrdiff_t>(taps);
    inputs[0] = f32({1, inputs[0].shape[1]}, {first, last});
    RowCounts ran;
    check_rows_agree(params, inputs, Tensor{}, ran);
    const Tensor alone = run_reference(params, inputs, Tensor{});
    CHECK(std::memcmp(alone.bytes.data(), all.bytes.data() + row * bytes, bytes) == 0);
  }
}

// The shape that the op gives to inputs of these shapes; "" and a failed check if it refuses them.
template <class Params>
std::string shape_of(const Params& params, const std::vector<Shape>& shapes) {
  std::vector<TensorDesc> descs;
  for (const Shape& shape : shapes) descs.push_back({.shape = shape});
  const auto result = infer_shapes(params, descs);
  if (result.ok()) return (*result)[0].to_string();
  FAIL_CHECK(result.error().message);
  return "";
}

// The message with which the op refuses inputs of these shapes as coming from a damaged file.
template <class Params>
std::string refusal_of(const Params& params, const std::vector<Shape>& shapes) {
  std::vector<TensorDesc> descs;
  for (const Shape& shape : shapes) descs.push_back({.shape = shape});
  const auto result = infer_shapes(params, descs);
  if (result.ok()) return "accepted: " + (*result)[0].to_string();
  CHECK(result.error().code == ErrorCode::kInvalidFile);
  CHECK(result.error().message.starts_with(Params::kName));
  return result.error().message;
}

// Whether check_types takes these inputs and this output.
template <class Params>
bool takes_types(const Params& params, const std::vector<Tensor>& inputs, const Tensor& dst) {
  const TensorDesc dst_desc = dst.desc();
  const Status status = check_types(params, descs_of(inputs), {&dst_desc, 1});
  if (!status.ok()) CHECK(status.error().code == ErrorCode::kUnsupported);
  return status.ok();
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace octet::test
