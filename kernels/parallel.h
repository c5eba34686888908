// Splits loops over threads.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace octet {

// Elements below which a second thread costs more (2-3 us of fork and join) than it saves.
inline constexpr int64_t kElementsPerThread = 32768;

// The number of the calling thread within parallel_for: less than its `threads`.
inline int thread_index() {
  return omp_get_thread_num();
}

// Calls f(begin, end) for pieces that together are [0, count), each in a thread of its own; in the calling thread
// alone where a thread would get less than `grain`. Pieces start at multiples of `step`. The team always has `threads`
// threads, even if some have nothing to do: OpenMP runtimes allocate, and start threads, when a team's size changes.
template <class F>
void parallel_for(int threads, int64_t count, int64_t grain, int64_t step, const F& f) {
  if (count <= 0) return;
  const int64_t pieces = std::min<int64_t>(threads, count / std::max<int64_t>(grain, 1));
  if (pieces <= 1) {
    f(int64_t{0}, count);
    return;
  }
  const int64_t size = ((count + pieces - 1) / pieces + step - 1) / step * step;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t begin = i * size;
    const int64_t end = std::min(count, begin + size);
    if (begin < end) f(begin, end);
  }
}

// Over elements: pieces start at whole cache lines of bytes.
template <class F>
void parallel_for_elements(int threads, int64_t count, const F& f) {
  parallel_for(threads, count, kElementsPerThread, 64, f);
}

}  // namespace octet
