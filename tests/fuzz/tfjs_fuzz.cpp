// TensorFlow.js models, which are told by their keys.
#include <string_view>

#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool is_tfjs = text.find("modelTopology") != text.npos || text.find("weightsManifest") != text.npos;
  return is_tfjs ? octet::fuzz::import_and_run("model.json", data, size) : 0;
}
