#include "runtime/step_patterns.h"

#include "kernels/quantize/quantize_image.h"
#include "runtime/image_chain.h"
#include "runtime/pixel_input.h"

namespace octet {
namespace {

QuantizeImageParams image_params(const ImageChain& chain, const Shape& src) {
  QuantizeImageParams params = QuantizeImageParams::plain(src[chain.has_transpose ? 1 : 3]);
  for (size_t c = 0; c < params.scale.size(); ++c) {
    params.scale[c] = chain.scale_of(c);
    params.shift[c] = chain.shift_of(c);
  }
  params.pads = chain.pads;
  params.channels_last = !chain.has_transpose;
  return params;
}

// An f32 image straight to u8 NHWC, the way it enters most networks. (To quantize is an op of its own.)
size_t matches_image(const PatternContext& context, size_t first) {
  const std::optional<ImageChain> chain = read_image_chain(context.model, first);
  if (!chain.has_value() || chain->count == 1) return 0;
  const bool fits = is_supported(image_params(*chain, context.shapes[static_cast<size_t>(chain->src)]));
  return fits ? chain->count : 0;
}

Result<Kernel> prepare_image(const PatternContext& context, size_t first) {
  const std::optional<ImageChain> chain = read_image_chain(context.model, first);
  const Shape& src = context.shapes[static_cast<size_t>(chain->src)];
  return prepare_quantize_image(image_params(*chain, src), src, chain->quant, context.threads);
}

constexpr StepPattern kPatterns[] = {
    {"pixels", matches_pixels, prepare_pixels},
    {"quantize_image", matches_image, prepare_image},
};

}  // namespace

std::span<const StepPattern> step_patterns() {
  return kPatterns;
}

}  // namespace octet
