// Resizing that the resize op does not do, as gathers or matrix products along one axis after the other.
#pragma once

#include "converter/ops/steps.h"

namespace octet {

// What ONNX's Resize says, for all modes.
struct ResizeByAxis {
  enum class Mode { kNearest, kLinear, kCubic };

  Mode mode = Mode::kNearest;
  std::string coordinates = "half_pixel";
  float cubic_a = -0.75F;
  bool exclude_outside = false;  // what lies outside the input counts nothing, instead of as the edge
  bool antialias = false;        // where it shrinks, every input pixel counts
  float extrapolation = 0;       // of tf_crop_and_resize: what is beyond the input

  struct Axis {
    int64_t axis = 0;
    int64_t src = 0, dst = 0;
    double scale = 1;
    double roi_start = 0, roi_end = 1;
    std::string rounding = "round_prefer_floor";  // to the nearest pixel
  };
  std::vector<Axis> axes;  // those that change
};

// The resized value. kInvalidFile / kUnsupported where the parameters make no sense, or a matrix would be too large.
Result<ValueId> resize_by_axis(NodeReader& reader, const ResizeByAxis& resize);

}  // namespace octet
