// quantize, dequantize: made by lowering. (Models that come with them are not read yet.)
#include "converter/ops/rules.h"

namespace octet {

constinit const OpRule kQuantizeRule{"quantize", always<QuantizationRule::kFloat>, permute_nothing, {}};
constinit const OpRule kDequantizeRule{"dequantize", always<QuantizationRule::kFloat>, nullptr, {}};

}  // namespace octet
