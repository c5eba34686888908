#include "octet/types.h"

namespace octet {

const char* to_string(DataType type) {
  switch (type) {
    case DataType::kF32:
      return "f32";
    case DataType::kU8:
      return "u8";
    case DataType::kS8:
      return "s8";
    case DataType::kS32:
      return "s32";
    case DataType::kS64:
      return "s64";
    case DataType::kBool:
      return "bool";
    case DataType::kBf16:
      return "bf16";
  }
  return "unknown";
}

int64_t Shape::element_count() const {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dim : *this) {
    if (dim < 0) {
      if (empty) continue;
      return -1;
    }
    // Other dimensions are bounded beside a 0 too: strides and the like are their products.
    if (dim == 0) {
      empty = true;
    } else if (count > kMaxElements / dim) {
      return -1;
    } else {
      count *= dim;
    }
  }
  return empty ? 0 : count;
}

std::string Shape::to_string() const {
  if (rank_ == 0) return "scalar";
  std::string text;
  for (const int64_t dim : *this) {
    if (!text.empty()) text += 'x';
    text += dim == kDynamic ? "N" : std::to_string(dim);
  }
  return text;
}

}  // namespace octet
