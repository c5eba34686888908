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

// Zeros at first, then numbers of either sign.
inline void fill(const TensorView& input, bool zeros) {
  std::fill_n(static_cast<std::byte*>(input.data), input.byte_count(), std::byte{0});
  if (zeros) return;
  for (int64_t i = 0; i < input.shape.element_count(); ++i) {
    const int64_t value = i * 7 % 11 - 5;
    if (input.type == DataType::kF32) static_cast<float*>(input.data)[i] = static_cast<float>(value);
    if (element_bytes(input.type) == 1) static_cast<uint8_t*>(input.data)[i] = static_cast<uint8_t>(value);
  }
}

inline void run_session(const Model& model, const SessionOptions& options) {
  constexpr int64_t kMaxBytes = int64_t{1} << 24;
  const Result<int64_t> bytes = Session::required_arena_bytes(model, options);
  if (!bytes.ok() || *bytes > kMaxBytes) return;
  Result<Session> session = Session::create(model, options);
  if (!session.ok()) return;
  int64_t macs = 0;
  for (const StepInfo& step : session->steps()) macs += step.macs;
  if (macs > kMaxBytes) return;
  for (const bool zeros : {true, false}) {
    for (size_t i = 0; i < model.inputs().size(); ++i) fill(session->input(i), zeros);
    session->run();
  }
}

// Where the session is small: what passed all checks must not read or write outside its memory, at one sample, at
// several, and at sizes that the file leaves open.
inline void run_small(const Model& model) {
  for (const int64_t batch : {1, 3}) run_session(model, {.threads = 1, .batch = batch});
  for (const int64_t open : {1, 5}) {
    SessionOptions options{.threads = 1};
    bool has_open = false;
    for (const auto& input : model.inputs()) {
      Shape shape = input.shape;
      for (int i = 0; i < shape.rank(); ++i) {
        if (shape[i] != Shape::kDynamic) continue;
        has_open = has_open || i > 0;
        shape[i] = i == 0 ? 2 : open + i;
      }
      options.input_shapes.push_back(shape);
    }
    if (has_open) run_session(model, options);
  }
}

}  // namespace octet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
