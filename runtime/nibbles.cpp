#include "runtime/nibbles.h"

#include <algorithm>

#include "kernels/weight_factors.h"

namespace octet {
namespace {

// Calls visit(first element, count, number of the run) for every run; without groups a row is a run.
template <class Visit>
bool each_run(const NibbleLayout& layout, const Visit& visit) {
  if (layout.row_elements == 0) return true;  // of which a file may claim 2^62 rows
  const int64_t size = layout.group == 0 ? layout.row_elements : layout.group;
  size_t run = 0;
  for (int64_t row = 0; row < layout.rows; ++row) {
    for (int64_t k = 0; k < layout.row_elements; k += size) {
      const int64_t count = std::min(size, layout.row_elements - k);
      if (!visit(static_cast<size_t>(row * layout.row_elements + k), static_cast<size_t>(count), run++)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::byte>> pack_nibbles(std::span<const int8_t> values, const NibbleLayout& layout) {
  std::vector<std::byte> bytes(static_cast<size_t>(layout.byte_count()));
  const size_t factors = (values.size() + 1) / 2;
  const bool done = each_run(layout, [&](size_t first, size_t count, size_t run) {
    const std::span<const int8_t> part = values.subspan(first, count);
    const int factor = least_factor(part);
    if (factor == 0 || (layout.group == 0 && factor > 1)) return false;
    for (size_t i = first; i < first + count; ++i) {
      const auto nibble = static_cast<unsigned>(values[i] / factor) & 15U;
      bytes[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? nibble : nibble << 4);
    }
    if (layout.group > 0) bytes[factors + run] = static_cast<std::byte>(factor);
    return true;
  });
  if (!done) return std::nullopt;
  return bytes;
}

bool unpack_nibbles(std::span<const std::byte> bytes, const NibbleLayout& layout, std::span<int8_t> values) {
  const size_t factors = (values.size() + 1) / 2;
  return each_run(layout, [&](size_t first, size_t count, size_t run) {
    const int factor = layout.group == 0 ? 1 : std::to_integer<int>(bytes[factors + run]);
    if (factor < 1 || factor > kMostFactor) return false;
    for (size_t i = first; i < first + count; ++i) {
      const int nibble = std::to_integer<int>(bytes[i / 2]) >> (i % 2 == 0 ? 0 : 4) & 15;
      const int number = nibble < 8 ? nibble : nibble - 16;
      if (number < -kNibbleBound) return false;
      values[i] = static_cast<int8_t>(factor * number);
    }
    return true;
  });
}

}  // namespace octet
