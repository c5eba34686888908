#include "runtime/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace octet {

Result<FileBytes> map_file(const std::string& path) {
  const auto failed = [&](const std::string& why) { return Error{ErrorCode::kInvalidFile, "'" + path + "': " + why}; };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return failed(std::strerror(errno));
  struct stat status {};
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    const bool empty = S_ISREG(status.st_mode) && status.st_size == 0;
    close(file);
    return failed(empty ? "the file is empty" : "not a regular file");
  }
  const auto count = static_cast<size_t>(status.st_size);
  void* memory = mmap(nullptr, count, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (memory == MAP_FAILED)
    return Error{ErrorCode::kResource, "'" + path + "': cannot map it: " + std::strerror(error)};
  std::shared_ptr<const void> owner(memory, [count](const void* p) { munmap(const_cast<void*>(p), count); });
  return FileBytes{{static_cast<const std::byte*>(memory), count}, std::move(owner)};
}

void release_pages(std::span<const std::byte> bytes) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (address + page - 1) / page * page, end = (address + bytes.size()) / page * page;
  if (begin >= end) return;
  // Read-only and private: no page holds anything that the file does not.
  (void)madvise(const_cast<std::byte*>(bytes.data() + (begin - address)), end - begin, MADV_DONTNEED);
}

Result<FileBytes> copy_bytes(std::span<const std::byte> bytes) {
  void* memory = std::aligned_alloc(64, (bytes.size() / 64 + 1) * 64);
  if (memory == nullptr) {
    return Error{ErrorCode::kResource, "no memory for a copy of " + std::to_string(bytes.size()) + " bytes"};
  }
  std::shared_ptr<const void> owner(memory, std::free);
  if (!bytes.empty()) std::memcpy(memory, bytes.data(), bytes.size());
  return FileBytes{{static_cast<const std::byte*>(memory), bytes.size()}, std::move(owner)};
}

}  // namespace octet
