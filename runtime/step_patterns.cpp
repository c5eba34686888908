#include "runtime/step_patterns.h"

#include "kernels/quantize/quantize_nhwc.h"
#include "runtime/pixel_input.h"

namespace octet {
namespace {

const PackedTensor& tensor_of(const PatternContext& context, int32_t id) {
  return context.model.tensors[static_cast<size_t>(id)];
}

// quantize(x) -> transpose(0,2,3,1): f32 NCHW straight to u8 NHWC, the way images enter most networks.
bool matches_quantize_nhwc(const PatternContext& context, size_t first) {
  const PackedNode& quantize = context.model.nodes[first];
  const PackedNode& transpose = context.model.nodes[first + 1];
  if (!std::holds_alternative<QuantizeParams>(quantize.op)) return false;
  const auto* params = std::get_if<TransposeParams>(&transpose.op);
  return params != nullptr && params->permutation == std::vector<int64_t>{0, 2, 3, 1} &&
         transpose.inputs[0] == quantize.outputs[0] &&
         context.use_counts[static_cast<size_t>(quantize.outputs[0])] == 1;
}

Result<Kernel> prepare_quantize_nhwc(const PatternContext& context, size_t first) {
  const PackedNode& quantize = context.model.nodes[first];
  const TensorDesc dst = tensor_of(context, quantize.outputs[0]).desc();
  return prepare_quantize_nchw_to_nhwc(context.shapes[static_cast<size_t>(quantize.inputs[0])], dst.quant(),
                                       context.threads);
}

constexpr StepPattern kPatterns[] = {
    {"pixels_nhwc", 2, matches_pixels_nchw, prepare_pixels},
    {"pixels", 1, matches_pixels, prepare_pixels},
    {"quantize_nhwc", 2, matches_quantize_nhwc, prepare_quantize_nhwc},
};

}  // namespace

std::span<const StepPattern> step_patterns() {
  return kPatterns;
}

}  // namespace octet
