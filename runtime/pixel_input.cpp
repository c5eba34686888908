#include "runtime/pixel_input.h"

#include <algorithm>

#include "kernels/quantize/pixel_lookup.h"

namespace octet {
namespace {

bool reads_image(const PackedModel& model, size_t node) {
  return std::holds_alternative<QuantizeParams>(model.nodes[node].op) && model.nodes[node].inputs[0] == model.inputs[0];
}

bool needs_transpose(const PixelInput& pixels) {
  return pixels.channel_axis == 1 && pixels.values.size() > 1;
}

// How many nodes, and graph outputs, read a tensor.
int count_readers(const PackedModel& model, int32_t tensor) {
  int count = static_cast<int>(std::count(model.outputs.begin(), model.outputs.end(), tensor));
  for (const PackedNode& node : model.nodes) {
    count += static_cast<int>(std::count(node.inputs.begin(), node.inputs.end(), tensor));
  }
  return count;
}

bool is_followed_by_transpose(const PackedModel& model, size_t node) {
  if (node + 1 >= model.nodes.size()) return false;
  const auto* params = std::get_if<TransposeParams>(&model.nodes[node + 1].op);
  const int32_t quantized = model.nodes[node].outputs[0];
  return params != nullptr && params->permutation == std::vector<int64_t>{0, 2, 3, 1} &&
         model.nodes[node + 1].inputs[0] == quantized && count_readers(model, quantized) == 1;
}

}  // namespace

Result<Shape> pixel_shape(const PackedModel& model, const PixelInput& pixels, std::span<const Shape> shapes) {
  if (model.inputs.size() != 1) {
    return Error{ErrorCode::kUnsupported,
                 "pixels feed a model's only input, but this one has " + std::to_string(model.inputs.size())};
  }
  const Shape& input = shapes[static_cast<size_t>(model.inputs[0])];
  const PackedTensor& image = model.tensors[static_cast<size_t>(model.inputs[0])];
  const auto channels = static_cast<int64_t>(pixels.values.size());
  const int axis = pixels.channel_axis;
  if (input.rank() != 4 || (axis != 1 && axis != 3) || input[axis] != channels) {
    return Error{ErrorCode::kUsage, "pixels of " + std::to_string(channels) + " channels along axis " +
                                        std::to_string(axis) + " cannot be the input '" + image.name + "', which is " +
                                        input.to_string()};
  }
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const bool fits = reads_image(model, i) && count_readers(model, model.inputs[0]) == 1 &&
                      (!needs_transpose(pixels) || is_followed_by_transpose(model, i));
    if (fits) return axis == 1 ? Shape{input[0], input[2], input[3], input[1]} : input;
  }
  return Error{ErrorCode::kUnsupported,
               "the input '" + image.name +
                   "' cannot be fed as pixels: the model must quantize it first, and do no more "
                   "between than put its channels last; feed it as " +
                   to_string(image.type)};
}

bool matches_pixels_nchw(const PatternContext& context, size_t first) {
  return context.pixels != nullptr && needs_transpose(*context.pixels) && reads_image(context.model, first);
}

bool matches_pixels(const PatternContext& context, size_t first) {
  return context.pixels != nullptr && !needs_transpose(*context.pixels) && reads_image(context.model, first);
}

Result<Kernel> prepare_pixels(const PatternContext& context, size_t first) {
  const PackedNode& quantize = context.model.nodes[first];
  const QuantParams quant = context.model.tensors[static_cast<size_t>(quantize.outputs[0])].desc().quant();
  PixelLookupParams params;
  for (const auto& values : context.pixels->values) params.tables.push_back(make_pixel_table(values, quant));
  const TensorDesc pixels{.type = DataType::kU8, .shape = context.shapes[static_cast<size_t>(quantize.inputs[0])]};
  OCTET_TRY(SelectedKernel selected, select_kernel<PixelLookupParams>(
                                         kernel_table(params), {params, {&pixels, 1}, {&pixels, 1}, context.threads}));
  return std::move(selected.kernel);
}

}  // namespace octet
