// octet JSON, and whatever other JSON it becomes.
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return octet::fuzz::import_and_run("model.json", data, size);
}
