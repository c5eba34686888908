// 4-bit storage: what fits comes back exactly, what does not is refused.
#include "runtime/nibbles.h"

#include <doctest/doctest.h>

#include <random>

namespace octet {

TEST_CASE("runs with factors of their own come back exactly, whatever the sizes") {
  std::mt19937 random(1);
  for (const int64_t rows : {1, 2, 5}) {
    for (const int64_t elements : {1, 2, 7, 16, 17, 64, 100}) {
      for (const int64_t group : {0, 1, 3, 16, 64, 1000}) {
        const NibbleLayout layout{rows, elements, group};
        std::vector<int8_t> values(static_cast<size_t>(rows * elements));
        int factor = 1;
        for (size_t i = 0; i < values.size(); ++i) {
          const auto k = static_cast<int64_t>(i) % elements;
          if (group > 0 && k % group == 0) factor = 1 + static_cast<int>(random() % 18);
          values[i] = static_cast<int8_t>(factor * (static_cast<int>(random() % 15) - 7));
        }
        const auto bytes = pack_nibbles(values, layout);
        REQUIRE(bytes.has_value());
        CHECK(static_cast<int64_t>(bytes->size()) == layout.byte_count());
        std::vector<int8_t> back(values.size());
        CHECK(unpack_nibbles(*bytes, layout, back));
        CHECK(back == values);
      }
    }
  }
  CHECK(NibbleLayout{1, 64, 64}.byte_count() == 33);
}

TEST_CASE("numbers that no factor reaches are not packed") {
  CHECK(!pack_nibbles(std::vector<int8_t>{8}, {1, 1, 0}).has_value());
  CHECK(pack_nibbles(std::vector<int8_t>{8}, {1, 1, 1}).has_value());
  CHECK(!pack_nibbles(std::vector<int8_t>{127}, {1, 1, 1}).has_value());     // prime
  CHECK(!pack_nibbles(std::vector<int8_t>{1, 100}, {1, 2, 2}).has_value());  // 100 needs a factor of 20
  CHECK(pack_nibbles(std::vector<int8_t>{1, 126}, {1, 2, 1}).has_value());
}

// A file of a few bytes may claim them; going through them one by one never ended.
TEST_CASE("rows without elements cost nothing, however many there are") {
  for (const int64_t group : {0, 64}) {
    const NibbleLayout layout{int64_t{1} << 62, 0, group};
    CHECK(layout.byte_count() == 0);
    CHECK(pack_nibbles({}, layout)->empty());
    CHECK(unpack_nibbles({}, layout, {}));
  }
}

TEST_CASE("half bytes of -8 and factors outside of 1 to 18 are refused") {
  std::vector<int8_t> values(2);
  CHECK(!unpack_nibbles(std::vector<std::byte>{std::byte{0x81}}, {1, 2, 0}, values));
  for (const int factor : {0, 19, 255}) {
    CHECK(!unpack_nibbles(std::vector<std::byte>{std::byte{0x11}, static_cast<std::byte>(factor)}, {1, 2, 2}, values));
  }
  CHECK(unpack_nibbles(std::vector<std::byte>{std::byte{0xF7}, std::byte{18}}, {1, 2, 2}, values));
  CHECK(values == std::vector<int8_t>{126, -18});
}

}  // namespace octet
