#include "runtime/memory_planner.h"

#include <algorithm>
#include <numeric>

namespace octet {

ArenaPlacement place_buffers(std::span<const BufferLifetime> buffers) {
  std::vector<size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  ArenaPlacement placement{std::vector<int64_t>(buffers.size(), 0), 0};
  std::vector<size_t> placed;  // in order of offset
  for (const size_t id : by_size) {
    const BufferLifetime& buffer = buffers[id];
    const int64_t bytes = (buffer.bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    if (bytes == 0) continue;
    int64_t offset = 0;
    for (const size_t other_id : placed) {
      const BufferLifetime& other = buffers[other_id];
      if (other.last < buffer.first || buffer.last < other.first) continue;
      if (placement.offsets[other_id] >= offset + bytes) break;
      offset = std::max(offset, placement.offsets[other_id] +
                                    (other.bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment);
    }
    placement.offsets[id] = offset;
    placement.arena_bytes = std::max(placement.arena_bytes, offset + bytes);
    const auto after = std::upper_bound(placed.begin(), placed.end(), offset, [&](int64_t value, size_t other_id) {
      return value < placement.offsets[other_id];
    });
    placed.insert(after, id);
  }
  return placement;
}

}  // namespace octet
