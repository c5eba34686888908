#include "tests/fuzz/model_fuzz.h"

#include "tests/fuzz/target.h"

namespace octet::fuzz {

Result<LoadedModel> import_model(const char* name, const void* data, size_t size) {
  static const Folder folder;
  static const std::string weights = [] {
    const std::string bytes(4096, '\x3e');  // f32 0.18
    return folder.write("weights.bin", bytes.data(), bytes.size());
  }();
  return load_any_model(folder.write(name, data, size));
}

int import_and_run(const char* name, const uint8_t* data, size_t size) {
  const Result<LoadedModel> loaded = import_model(name, data, size);
  if (loaded.ok()) run_small(loaded->model);
  return 0;
}

}  // namespace octet::fuzz
