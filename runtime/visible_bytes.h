// Text from files, byte by byte: what people may be shown of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace octet {

// The bytes of the visible character in UTF-8 that the text begins with; 0 where there is none: control characters (of
// C1, too), surrogates, what is cut off, or longer than it need be. The text has a byte.
inline size_t visible_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first < 0x20 || first == 0x7F ? 0 : 1;
  const size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < count) return 0;
  uint32_t code = first & (0xFFU >> (count + 1));
  for (size_t i = 1; i < count; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  constexpr uint32_t kFirst[] = {0, 0, 0xA0, 0x800, 0x10000};
  return code < kFirst[count] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0 : count;
}

}  // namespace octet
