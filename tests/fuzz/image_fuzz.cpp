// Images: decoded, then fitted to a small input.
#include "octet/image.hpp"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = octet::load_image(std::as_bytes(std::span(data, size)), "fuzz", nullptr, {.max_pixels = 1 << 16});
  if (!image.ok()) return 0;
  static const auto preprocessing = octet::Preprocessing::parse("imagenet,resize=16,size=12x12");
  const auto input = octet::resolve_input(*preprocessing, {1, 3, 12, 12}, "fuzz");
  if (!input.ok()) std::abort();
  std::vector<float> values(static_cast<size_t>(input->element_count()));
  (void)octet::preprocess(*image, *preprocessing, *input, values);
  return 0;
}
