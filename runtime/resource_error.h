// The Error for an exception, where there may be no memory for its words.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "octet/result.h"

namespace octet {

// kResource: "WHAT: why".
inline Error resource_error(std::string_view what, const std::exception& error) noexcept {
  try {
    return {ErrorCode::kResource, std::string(what) + ": " + error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kResource, "no memory"};  // short enough to live inside the string
  }
}

}  // namespace octet
