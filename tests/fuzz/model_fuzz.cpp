#include "tests/fuzz/model_fuzz.h"

#include "converter/load_model.h"
#include "tests/fuzz/target.h"

namespace octet::fuzz {

int import_and_run(const char* name, const uint8_t* data, size_t size) {
  static const Folder folder;
  static const std::string weights = [] {
    const std::string bytes(4096, '\x3e');  // f32 0.18
    return folder.write("weights.bin", bytes.data(), bytes.size());
  }();
  const Result<LoadedModel> loaded = load_any_model(folder.write(name, data, size));
  if (loaded.ok()) run_small(loaded->model);
  return 0;
}

}  // namespace octet::fuzz
