// Texts that are no longer than people read: names come from files and may have megabytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace octet {

// Of what a program says in one line, and of one name in a list of them.
inline constexpr size_t kMostMessageBytes = 2000;
inline constexpr size_t kMostNameBytes = 250;

// The text, or where it has more than `most` bytes, so many of it: as many from its beginning as from its end, with
// "...(N bytes)..." between them.
inline std::string shortened(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  size_t begin = most / 2;
  size_t end = text.size() - most / 2;
  // Not amid a character in UTF-8, which has at most three more bytes.
  const auto continues = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
  };
  for (int i = 0; i < 3 && begin > 0 && continues(begin); ++i) --begin;
  for (int i = 0; i < 3 && continues(end); ++i) ++end;
  return std::string(text.substr(0, begin)) + "...(" + std::to_string(end - begin) + " bytes)..." +
         std::string(text.substr(end));
}

}  // namespace octet
