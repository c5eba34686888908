// Class names, lists of images and labels: each text is read as all of them.
#include "tests/fuzz/text.h"

#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)octet::fuzz::read_class_names(text);
  (void)octet::fuzz::read_image_list(text);
  (void)octet::fuzz::read_labels(text);
  (void)octet::fuzz::read_labels_of_images(text);
  return 0;
}
