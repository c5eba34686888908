// Texts that users write, by the first byte: preprocessing specs, saved calibrations, class names, labels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "octet/result.h"

namespace octet::fuzz {

// What the reader of such a text says to it. Of an empty one nothing is asked.
Status read_text(const uint8_t* data, size_t size);

}  // namespace octet::fuzz
