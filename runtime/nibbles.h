// Weights of 4 bits in a file: s8 integers in runs, each an integer factor times numbers in [-7, 7].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace octet {

// How an s8 constant of `rows` rows is cut: each row into runs of `group` elements, the last one shorter; 0: no
// factors, every integer is in [-7, 7].
struct NibbleLayout {
  int64_t rows = 0;
  int64_t row_elements = 0;
  int64_t group = 0;

  int64_t runs_per_row() const { return group == 0 ? 0 : (row_elements + group - 1) / group; }
  // Two numbers a byte, the first in the low half, two's complement; then a byte per run: its factor.
  int64_t byte_count() const { return (rows * row_elements + 1) / 2 + rows * runs_per_row(); }
};

// Of each run the least factor that serves. Nothing where a run has none: a number beyond 18 * 7, say.
//
// values  [rows * row_elements]
std::optional<std::vector<std::byte>> pack_nibbles(std::span<const int8_t> values, const NibbleLayout& layout);

// False where a half byte is -8, or a factor is 0 or above 18. bytes is layout.byte_count() long.
bool unpack_nibbles(std::span<const std::byte> bytes, const NibbleLayout& layout, std::span<int8_t> values);

}  // namespace octet
