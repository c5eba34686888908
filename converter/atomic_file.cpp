#include "converter/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>

namespace octet {
namespace {

Error cannot(const char* what, const std::string& path, int error) {
  return {ErrorCode::kResource, std::string("cannot ") + what + " '" + path + "': " + std::strerror(error)};
}

// The file to remove if the user interrupts; empty: none. A handler may read nothing that is not plain memory.
char unfinished[PATH_MAX];
constexpr int kInterrupts[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGXFSZ, SIGPIPE, SIGALRM};

void remove_unfinished(int signal) {
  unlink(unfinished);
  raise(signal);  // whose action is the default one again
}

// While it lives, an interrupt that ends the process removes `temporary`. One at a time.
class RemovedIfInterrupted {
 public:
  explicit RemovedIfInterrupted(const std::string& temporary) {
    if (temporary.size() >= sizeof unfinished) return;
    std::memcpy(unfinished, temporary.c_str(), temporary.size() + 1);
    struct sigaction action {};
    action.sa_handler = remove_unfinished;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (size_t i = 0; i < std::size(kInterrupts); ++i) {
      struct sigaction before {};
      sigaction(kInterrupts[i], nullptr, &before);
      // Whoever ignores or handles it knows what it means.
      replaced_[i] = before.sa_handler == SIG_DFL && sigaction(kInterrupts[i], &action, nullptr) == 0;
    }
  }
  ~RemovedIfInterrupted() {
    for (size_t i = 0; i < std::size(kInterrupts); ++i) {
      if (replaced_[i]) std::signal(kInterrupts[i], SIG_DFL);
    }
  }
  RemovedIfInterrupted(const RemovedIfInterrupted&) = delete;
  RemovedIfInterrupted& operator=(const RemovedIfInterrupted&) = delete;

 private:
  bool replaced_[std::size(kInterrupts)] = {};
};

// While it lives, interrupts wait.
class InterruptsWait {
 public:
  InterruptsWait() {
    sigset_t interrupts;
    sigemptyset(&interrupts);
    for (const int signal : kInterrupts) sigaddset(&interrupts, signal);
    pthread_sigmask(SIG_BLOCK, &interrupts, &before_);
  }
  ~InterruptsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  InterruptsWait(const InterruptsWait&) = delete;
  InterruptsWait& operator=(const InterruptsWait&) = delete;

 private:
  sigset_t before_;
};

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

// A new file beside `path`, with the permissions that a new file has (mkstemp's are private). -1: errno says why.
int open_beside(const std::string& path, std::string& temporary) {
  for (int attempt = 0;; ++attempt) {
    const std::string suffix = ".tmp" + std::to_string(getpid()) + "." + std::to_string(attempt);
    const size_t name_at = path.rfind('/') + 1;  // 0 without a folder
    const size_t kept = std::min(path.size() - name_at, NAME_MAX - suffix.size());
    temporary = path.substr(0, name_at + kept) + suffix;
    const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0 || errno != EEXIST || attempt == 1000) return file;
  }
}

// Devices and pipes (/dev/stdout) take bytes; renaming a file over them would remove them.
Status write_through(const std::string& path, std::span<const std::byte> bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return cannot("write", path, errno);
  const bool written = write_all(file, bytes);
  const int error = errno;
  close(file);
  return written ? Status() : cannot("write", path, error);
}

}  // namespace

Status write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  struct stat status {};
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return cannot("write", path, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) return write_through(path, bytes);
  // A new name would replace what nobody may write.
  if (exists && access(path.c_str(), W_OK) != 0) return cannot("write", path, errno);
  // A link stays a link: what it points to is replaced.
  std::string target = path;
  if (char* resolved = exists ? realpath(path.c_str(), nullptr) : nullptr) {
    target = resolved;
    std::free(resolved);
  }
  std::string temporary;
  std::optional<InterruptsWait> wait(std::in_place);  // until somebody knows of the file
  const int file = open_beside(target, temporary);
  if (file < 0) return cannot("write", path, errno);
  const RemovedIfInterrupted removed(temporary);
  wait.reset();
  // Who may read the old file may read the new one, and nobody else.
  const bool permitted = !exists || fchmod(file, status.st_mode & 0777) == 0;
  const bool written = permitted && write_all(file, bytes) && fsync(file) == 0;
  int error = errno;
  const bool closed = close(file) == 0;
  if (written && !closed) error = errno;
  if (written && closed && std::rename(temporary.c_str(), target.c_str()) == 0) return {};
  if (written && closed) error = errno;
  unlink(temporary.c_str());
  return cannot("write", path, error);
}

Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t max_bytes) {
  const auto failed = [&](const std::string& why) { return Error{ErrorCode::kInvalidFile, "'" + path + "': " + why}; };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe is refused, not waited for
  if (file < 0) return failed(std::strerror(errno));
  struct stat status {};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return failed("not a regular file");
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > max_bytes) {
    close(file);
    return failed("has " + std::to_string(size) + " bytes, more than " + std::to_string(max_bytes));
  }
  std::vector<std::byte> bytes(size);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<size_t>(count);
  }
  const int error = errno;
  close(file);
  if (done < bytes.size()) return failed(std::string("cannot read it: ") + std::strerror(error));
  return bytes;
}

Result<std::string> read_text_file(const std::string& path, uint64_t max_bytes) {
  OCTET_TRY(const std::vector<std::byte> bytes, read_file(path, max_bytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // which some editors put before UTF-8
  return std::string(text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text);
}

}  // namespace octet
