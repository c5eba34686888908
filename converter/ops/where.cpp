// where: Where, and what chooses by a mask: OneHot, Trilu, ThresholdedRelu, Shrink.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

Status read_where(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(3));
  Steps steps(reader);
  return steps.finish(steps.main().where(reader.input(0), reader.input(1), reader.input(2)));
}

// 0, 1, ..., count - 1
Result<Tensor> counting(NodeReader& reader, int64_t count) {
  OCTET_TRY(Tensor numbers, reader.make_constant(DataType::kS64, {count}));
  for (int64_t i = 0; i < count; ++i) numbers.as<int64_t>()[i] = i;
  return numbers;
}

// index == 0, 1, ..., depth - 1 along a new axis, where an index below 0 counts from the end: on there, off elsewhere.
Status read_one_hot(NodeReader& reader) {
  constexpr int64_t kMaxDepth = int64_t{1} << 24;
  OCTET_CHECK(reader.require_inputs(3));
  const Shape src = reader.input_shape(0);
  const Tensor* depth_tensor = reader.constant(1);
  if (depth_tensor == nullptr || depth_tensor->element_count() != 1) {
    return reader.unsupported("its depth is not a constant of one element");
  }
  int64_t depth = 0;
  if (depth_tensor->type() == DataType::kF32) {
    const float number = depth_tensor->as<float>()[0];
    depth = number >= 0 && number <= static_cast<float>(kMaxDepth) ? static_cast<int64_t>(number) : -1;
  } else {
    OCTET_TRY(const std::vector<int64_t> number, reader.constant_ints(1));
    depth = number[0];
  }
  if (depth < 1 || depth > kMaxDepth || src.rank() == Shape::kMaxRank) {
    return reader.unsupported("its depth is " + std::to_string(depth) + ", its indices " + src.to_string());
  }
  OCTET_TRY(int64_t axis, reader.attribute("axis", int64_t{-1}));
  OCTET_TRY(axis, reader.normalize_axis(axis, src.rank() + 1));
  if (reader.input_shape(2) != Shape{2}) return reader.invalid("its values are " + reader.input_shape(2).to_string());

  Steps steps(reader);
  const ValueId index = steps.cast(reader.input(0), DataType::kS64);
  const ValueId from_end = steps.binary(BinaryKind::kAdd, index, steps.whole(depth));
  ValueId place = steps.where(steps.compare(CompareKind::kLess, index, steps.whole(0)), from_end, index);
  std::vector<int64_t> dims(src.begin(), src.end());
  if (!dims.empty()) dims[0] = axis == 0 ? -1 : 0;
  dims.insert(dims.begin() + axis, 1);
  std::vector<int64_t> numbers(dims.size(), 1);
  numbers[static_cast<size_t>(axis)] = depth;
  place = steps.reshape(place, dims);
  OCTET_TRY(Tensor places, counting(reader, depth));
  const ValueId hit =
      steps.compare(CompareKind::kEqual, place, steps.reshape(steps.constant(std::move(places)), numbers));
  const auto value = [&](int64_t i) { return steps.op(SliceParams{{0}, {i}, {i + 1}, {1}}, {reader.input(2)}); };
  return steps.finish(steps.main().where(hit, value(1), value(0)));
}

// The upper or lower triangle of the last two axes, zeros elsewhere.
Status read_trilu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape src = reader.input_shape(0);
  if (src.rank() < 2) return reader.invalid("its input has the shape " + src.to_string());
  OCTET_TRY(const int64_t upper, reader.attribute("upper", int64_t{1}));
  int64_t k = 0;
  if (reader.has_input(1)) {
    OCTET_TRY(const std::vector<int64_t> number, reader.constant_ints(1));
    if (number.size() != 1) return reader.invalid("its k has " + std::to_string(number.size()) + " elements");
    k = std::clamp<int64_t>(number[0], -Shape::kMaxElements, Shape::kMaxElements);
  }
  const int64_t rows = src[src.rank() - 2], columns = src[src.rank() - 1];
  OCTET_TRY(Tensor kept, reader.make_constant(DataType::kBool, {rows, columns}));
  for (int64_t i = 0; i < rows * columns; ++i) {
    const int64_t distance = i % columns - i / columns;
    kept.as<uint8_t>()[i] = (upper != 0 ? distance >= k : distance <= k) ? 1 : 0;
  }
  Steps steps(reader);
  const ValueId zero = steps.constant(Tensor(reader.input_type(0), Shape{}));
  return steps.finish(steps.main().where(steps.constant(std::move(kept)), reader.input(0), zero));
}

// x > alpha ? x : 0
Status read_thresholded_relu(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1.0F));
  Steps steps(reader);
  const ValueId x = reader.input(0);
  const ValueId above = steps.compare(CompareKind::kLess, steps.number(alpha), x);
  return steps.finish(steps.main().where(above, x, steps.number(0)));
}

// x < -lambd ? x + bias : x > lambd ? x - bias : 0
Status read_shrink(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const float lambda, reader.attribute("lambd", 0.5F));
  OCTET_TRY(const float bias, reader.attribute("bias", 0.0F));
  Steps steps(reader);
  const ValueId x = reader.input(0);
  const ValueId low = steps.compare(CompareKind::kLess, x, steps.number(-lambda));
  const ValueId high = steps.compare(CompareKind::kLess, steps.number(lambda), x);
  const ValueId shrunk = steps.where(high, steps.binary(BinaryKind::kSub, x, bias), steps.number(0));
  return steps.finish(steps.main().where(low, steps.binary(BinaryKind::kAdd, x, bias), shrunk));
}

constexpr OpReader kReaders[] = {
    {"Where", "where", read_where},    {"OneHot", "one_hot", read_one_hot},
    {"Trilu", "trilu", read_trilu},    {"ThresholdedRelu", "thresholded_relu", read_thresholded_relu},
    {"Shrink", "shrink", read_shrink},
};

}  // namespace

constinit const OpRule kWhereRule{"where", always<QuantizationRule::kFloat>, permute_constants, kReaders};

}  // namespace octet
