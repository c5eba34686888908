#include "tests/fuzz/text.h"

#include "converter/calibrate/calibration_table.h"
#include "converter/data/labels.h"
#include "converter/data/npy.h"
#include "octet/image.hpp"
#include "tests/fuzz/target.h"

namespace octet::fuzz {
namespace {

const Folder& folder() {
  static const Folder folder;
  return folder;
}

// Two samples of one number.
const Dataset& two_samples() {
  static const Result<Dataset> samples = [] {
    Tensor two(DataType::kF32, {2, 1});
    const std::string path = folder().write("two.npy", "", 0);
    if (!write_npy(path, two.view()).ok()) std::abort();
    return Dataset::open({path}, {{.name = "x", .shape = {1}}}, "");
  }();
  if (!samples.ok()) std::abort();
  return *samples;
}

const std::vector<TensorInfo> kImageInput = {{.name = "x", .shape = {1, 3, 1, 1}}};

// Two images of one name in two folders; none of them is looked at.
const Dataset& two_images() {
  static const Result<Dataset> samples = [] {
    constexpr std::string_view kList = "x/a cat.ppm\ny/a cat.ppm\n";
    return Dataset::open({folder().write("list", kList.data(), kList.size())}, kImageInput, "");
  }();
  if (!samples.ok() || !samples->has_names()) std::abort();
  return *samples;
}

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

}  // namespace

Status read_spec(const std::string& text) {
  OCTET_TRY(const Preprocessing parsed, Preprocessing::parse(text));
  return status_of(resolve_input(parsed, {1, 3, 8, 8}, "fuzz"));
}

Status read_calibration(const std::string& text) {
  return status_of(parse_calibration(text, "fuzz"));
}

Status read_class_names(const std::string& text) {
  return status_of(load_class_names(folder().write("names.txt", text.data(), text.size()), {1, 3}));
}

Status read_labels(const std::string& text) {
  return status_of(load_labels(folder().write("labels.txt", text.data(), text.size()), two_samples(), 4));
}

Status read_image_list(const std::string& text) {
  return status_of(Dataset::open({folder().write("images.txt", text.data(), text.size())}, kImageInput, ""));
}

Status read_labels_of_images(const std::string& text) {
  return status_of(load_labels(folder().write("labels.txt", text.data(), text.size()), two_images(), 4));
}

}  // namespace octet::fuzz
