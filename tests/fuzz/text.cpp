#include "tests/fuzz/text.h"

#include <cmath>
#include <cstdlib>

#include "converter/calibrate/calibrate.h"
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

// What a method promises of any statistics.
void check_range(const CalibrationMethod& method, const StatsTable::value_type& value) {
  for (const bool symmetric : {false, true}) {
    for (const bool pow2 : {false, true}) {
      const Range range = choose_range(method, value.second, {}, {.symmetric = symmetric, .pow2 = pow2});
      if (!(std::isfinite(range.min) && std::isfinite(range.max) && range.min <= 0 && range.max >= 0)) std::abort();
    }
  }
}

template <class T>
Status status_of(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

}  // namespace

Status read_spec(const std::string& text) {
  OCTET_TRY(const Preprocessing parsed, Preprocessing::parse(text));
  const Result<ImageInput> color = resolve_input(parsed, {1, 3, 8, 8}, "fuzz");
  const Result<ImageInput> gray = resolve_input(parsed, {1, 1, 8, 8}, "fuzz");
  return status_of(gray.ok() ? gray : color);
}

Status read_calibration(const std::string& text) {
  OCTET_TRY(CalibrationTable table, parse_calibration(text, "fuzz"));
  const Result<std::string> written = calibration_text(table);
  if (!written.ok() || parse_calibration(*written, "fuzz").value() != table) std::abort();
  const CalibrationMethod& method = calibration_methods()[text.size() % calibration_methods().size()];
  if (!table.stats.empty()) check_range(method, *table.stats.begin());
  OCTET_TRY(const CalibrationTable again, parse_calibration(text, "fuzz"));
  return merge_calibration_tables(table, again);
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
