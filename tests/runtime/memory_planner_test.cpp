#include "runtime/memory_planner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace octet {
namespace {

void check_no_overlap(std::span<const BufferLifetime> buffers, const ArenaPlacement& placement) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    CHECK(placement.offsets[i] % kArenaAlignment == 0);
    CHECK(placement.offsets[i] + buffers[i].bytes <= placement.arena_bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool together = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
      const bool apart = placement.offsets[i] + buffers[i].bytes <= placement.offsets[j] ||
                         placement.offsets[j] + buffers[j].bytes <= placement.offsets[i];
      CHECK((!together || apart || buffers[i].bytes == 0 || buffers[j].bytes == 0));
    }
  }
}

}  // namespace

TEST_CASE("buffers that never live together share memory") {
  const std::vector<BufferLifetime> buffers{{1000, 0, 1}, {1000, 2, 3}, {1000, 4, 5}};
  CHECK(place_buffers(buffers).arena_bytes == 1024);
}

TEST_CASE("a chain of layers needs its two largest neighbours") {
  const std::vector<BufferLifetime> buffers{{640, 0, 1}, {1280, 1, 2}, {320, 2, 3}};
  CHECK(place_buffers(buffers).arena_bytes == 1920);
}

TEST_CASE("no buffers and empty buffers need nothing") {
  CHECK(place_buffers({}).arena_bytes == 0);
  const std::vector<BufferLifetime> buffers{{0, 0, 5}, {0, 1, 2}};
  CHECK(place_buffers(buffers).arena_bytes == 0);
}

TEST_CASE("random lifetimes never overlap, and never need less than what lives at one step") {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<BufferLifetime> buffers(1 + random() % 60);
    for (BufferLifetime& buffer : buffers) {
      buffer.bytes = static_cast<int64_t>(random() % 5000);
      buffer.first = static_cast<int>(random() % 40);
      buffer.last = buffer.first + static_cast<int>(random() % 8);
    }
    const ArenaPlacement placement = place_buffers(buffers);
    check_no_overlap(buffers, placement);
    for (int step = 0; step < 48; ++step) {
      int64_t alive = 0;
      for (const BufferLifetime& buffer : buffers)
        alive += buffer.first <= step && step <= buffer.last ? buffer.bytes : 0;
      CHECK(placement.arena_bytes >= alive);
    }
  }
}

}  // namespace octet
