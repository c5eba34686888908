// .npy files, whole and sample by sample.
#include "converter/data/npy.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const octet::fuzz::Folder folder;
  const std::string path = folder.write("x.npy", data, size);
  (void)octet::read_npy(path);
  const auto samples = octet::NpySamples::open(path);
  for (size_t i = 0; samples.ok() && i < std::min<size_t>(samples->size(), 3); ++i) (void)samples->sample(i);
  return 0;
}
