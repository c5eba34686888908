// Numbers as people read them: the shortest text that says exactly this number.
#pragma once

#include <charconv>
#include <string>

namespace octet {

template <class T>
std::string number_text(T number) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr};
}

}  // namespace octet
