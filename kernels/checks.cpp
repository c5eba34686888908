#include "kernels/checks.h"

namespace octet {

Error invalid(const char* op, const std::string& text) {
  return {ErrorCode::kInvalidFile, std::string(op) + ": " + text};
}

Status check_arity(const char* op, Descs inputs, size_t at_least, size_t at_most, Descs outputs) {
  OCTET_CHECK(check_input_count(op, inputs, at_least, at_most));
  if (outputs.size() == 1 && outputs[0].present) return {};
  return invalid(op, "has 1 output, not " + std::to_string(outputs.size()));
}

Status check_axis(const char* op, int64_t axis, int rank) {
  if (axis >= 0 && axis < rank) return {};
  return invalid(op, "axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
}

Status check_axes(const char* op, std::span<const int64_t> axes, int rank) {
  unsigned seen = 0;
  for (const int64_t axis : axes) {
    OCTET_CHECK(check_axis(op, axis, rank));
    const unsigned bit = 1U << axis;
    if ((seen & bit) != 0) return invalid(op, "axis " + std::to_string(axis) + " is named twice");
    seen |= bit;
  }
  return {};
}

Status check_enum(const char* op, const char* field, int64_t value, size_t count) {
  if (value >= 0 && static_cast<uint64_t>(value) < count) return {};
  return invalid(op, std::string(field) + " is " + std::to_string(value) + ", but the last known one is " +
                         std::to_string(count - 1));
}

Status check_clamp(const char* op, const Clamp& clamp) {
  if (clamp.min <= clamp.max) return {};
  return invalid(op, "clamp from " + std::to_string(clamp.min) + " to " + std::to_string(clamp.max));
}

Status check_moves(const char* op, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(op, inputs, 1, 1, outputs));
  if (inputs[0].type == outputs[0].type && same_quantization(inputs[0], outputs[0])) return {};
  return unsupported_types(op, inputs, outputs);
}

Result<std::vector<Shape>> single_output(const char* op, const Shape& shape) {
  Shape known = shape;
  for (int64_t& dim : known) {
    if (dim == Shape::kDynamic) dim = 1;
  }
  if (known.element_count() >= 0) return std::vector<Shape>{shape};
  return invalid(
      op, "the output " + shape.to_string() + " has more than " + std::to_string(Shape::kMaxElements) + " elements");
}

}  // namespace octet
