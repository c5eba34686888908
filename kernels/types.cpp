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
  bool overflow = false;
  for (const int64_t dim : *this) {
    if (dim < 0) return -1;
    if (dim == 0) return 0;
    // Keep looking after an overflow: a later zero makes the product 0, a later dynamic dimension makes it unknown.
    if (!overflow && count > kMaxElements / dim) overflow = true;
    if (!overflow) count *= dim;
  }
  return overflow ? -1 : count;
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
