// Saved calibrations.
#include "tests/fuzz/text.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)octet::fuzz::read_calibration(text);
  return 0;
}
