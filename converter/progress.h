// A progress line on a terminal, for work that lasts.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace octet {

// "calibrating  312/1000  31 %  12 s left" on stderr, rewritten in place; nothing if stderr is no terminal, or within
// the first second. One thread.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  void update(size_t done, size_t total);
  // Removes the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  Clock::time_point start_ = Clock::now();
  bool is_terminal_;
  bool is_shown_ = false;
};

}  // namespace octet
