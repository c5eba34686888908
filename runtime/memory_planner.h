// Places buffers with known lifetimes into one arena, so that those that live at the same time do not overlap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octet {

// Lives from step `first` to step `last`, both included. bytes >= 0.
struct BufferLifetime {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct ArenaPlacement {
  std::vector<int64_t> offsets;  // one per buffer, multiples of kArenaAlignment
  int64_t arena_bytes = 0;
};

constexpr int64_t kArenaAlignment = 64;

// Greedy by size: the largest buffer first, each at the lowest offset where it fits between those already placed that
// are alive with it (Pisarchyk and Lee 2020, arXiv:2001.03288, section 5.2). Not optimal; never below the sum of the
// buffers alive at one step.
ArenaPlacement place_buffers(std::span<const BufferLifetime> buffers);

}  // namespace octet
