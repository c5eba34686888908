// Splits loops over threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/thread_team.h"

namespace octet {

// Elements below which a second thread costs more (2-3 us of fork and join) than it saves.
inline constexpr int64_t kElementsPerThread = 32768;

// The number of the calling thread within parallel_for: less than its `threads`.
int thread_index();

// piece(f, i) for each i in [0, pieces), in as many threads: those of the session's team; where it has none because
// oneDNN's primitives take part, OpenMP's, so that two sets of threads never wait for work side by side. OpenMP's team
// always has `threads` threads: its runtimes allocate, and start threads, when a team's size changes.
void run_pieces(int threads, int64_t pieces, ThreadTeam::Piece piece, const void* f);

// Calls f(begin, end) for pieces that together are [0, count), in as many threads; in the calling thread alone where a
// piece would get less than `grain`, or in a piece of another loop. Pieces start at multiples of `step`.
template <class F>
void parallel_for(int threads, int64_t count, int64_t grain, int64_t step, const F& f) {
  if (count <= 0) return;
  const int64_t pieces = std::min<int64_t>(threads, count / std::max<int64_t>(grain, 1));
  if (pieces <= 1 || ThreadTeam::in_piece()) {
    f(int64_t{0}, count);
    return;
  }
  const int64_t size = ((count + pieces - 1) / pieces + step - 1) / step * step;
  const auto piece = [&](int64_t i) {
    const int64_t begin = i * size;
    const int64_t end = std::min(count, begin + size);
    if (begin < end) f(begin, end);
  };
  run_pieces(
      threads, pieces, [](const void* self, int64_t i) { (*static_cast<const decltype(piece)*>(self))(i); }, &piece);
}

// Over elements: pieces start at whole cache lines of bytes.
template <class F>
void parallel_for_elements(int threads, int64_t count, const F& f) {
  parallel_for(threads, count, kElementsPerThread, 64, f);
}

}  // namespace octet
