// Constants per channel in the form that rows of values take.
#pragma once

#include "kernels/quantize/quantize_rows.h"

namespace octet {

// The same for all values; 1 and 0 leave them as they are.
inline Normalization uniform_normalization(float scale = 1, float shift = 0) {
  Normalization result;
  for (int64_t i = 0; i < Normalization::kPeriod; ++i) {
    result.scale[i] = scale;
    result.shift[i] = shift;
  }
  return result;
}

}  // namespace octet
