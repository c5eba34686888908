// IEEE half precision, as files hold it.
#pragma once

#include <cstdint>

namespace octet {

// The same number as float, exactly: subnormals, infinities and the bits of a NaN too.
float half_to_float(uint16_t half);

}  // namespace octet
