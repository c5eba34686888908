#include "converter/ops/rules.h"

#include <algorithm>

#include "converter/ops/steps.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

// auto_pad SAME: as many outputs as strides begin in the input, ceil(size / stride); an odd pad's larger half goes to
// the end (SAME_UPPER) or the start (SAME_LOWER).
void pad_same(Window& window, int axis, int64_t size, bool upper) {
  const auto i = static_cast<size_t>(axis);
  const int64_t count = (size - 1) / window.strides[i] + 1;
  const int64_t reach = window.dilations[i] * (window.kernel[i] - 1) + 1;
  const int64_t total = std::max<int64_t>((count - 1) * window.strides[i] + reach - size, 0);
  window.pads[i] = upper ? total / 2 : total - total / 2;
  window.pads[i + 2] = total - window.pads[i];
}

// The attribute's values in the places of height and width; one of a single spatial axis is the width.
Status read_pair(const NodeReader& reader, const char* name, size_t spatial, std::array<int64_t, 2>& pair) {
  if (!reader.has_attribute(name)) return {};
  OCTET_TRY(const Ints values, reader.attribute(name, Ints{}));
  if (values.size() != spatial) {
    return reader.invalid("the attribute '" + std::string(name) + "' has " + std::to_string(values.size()) +
                          " values for " + std::to_string(spatial) + " spatial axes");
  }
  // Larger values are no windows, and keep arithmetic on them from overflowing.
  for (const int64_t value : values) {
    if (value < 1 || value > INT32_MAX) {
      return reader.invalid("the attribute '" + std::string(name) + "' has the value " + std::to_string(value));
    }
  }
  std::copy(values.begin(), values.end(), pair.end() - static_cast<std::ptrdiff_t>(spatial));
  return {};
}

Status read_pads(const NodeReader& reader, size_t spatial, Window& window) {
  OCTET_TRY(const Ints pads, reader.attribute("pads", Ints(2 * spatial, 0)));
  if (pads.size() != 2 * spatial) {
    return reader.invalid("the attribute 'pads' has " + std::to_string(pads.size()) + " values for " +
                          std::to_string(spatial) + " spatial axes");
  }
  for (size_t i = 0; i < spatial; ++i) {
    window.pads[2 - spatial + i] = pads[i];
    window.pads[4 - spatial + i] = pads[spatial + i];
  }
  return {};
}

}  // namespace

int64_t permuted_axis(int64_t axis, std::span<const int64_t> permutation) {
  return std::find(permutation.begin(), permutation.end(), axis) - permutation.begin();
}

std::vector<int64_t> permuted_list(const std::vector<int64_t>& list, std::span<const int64_t> permutation) {
  std::vector<int64_t> result;
  for (const int64_t axis : permutation) result.push_back(list[static_cast<size_t>(axis)]);
  return result;
}

bool permute_constants(Graph& graph, Node& node, std::span<const int64_t> permutation) {
  const auto rank = static_cast<int>(permutation.size());
  for (const ValueId id : node.inputs) {
    if (id != kNoValue && graph.value(id).shape.rank() > rank) return false;
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoValue || !graph.value(node.inputs[i]).is_constant()) continue;
    const Value& value = graph.value(node.inputs[i]);
    if (value.shape.element_count() == 1 && !node.is<ConcatParams>()) continue;
    Shape lifted{Ints(static_cast<size_t>(rank), 1)};
    std::copy(value.shape.begin(), value.shape.end(), lifted.end() - value.shape.rank());
    replace_constant(graph, node, i, transposed(value.constant->reshaped(lifted), permutation), value.name);
  }
  return true;
}

Result<std::vector<int64_t>> normalize_axes(const NodeReader& reader, std::vector<int64_t> axes, int rank) {
  for (int64_t& axis : axes) {
    OCTET_TRY(axis, reader.normalize_axis(axis, rank));
  }
  return axes;
}

