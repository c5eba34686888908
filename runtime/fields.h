// Visitors of the field lists that every Params struct carries: text form and comparison. The binary form is in
// packed_writer.cpp and packed_reader.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/clamp.h"

namespace octet {

namespace internal {

inline std::string field_to_string(int64_t value) {
  return std::to_string(value);
}
inline std::string field_to_string(bool value) {
  return value ? "true" : "false";
}
std::string field_to_string(float value);
inline std::string field_to_string(const Clamp& clamp) {
  return "[" + field_to_string(clamp.min) + ", " + field_to_string(clamp.max) + "]";
}
template <class Enum>
requires std::is_enum_v<Enum> std::string field_to_string(Enum value) {
  if constexpr (requires { to_string(value); }) {
    return to_string(value);
  } else {
    return std::to_string(static_cast<int64_t>(value));
  }
}
template <class List>
requires requires(const List& list) {
  list.begin();
}
std::string field_to_string(const List& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ",") + field_to_string(item);
  return "[" + text + "]";
}

}  // namespace internal

// "strides=[2,2] groups=1": the fields that differ from the default.
template <class Params>
std::string fields_to_string(const Params& params) {
  std::vector<std::string> defaults;
  auto collect = [&](const char*, const auto& field) { defaults.push_back(internal::field_to_string(field)); };
  const Params standard{};
  Params::visit_fields(standard, collect);
  std::string text;
  size_t index = 0;
  auto append = [&](const char* name, const auto& field) {
    const std::string value = internal::field_to_string(field);
    if (value == defaults[index++]) return;
    if (!text.empty()) text += ' ';
    text += std::string(name) + "=" + value;
  };
  Params::visit_fields(params, append);
  return text;
}

}  // namespace octet
