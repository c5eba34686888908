// Images: decoded, then fitted to a small input. Checksums of a png are made right first: what lies behind them is to
// be reached.
#include <string>

#include "octet/image.hpp"
#include "tests/fuzz/target.h"
#include "tests/support/images.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  if (file.starts_with("\x89PNG")) octet::test::reseal_png(file);
  const auto image = octet::load_image(std::as_bytes(std::span(file)), "fuzz", nullptr, {.max_pixels = 1 << 16});
  if (!image.ok()) return 0;
  static const auto preprocessing = octet::Preprocessing::parse("imagenet,resize=16,size=12x12");
  const auto input = octet::resolve_input(*preprocessing, {1, 3, 12, 12}, "fuzz");
  if (!input.ok()) std::abort();
  std::vector<float> values(static_cast<size_t>(input->element_count()));
  (void)octet::preprocess(*image, *preprocessing, *input, values);
  return 0;
}
