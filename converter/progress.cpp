#include "converter/progress.h"

#include <unistd.h>

#include <cstdio>

namespace octet {

ProgressLine::ProgressLine(std::string what) : what_(std::move(what)), is_terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::update(size_t done, size_t total) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  if (!is_terminal_ || seconds < 1 || done == 0 || total == 0) return;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  std::fprintf(stderr, "\r%s  %zu/%zu  %.0f %%  %.0f s left \033[K", what_.c_str(), done, total, 100 * share,
               seconds * (1 - share) / share);
  is_shown_ = true;
}

void ProgressLine::finish() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
  is_shown_ = false;
}

}  // namespace octet