Result<ValueId> second_operand(NodeReader& reader) {
  constexpr int kNewBroadcast = 7;
  const ValueId b = reader.input(1);
  const Shape shape = reader.input_shape(1);
  const int rank = reader.input_shape(0).rank();
  if (reader.opset() >= kNewBroadcast || !reader.has_attribute("axis") || shape.rank() == 0) return b;
  OCTET_TRY(const int64_t axis, reader.attribute("axis", int64_t{0}));
  if (axis < 0 || axis + shape.rank() > rank) {
    return reader.invalid("its input 1, " + shape.to_string() + ", does not fit into its input 0, " +
                          reader.input_shape(0).to_string() + ", from axis " + std::to_string(axis) + " on");
  }
  std::vector<int64_t> dims(static_cast<size_t>(rank - axis), 1);
  std::copy(shape.begin(), shape.end(), dims.begin());
  dims[0] = 0;
  Steps steps(reader);
  return steps.result(steps.reshape(b, dims));
}

ValueId scalar_constant(NodeReader& reader, float value, std::string_view suffix) {
  return reader.add_constant(Tensor::f32(Shape{}, std::span(&value, 1)), suffix);
}

Result<Window> read_window(const NodeReader& reader, std::span<const int64_t> kernel) {
  const Shape& src = reader.input_shape(0);
  if (src.rank() != 3 && src.rank() != 4) {
    return reader.unsupported("its input has the shape " + src.to_string() + "; octet reads images and sequences, " +
                              "of rank 4 and 3");
  }
  const auto spatial = static_cast<size_t>(src.rank() - 2);
  Window window;
  OCTET_CHECK(read_pair(reader, "kernel_shape", spatial, window.kernel));
  OCTET_CHECK(read_pair(reader, "strides", spatial, window.strides));
  OCTET_CHECK(read_pair(reader, "dilations", spatial, window.dilations));
  if (kernel.empty() && !reader.has_attribute("kernel_shape")) return reader.invalid("it has no 'kernel_shape'");
  if (!kernel.empty()) {
    std::array<int64_t, 2> implied{1, 1};
    std::copy(kernel.begin(), kernel.end(), implied.end() - static_cast<std::ptrdiff_t>(spatial));
    if (reader.has_attribute("kernel_shape") && implied != window.kernel) {
      return reader.invalid("kernel_shape is " + std::to_string(window.kernel[0]) + "x" +
                            std::to_string(window.kernel[1]) + ", but the weights are " + std::to_string(implied[0]) +
                            "x" + std::to_string(implied[1]));
    }
    window.kernel = implied;
  }
  OCTET_TRY(const std::string auto_pad, reader.attribute("auto_pad", std::string("NOTSET")));
  if (auto_pad == "NOTSET" || auto_pad.empty()) {
    OCTET_CHECK(read_pads(reader, spatial, window));
  } else if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    for (size_t i = 0; i < spatial; ++i) {
      pad_same(window, static_cast<int>(2 - spatial + i), src[static_cast<int>(2 + i)], auto_pad == "SAME_UPPER");
    }
  } else if (auto_pad != "VALID") {
    return reader.invalid("auto_pad is '" + auto_pad + "'");
  }
  return window;
}

Result<ValueId> apply_to_image(NodeReader& reader, ValueId image, GraphOp op, std::vector<ValueId> others) {
  const Shape src = reader.graph().value(image).shape;
  if (src.rank() == 3) {
    OCTET_TRY(image, reader.emit_step(ReshapeParams{{0, 0, 1, src[2]}}, {image}));
  }
  OCTET_TRY(ValueId result, reader.emit_channels_last(std::move(op), image, std::move(others)));
  if (src.rank() == 3) {
    OCTET_TRY(result, reader.emit_step(ReshapeParams{{0, 0, reader.graph().value(result).shape[3]}}, {result}));
  }
  return result;
}

Status emit_image_op(NodeReader& reader, GraphOp op, std::vector<ValueId> others) {
  Steps steps(reader);
  const DataType type = reader.input_type(0);
  OCTET_TRY(const ValueId image, steps.result(steps.cast(reader.input(0), DataType::kF32)));
  OCTET_TRY(const ValueId result, apply_to_image(reader, image, std::move(op), std::move(others)));
  return steps.finish(steps.cast(result, type));
}

}  // namespace octet
