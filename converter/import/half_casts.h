// Casts to types that octet computes in f32.
#pragma once

#include <string>

#include "converter/import/source_model.h"

namespace octet {

// A warning that names the first cast to float16 or bfloat16, which round nothing, and counts them; empty: there are
// none.
std::string half_cast_warning(const SourceModel& source);

}  // namespace octet
