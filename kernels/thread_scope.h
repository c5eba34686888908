// How many threads the calling thread's parallel regions have.
#pragma once

#include <omp.h>

namespace octet {

// Sets the calling thread's OpenMP team size, which oneDNN follows, and puts the old one back when the scope ends.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()), changes_(threads != before_) {
    if (changes_) omp_set_num_threads(threads);
  }
  ~ThreadScope() {
    if (changes_) omp_set_num_threads(before_);
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
  bool changes_;
};

}  // namespace octet
