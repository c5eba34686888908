#include "converter/atomic_file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "tests/support/scratch_folder.h"
#include "tests/support/skip.h"

namespace {

int signal_in_fsync = 0;  // what arrives when all bytes are written, and nothing has its name yet

// What the disk refuses, and from which of these calls on.
struct Fault {
  std::string_view call;
  int error = 0;
  int calls_left = 0;
};
Fault fault;

bool fails(std::string_view call) {
  if (fault.call != call || --fault.calls_left > 0) return false;
  errno = fault.error;
  return true;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) int fsync(int file) {
  if (signal_in_fsync != 0) kill(getpid(), signal_in_fsync);
  return fails("fsync") ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}
// At most 1000 bytes in each call, while something may fail.
__attribute__((visibility("default"))) ssize_t write(int file, const void* bytes, size_t count) {
  if (fails("write")) return -1;
  return syscall(SYS_write, file, bytes, fault.error == 0 ? count : std::min<size_t>(count, 1000));
}
__attribute__((visibility("default"))) int close(int file) {
  const auto closed = static_cast<int>(syscall(SYS_close, file));
  return fails("close") ? -1 : closed;
}
__attribute__((visibility("default"))) int rename(const char* from, const char* to) noexcept {
  return fails("rename") ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}
}

namespace octet::test {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM};

// How the child that calls `f` ends: as wait() says; it exits with what f returns.
template <class F>
int child(const F& f) {
  const pid_t pid = fork();
  if (pid == 0) {
    for (const int signal : kSignals) std::signal(signal, SIG_DFL);  // the test program handles some
    _exit(f());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

size_t file_count(const ScratchFolder& folder) {
  const std::filesystem::directory_iterator files(folder.path());
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

// The child says that all was as it should be; the old file is there as it was, and nothing beside it.
void check_kept(int status, const ScratchFolder& folder, const std::string& path) {
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_text(path) == "old");
  CHECK(file_count(folder) == 1);
}

}  // namespace

TEST_CASE("an interrupt while a file is written leaves the old one, and nothing beside it") {
  const ScratchFolder folder;
  const std::string path = folder.write("x", "old");
  for (const int signal : kSignals) {
    CAPTURE(signal);
    const int status = child([&] {
      signal_in_fsync = signal;
      return write_file_atomically(path, bytes_of("new")).ok() ? 0 : 1;
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    CHECK(read_text(path) == "old");
    CHECK(file_count(folder) == 1);
  }
}

TEST_CASE("an interrupt that the user ignores does not stop a file from being written") {
  const ScratchFolder folder;
  const std::string path = folder.write("x", "old");
  const int status = child([&] {
    std::signal(SIGHUP, SIG_IGN);
    signal_in_fsync = SIGHUP;
    return write_file_atomically(path, bytes_of("new")).ok() ? 0 : 1;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_text(path) == "new");
  CHECK(file_count(folder) == 1);
}

TEST_CASE("an interrupt ends the process as ever once the file is written") {
  const ScratchFolder folder;
  const std::string path = folder.path("x");
  const int status = child([&] {
    if (!write_file_atomically(path, bytes_of("new")).ok()) return 1;
    raise(SIGINT);
    return 2;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(read_text(path) == "new");
}

TEST_CASE("a name as long as names may be is one to write") {
  const ScratchFolder folder;
  const std::string path = folder.path(std::string(NAME_MAX, 'x'));
  CHECK(write_file_atomically(path, bytes_of("new")).ok());
  CHECK(read_text(path) == "new");
  CHECK(file_count(folder) == 1);
  const Status longer = write_file_atomically(path + "x", bytes_of("new"));
  REQUIRE_FALSE(longer.ok());
  CHECK(longer.error().message.find(std::strerror(ENAMETOOLONG)) != std::string::npos);
  CHECK(file_count(folder) == 1);
}

TEST_CASE("a text is read without its byte order mark") {
  const ScratchFolder folder;
  CHECK(read_text_file(folder.write("marked",
                                    "\xEF\xBB\xBF"
                                    "cat\n"))
            .value() == "cat\n");
  CHECK(read_text_file(folder.write("short", "\xEF\xBB")).value() == "\xEF\xBB");
}

TEST_CASE("a full disk leaves the old file, and nothing beside it") {
  const ScratchFolder folder;
  const std::string path = folder.write("x", "old");
  const int status = child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Status written = write_file_atomically(path, bytes_of(std::string(1500, 'x')));
    return !written.ok() && written.error().code == ErrorCode::kResource ? 0 : 1;
  });
  check_kept(status, folder, path);
}

TEST_CASE("whatever a disk refuses leaves the old file, and nothing beside it") {
  const ScratchFolder folder;
  const std::string path = folder.write("x", "old");
  for (const Fault& f :
       {Fault{"write", ENOSPC, 1}, Fault{"write", ENOSPC, 3}, Fault{"write", EIO, 2}, Fault{"fsync", ENOSPC, 1},
        Fault{"fsync", EIO, 1}, Fault{"close", EDQUOT, 1}, Fault{"rename", EACCES, 1}, Fault{"rename", ENOSPC, 1}}) {
    CAPTURE(f.call);
    CAPTURE(f.error);
    CAPTURE(f.calls_left);
    const int status = child([&] {
      fault = f;
      const Status written = write_file_atomically(path, bytes_of(std::string(5000, 'x')));
      fault = {};
      if (written.ok() || written.error().code != ErrorCode::kResource) return 1;
      return written.error().message.find(std::strerror(f.error)) == std::string::npos ? 2 : 0;
    });
    check_kept(status, folder, path);
  }
}

TEST_CASE("the new file has the permissions of the old one") {
  const ScratchFolder folder;
  const std::string path = folder.write("x", "old");
  for (const mode_t mode : {0600, 0640, 0666}) {
    chmod(path.c_str(), mode);
    REQUIRE(write_file_atomically(path, bytes_of("new")).ok());
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == mode);
  }
}

TEST_CASE("a file or a folder that is read-only keeps the old file") {
  for (const bool is_folder : {true, false}) {
    CAPTURE(is_folder);
    const ScratchFolder folder;
    const std::string path = folder.write("x", "old");
    const int status = child([&] {
      chmod((is_folder ? folder.path() : path).c_str(), is_folder ? 0555 : 0444);
      // Root may write everywhere: be somebody else.
      if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;
      const Status written = write_file_atomically(path, bytes_of("new"));
      return !written.ok() && written.error().code == ErrorCode::kResource ? 0 : 1;
    });
    chmod(folder.path().c_str(), 0755);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) return skip("this root cannot become somebody else");
    check_kept(status, folder, path);
  }
}

}  // namespace octet::test
