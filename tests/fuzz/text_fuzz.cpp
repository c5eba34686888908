// Texts that users write: preprocessing specs, labels, class names, saved calibrations. The first byte says which.
#include "converter/calibrate/calibration_table.h"
#include "converter/data/labels.h"
#include "converter/data/npy.h"
#include "octet/image.hpp"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const octet::fuzz::Folder folder;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0: {
      const auto parsed = octet::Preprocessing::parse(text);
      if (parsed.ok()) (void)octet::resolve_input(*parsed, {1, 3, 8, 8}, "fuzz");
      break;
    }
    case 1:
      (void)octet::parse_calibration(text, "fuzz");
      break;
    case 2:
      (void)octet::load_class_names(folder.write("names.txt", text.data(), text.size()), {1, 3});
      break;
    default: {
      static const octet::Result<octet::Dataset> samples = [] {
        octet::Tensor two(octet::DataType::kF32, {2, 1});
        const std::string path = folder.write("two.npy", "", 0);
        if (!octet::write_npy(path, two.view()).ok()) std::abort();
        return octet::Dataset::open({path}, {{.name = "x", .shape = {1}}}, "");
      }();
      if (!samples.ok()) std::abort();
      (void)octet::load_labels(folder.write("labels.txt", text.data(), text.size()), *samples, 4);
    }
  }
  return 0;
}
