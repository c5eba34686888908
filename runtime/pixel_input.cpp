#include "runtime/pixel_input.h"

#include "kernels/quantization.h"
#include "kernels/quantize/pixel_lookup.h"
#include "runtime/image_chain.h"

namespace octet {
namespace {

// The chain at nodes[first], if the model's input starts it, nobody else reads that, and the chain puts its channels
// last where the pixels have several.
std::optional<ImageChain> pixel_chain(const PackedModel& model, const PixelInput& pixels, size_t first) {
  const std::vector<int32_t>& inputs = model.nodes[first].inputs;
  if (inputs.empty() || inputs[0] != model.inputs[0] || count_readers(model, model.inputs[0]) != 1) {
    return std::nullopt;
  }
  std::optional<ImageChain> chain = read_image_chain(model, first);
  if (!chain.has_value()) return std::nullopt;
  const bool needs_transpose = pixels.channel_axis == 1 && pixels.values.size() > 1;
  return chain->has_transpose == needs_transpose ? chain : std::nullopt;
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
    if (!pixel_chain(model, pixels, i).has_value()) continue;
    return axis == 1 ? Shape{input[0], input[2], input[3], input[1]} : input;
  }
  return Error{ErrorCode::kUnsupported,
               "the input '" + image.name +
                   "' cannot be fed as pixels: the model must quantize it first, and do no more "
                   "before than pad, scale and shift it, and put its channels last; feed it as " +
                   to_string(image.type)};
}

size_t matches_pixels(const PatternContext& context, size_t first) {
  if (context.pixels == nullptr) return 0;
  const std::optional<ImageChain> chain = pixel_chain(context.model, *context.pixels, first);
  return chain.has_value() ? chain->count : 0;
}

Result<Kernel> prepare_pixels(const PatternContext& context, size_t first) {
  const std::optional<ImageChain> chain = pixel_chain(context.model, *context.pixels, first);
  PixelLookupParams params;
  params.pads = chain->pads;
  for (size_t c = 0; c < context.pixels->values.size(); ++c) {
    const float scale = chain->scale_of(c);
    const float shift = chain->shift_of(c);
    params.tables.push_back(make_pixel_table(context.pixels->values[c], scale, shift, chain->quant));
    params.border.push_back(quantize_u8(shift, chain->quant));
  }
  const Shape& src = context.shapes[static_cast<size_t>(chain->src)];
  const TensorDesc pixels{.type = DataType::kU8, .shape = src};
  const Shape padded{src[0], params.pads[0] + src[1] + params.pads[2], params.pads[1] + src[2] + params.pads[3],
                     src[3]};
  const TensorDesc quantized{.type = DataType::kU8, .shape = padded};
  OCTET_TRY(SelectedKernel selected,
            select_kernel<PixelLookupParams>(kernel_table(params),
                                             {params, {&pixels, 1}, {&quantized, 1}, context.threads}));
  return std::move(selected.kernel);
}

}  // namespace octet
