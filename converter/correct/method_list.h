// The correction methods, a file each; correct.cpp lists them.
#pragma once

#include "converter/correct/correct.h"

namespace octet {

Result<int> correct_equalize(const CorrectionContext& context, Draft& draft);
Result<int> correct_balance(const CorrectionContext& context, Draft& draft);
Result<int> correct_revive(const CorrectionContext& context, Draft& draft);
Result<int> correct_absorb_bias(const CorrectionContext& context, Draft& draft);
Result<int> correct_bias(const CorrectionContext& context, Draft& draft);
Result<int> correct_affine(const CorrectionContext& context, Draft& draft);
Result<int> correct_reestimate(const CorrectionContext& context, Draft& draft);
Result<int> correct_gptq(const CorrectionContext& context, Draft& draft);
Result<int> correct_gptaq(const CorrectionContext& context, Draft& draft);
Result<int> correct_awq(const CorrectionContext& context, Draft& draft);
Result<int> correct_adaround(const CorrectionContext& context, Draft& draft);
Result<int> correct_adaquant(const CorrectionContext& context, Draft& draft);

}  // namespace octet
