// Only this layer is quantized, its input with it, and the network runs on the integer kernels (of 16 bits: on those of
// bf16):
//   error = E[(y - x)^2] / Var[x],  y: outputs with this one layer of few bits, x: outputs in float
// The bias of an integer layer is corrected first where a correction is going to follow anyway: a shift of the mean
// that goes away would outweigh the noise that stays. bf16 rounds to nearest even, and shifts no mean.
#include "converter/correct/correct.h"
#include "converter/precision/cost.h"
#include "converter/precision/method_list.h"

namespace octet {

Result<Objective> sensitivity_single_layer(const SensitivityContext& context, const std::string& layer, int bits,
                                           std::optional<PackedModel>& packed) {
  Draft draft = context.draft;
  for (const std::string& other : context.layers) {
    if (other != layer) draft.options.keep_float.insert(other);
  }
  if (bits == 16) draft = with_layers(draft, {layer}, Precision::kBf16);
  if (bits < draft.options.weights_of(layer).bits) draft = with_layers(draft, {layer}, Precision::kInt4);
  if (bits < 16 && !context.correction_samples.empty()) {
    const CorrectionContext correction{context.correction_samples, 0, context.threads, {}};
    OCTET_TRY([[maybe_unused]] const int layers, find_correction_method("bias")->apply(correction, draft));
  }
  OCTET_TRY(packed, lower_draft(draft));
  return context.judge.measure(*packed);
}

}  // namespace octet
