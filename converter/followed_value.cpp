#include "converter/followed_value.h"

#include <algorithm>

#include "converter/readings.h"

namespace octet {

double number_at(const Tensor& tensor, int64_t i) {
  const auto at = static_cast<size_t>(i);
  switch (tensor.type()) {
    case DataType::kF32:
      return tensor.as<float>()[at];
    case DataType::kS64:
      return static_cast<double>(tensor.as<int64_t>()[at]);
    case DataType::kS32:
      return tensor.as<int32_t>()[at];
    case DataType::kS8:
      return tensor.as<int8_t>()[at];
    case DataType::kU8:
    case DataType::kBool:
      return tensor.as<uint8_t>()[at];
    case DataType::kBf16:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

bool is_uniform(const Tensor& tensor, double value) {
  for (int64_t i = 0; i < tensor.element_count(); ++i) {
    if (number_at(tensor, i) != value) return false;
  }
  return true;
}

Followed follow(std::vector<const Tensor*> readings) {
  Followed value{.readings = std::move(readings)};
  const Tensor& own = *value.readings[0];
  for (const Tensor* other : value.readings) value.same_shape = value.same_shape && other->shape() == own.shape();
  const int64_t count = own.element_count();
  if (!value.same_shape) {
    const auto is_more = [&](const Tensor* other) {
      return is_copies_of(own, *other) ||
             (count > 0 && is_uniform(own, number_at(own, 0)) && is_uniform(*other, number_at(own, 0)));
    };
    if (!std::ranges::all_of(value.readings, is_more)) {
      value.following = std::max<int64_t>(count, 1);
      return value;
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    const double number = number_at(own, i);
    const auto is_same = [&](const Tensor* other) { return !value.same_shape || number_at(*other, i) == number; };
    if (!std::ranges::all_of(value.readings, is_same)) {
      if (value.following++ == 0) value.first = i;
      continue;
    }
    value.least_fixed = std::min(value.least_fixed, number);
    value.most_fixed = std::max(value.most_fixed, number);
  }
  return value;
}

bool divides_exactly(const Followed& a, const Followed& b, const Followed& q) {
  for (size_t k = 0; k < q.readings.size(); ++k) {
    const int64_t count = q.readings[k]->element_count();
    const auto at = [&](const Followed& value, int64_t i) {
      const int64_t own = value.readings[k]->element_count();
      return own == count ? number_at(*value.readings[k], i)
             : own == 1   ? number_at(*value.readings[k], 0)
                          : std::numeric_limits<double>::quiet_NaN();
    };
    for (int64_t i = 0; i < count; ++i) {
      if (!(at(q, i) * at(b, i) == at(a, i))) return false;
    }
  }
  return true;
}

bool are_equal(const Followed& a, const Followed& b) {
  for (size_t k = 0; k < a.readings.size(); ++k) {
    const Tensor &x = *a.readings[k], &y = *b.readings[k];
    if (x.shape() != y.shape()) return false;
    for (int64_t i = 0; i < x.element_count(); ++i) {
      if (!(number_at(x, i) == number_at(y, i))) return false;
    }
  }
  return true;
}

bool shows_in(const Followed& input, const Followed& output) {
  if (!output.same_shape) return true;
  const bool element_wise = input.same_shape && input.readings[0]->shape() == output.readings[0]->shape();
  return output.following >= (element_wise ? input.following : 1);
}

}  // namespace octet
