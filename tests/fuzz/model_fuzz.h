// A model file of any source format, with a file of weights beside it: imported, folded, lowered and run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "converter/load_model.h"

namespace octet::fuzz {

Result<LoadedModel> import_model(const char* name, const void* data, size_t size);
int import_and_run(const char* name, const uint8_t* data, size_t size);

}  // namespace octet::fuzz
