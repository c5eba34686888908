// A model file of any source format, with a file of weights beside it: imported, folded, lowered and run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace octet::fuzz {

int import_and_run(const char* name, const uint8_t* data, size_t size);

}  // namespace octet::fuzz
