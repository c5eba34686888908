#include "kernels/packed_constants.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

namespace octet {
namespace {

void fill(std::byte* memory, size_t bytes, int value) {
  for (size_t i = 0; i < bytes; ++i) memory[i] = static_cast<std::byte>(value);
}

PackedBytes pack(PackedConstants& cache, const void* source, std::string_view layout, int value) {
  return cache.find_or_pack(source, layout, 100, [&](std::byte* memory) { fill(memory, 100, value); });
}

}  // namespace

TEST_CASE("what one kernel packed the next one gets, per source and layout") {
  PackedConstants cache;
  const int a = 0, b = 0;
  const PackedBytes first = pack(cache, &a, "blocks of 16", 1);
  CHECK(pack(cache, &a, "blocks of 16", 9) == first);
  CHECK(first.get()[99] == std::byte{1});
  CHECK(reinterpret_cast<uintptr_t>(first.get()) % 64 == 0);
  CHECK(pack(cache, &a, "blocks of 64", 2).get()[0] == std::byte{2});
  CHECK(pack(cache, &b, "blocks of 16", 3).get()[0] == std::byte{3});
  CHECK(cache.pack_count() == 3);
  // Whoever reads 200 bytes must never get 100, whatever two kernels call their layouts.
  const PackedBytes longer = cache.find_or_pack(&a, "blocks of 16", 200, [](std::byte* to) { fill(to, 200, 4); });
  CHECK(longer.get()[199] == std::byte{4});
}

TEST_CASE("what nobody holds any more is freed, and packed again") {
  PackedConstants cache;
  const int source = 0;
  PackedBytes held = pack(cache, &source, "x", 1);
  CHECK(cache.bytes() == 100);
  held.reset();
  CHECK(cache.bytes() == 0);
  held = pack(cache, &source, "x", 2);
  CHECK(held.get()[0] == std::byte{2});
  CHECK(cache.pack_count() == 2);
}

TEST_CASE("packed bytes outlive the cache, and without a cache each has its own") {
  const int source = 0;
  PackedBytes held;
  {
    PackedConstants cache;
    held = pack(cache, &source, "x", 7);
  }
  CHECK(held.get()[50] == std::byte{7});
  const auto own = [&] { return pack_constant(nullptr, &source, "x", 8, [](std::byte* m) { fill(m, 8, 5); }); };
  const PackedBytes one = own(), two = own();
  CHECK(one != two);
  CHECK(two.get()[7] == std::byte{5});
}

TEST_CASE("a packing that fails leaves nothing behind") {
  PackedConstants cache;
  const int source = 0;
  CHECK_THROWS_AS(cache.find_or_pack(&source, "x", 8, [](std::byte*) { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(cache.bytes() == 0);
  CHECK(pack(cache, &source, "x", 4).get()[0] == std::byte{4});
}

TEST_CASE("threads that want the same at once pack it once, and all see it whole") {
  PackedConstants cache;
  const std::vector<int> sources(8, 0);
  std::atomic<int> wrong = 0;
  std::vector<PackedBytes> kept(4 * sources.size());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < sources.size(); ++i) {
        kept[t * sources.size() + i] = pack(cache, &sources[i], "x", static_cast<int>(i));
        for (size_t k = 0; k < 100; ++k) wrong += kept[t * sources.size() + i].get()[k] != static_cast<std::byte>(i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cache.pack_count() == sources.size());
  CHECK(cache.bytes() == 100 * sources.size());
}

}  // namespace octet
