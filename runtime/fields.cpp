#include "runtime/fields.h"

#include <cstdio>

namespace octet::internal {

std::string field_to_string(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

}  // namespace octet::internal
