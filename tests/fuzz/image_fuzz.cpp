// Images: decoded, then fitted to a small input, or to a long, thin one. Checksums of a png are made right first: what
// lies behind them is to be reached.
#include <iterator>
#include <string>

#include "octet/image.hpp"
#include "tests/fuzz/target.h"
#include "tests/support/images.h"

namespace {

// 128: a high image becomes a wide one by more than one stripe, and within a second or two.
constexpr const char* kSpecs[] = {"imagenet,resize=16,size=12x12", "size=128x1,filter=bicubic",
                                  "size=128x2,fit=crop,filter=area", "size=1x4096,fit=letterbox,color=gray"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  if (file.starts_with("\x89PNG")) octet::test::reseal_png(file);
  const auto image = octet::load_image(std::as_bytes(std::span(file)), "fuzz", nullptr, {.max_pixels = 1 << 16});
  if (!image.ok()) return 0;
  const auto preprocessing = octet::Preprocessing::parse(kSpecs[size % std::size(kSpecs)]);
  const octet::Shape shape{1, preprocessing->channels(), octet::Shape::kDynamic, octet::Shape::kDynamic};
  const auto input = octet::resolve_input(*preprocessing, shape, "fuzz");
  if (!input.ok()) std::abort();
  std::vector<float> values(static_cast<size_t>(input->element_count()));
  (void)octet::preprocess(*image, *preprocessing, *input, values);
  return 0;
}
