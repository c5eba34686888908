// Checks and arithmetic that many ops share: numbers from a file are hostile until they have passed these.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/clamp.h"
#include "kernels/kernel.h"

namespace octet {

// a + b and a * b; nothing if the result does not fit into 64 bits.
inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
inline std::optional<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// kInvalidFile, "<op>: <text>".
Error invalid(const char* op, const std::string& text);

// at_least to at_most inputs, the first at_least of them present, and one output.
Status check_arity(const char* op, Descs inputs, size_t at_least, size_t at_most, Descs outputs);
// axis in [0, rank)
Status check_axis(const char* op, int64_t axis, int rank);
// Each axis in [0, rank), none twice.
Status check_axes(const char* op, std::span<const int64_t> axes, int rank);
// value in [0, count): an enum that was read from a file.
Status check_enum(const char* op, const char* field, int64_t value, size_t count);
// Neither bound is NaN, and min <= max.
Status check_clamp(const char* op, const Clamp& clamp);
// One input and one output of the same type and (per tensor) quantization: what ops need that only move elements.
Status check_moves(const char* op, Descs inputs, Descs outputs);

// The one output of a shape rule, after a last look at it: every dimension is dynamic or >= 0, and the known ones
// multiply to at most Shape::kMaxElements.
Result<std::vector<Shape>> single_output(const char* op, const Shape& shape);

}  // namespace octet
