// What the fuzz targets share: an input as a file, and a model that came through run within bounds.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "octet/session.hpp"

namespace octet::fuzz {

// A folder in memory of this process, for readers that take a path.
class Folder {
 public:
  Folder() {
    char path[] = "/dev/shm/octet-fuzz-XXXXXX";
    if (mkdtemp(path) == nullptr) std::abort();
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const void* data, size_t size) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    return path;
  }

 private:
  std::string path_;
};

// One run on zeros, where the session is small: what passed all checks must not read or write outside its memory.
inline void run_once(const Model& model) {
  constexpr int64_t kMaxBytes = int64_t{1} << 24;
  SessionOptions options{.threads = 1, .batch = 1};
  const Result<int64_t> bytes = Session::required_arena_bytes(model, options);
  if (!bytes.ok() || *bytes > kMaxBytes) return;
  Result<Session> session = Session::create(model, options);
  if (!session.ok()) return;
  int64_t macs = 0;
  for (const StepInfo& step : session->steps()) macs += step.macs;
  if (macs > kMaxBytes) return;
  for (size_t i = 0; i < model.inputs().size(); ++i) {
    const TensorView input = session->input(i);
    std::fill_n(static_cast<std::byte*>(input.data), input.byte_count(), std::byte{0});
  }
  session->run();
}

}  // namespace octet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
