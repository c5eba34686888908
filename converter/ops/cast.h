// ONNX's numbers of element types.
#pragma once

#include <cstdint>
#include <string>

namespace octet {

// "float8e5m2"; the number itself where it is none of ONNX's.
std::string name_of_onnx_type(int64_t type);

}  // namespace octet
