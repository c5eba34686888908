#include "runtime/shortened.h"

#include <doctest/doctest.h>

namespace octet::test {

TEST_CASE("a text that is longer than people read keeps both of its ends") {
  CHECK(shortened("", 4).empty());
  CHECK(shortened("abcd", 4) == "abcd");
  CHECK(shortened("abcde", 4) == "ab...(1 bytes)...de");
  CHECK(shortened(std::string(1 << 20, 'n') + "e", 100) ==
        std::string(50, 'n') + "...(1048477 bytes)..." + std::string(49, 'n') + "e");
}

TEST_CASE("a text is not cut amid a character") {
  const std::string omega = "\xCE\xA9", euro = "\xE2\x82\xAC", smile = "\xF0\x9F\x98\x80";
  CHECK(shortened("a" + omega + "123" + omega + "b", 4) == "a...(7 bytes)...b");
  CHECK(shortened("a" + euro + "1" + euro + "b", 6) == "a...(7 bytes)...b");
  CHECK(shortened(smile + smile + smile, 8) == smile + "...(4 bytes)..." + smile);
  CHECK(shortened(smile + smile + smile, 6) == "...(12 bytes)...");
  // No UTF-8 at all: as few bytes as with it are lost.
  CHECK(shortened(std::string(100, '\x80'), 20) ==
        std::string(7, '\x80') + "...(86 bytes)..." + std::string(7, '\x80'));
}

}  // namespace octet::test
