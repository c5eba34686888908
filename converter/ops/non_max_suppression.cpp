// non_max_suppression: NonMaxSuppression.
#include <algorithm>
#include <limits>

#include "converter/ops/rules.h"

namespace octet {
namespace {

Status read_non_max_suppression(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  NonMaxSuppressionParams params;
  OCTET_TRY(const int64_t centers, reader.attribute("center_point_box", int64_t{0}));
  params.centers = centers != 0;
  if (reader.has_input(2)) {
    OCTET_TRY(const std::vector<int64_t> count, reader.constant_ints(2));
    if (count.size() != 1)
      return reader.invalid("its number of boxes has " + std::to_string(count.size()) + " elements");
    params.max_boxes = std::max<int64_t>(count[0], 0);
  }
  const auto threshold = [&](size_t i, float otherwise) -> Result<float> {
    if (!reader.has_input(i)) return otherwise;
    OCTET_TRY(const std::vector<float> value, reader.constant_floats(i));
    if (value.size() == 1) return value[0];
    return reader.invalid("a threshold has " + std::to_string(value.size()) + " elements");
  };
  OCTET_TRY(params.iou_threshold, threshold(3, 0));
  OCTET_TRY(params.score_threshold, threshold(4, -std::numeric_limits<float>::infinity()));
  OCTET_TRY(const ValueId result, reader.emit(params, {reader.input(0), reader.input(1)}, DataType::kS64));
  reader.set_output(0, result);
  return {};
}

constexpr OpReader kReaders[] = {{"NonMaxSuppression", "non_max_suppression", read_non_max_suppression}};

}  // namespace

constinit const OpRule kNonMaxSuppressionRule{"non_max_suppression", always<QuantizationRule::kFloat>, nullptr,
                                              kReaders};

}  // namespace octet
