// The correction methods, a file each; correct.cpp lists them.
#pragma once

#include "converter/correct/correct.h"

namespace octet {

Result<int> correct_bias(const CorrectionContext& context, Draft& draft);

}  // namespace octet
