// Texts that users write.
#include "tests/fuzz/text.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)octet::fuzz::read_text(data, size);
  return 0;
}
