#include "tests/fuzz/text.h"

#include "converter/calibrate/calibration_table.h"
#include "converter/data/labels.h"
#include "converter/data/npy.h"
#include "octet/image.hpp"
#include "tests/fuzz/target.h"

namespace octet::fuzz {
namespace {

// Two samples of one number.
const Dataset& two_samples(const Folder& folder) {
  static const Result<Dataset> samples = [&] {
    Tensor two(DataType::kF32, {2, 1});
    const std::string path = folder.write("two.npy", "", 0);
    if (!write_npy(path, two.view()).ok()) std::abort();
    return Dataset::open({path}, {{.name = "x", .shape = {1}}}, "");
  }();
  if (!samples.ok()) std::abort();
  return *samples;
}

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

}  // namespace

Status read_text(const uint8_t* data, size_t size) {
  if (size == 0) return {};
  static const Folder folder;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0: {
      OCTET_TRY(const Preprocessing parsed, Preprocessing::parse(text));
      return status_of(resolve_input(parsed, {1, 3, 8, 8}, "fuzz"));
    }
    case 1:
      return status_of(parse_calibration(text, "fuzz"));
    case 2:
      return status_of(load_class_names(folder.write("names.txt", text.data(), text.size()), {1, 3}));
    default:
      return status_of(load_labels(folder.write("labels.txt", text.data(), text.size()), two_samples(folder), 4));
  }
}

}  // namespace octet::fuzz
