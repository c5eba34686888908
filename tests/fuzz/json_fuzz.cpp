// octet JSON and TensorFlow.js layers: both are told apart by their content.
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return octet::fuzz::import_and_run("model.json", data, size);
}
