// resize: Resize and Upsample, nearest and linear over height and width.
#include <cmath>

#include "converter/ops/rules.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

// Entries of a list that stands for all axes, or for `axes` only (opset 18): those of height and width. Entries of
// other axes must be `neutral(axis)`.
template <class T, class Neutral>
Result<std::array<T, 2>> pick_spatial(const NodeReader& reader, const std::vector<T>& list, const Ints& axes,
                                      const char* what, const Neutral& neutral) {
  if (list.size() != axes.size()) {
    return reader.invalid("it has " + std::to_string(list.size()) + " " + what + " for " + std::to_string(axes.size()) +
                          " axes");
  }
  std::array<T, 2> picked{neutral(2), neutral(3)};
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] >= 2) {
      picked[static_cast<size_t>(axes[i] - 2)] = list[i];
    } else if (list[i] != neutral(axes[i])) {
      return reader.unsupported("it resizes axis " + std::to_string(axes[i]) + ", which is neither height nor width");
    }
  }
  return picked;
}

Status read_mode(const NodeReader& reader, ResizeParams& params) {
  OCTET_TRY(const std::string mode, reader.attribute("mode", std::string("nearest")));
  if (mode == "nearest") {
    params.mode = ResizeMode::kNearest;
  } else if (mode == "linear" || mode == "bilinear") {
    params.mode = ResizeMode::kLinear;
  } else {
    return reader.unsupported("its mode is '" + mode + "'");
  }
  return {};
}

Status set_scales(const NodeReader& reader, const Floats& scales, const Ints& axes, ResizeParams& params) {
  OCTET_TRY(params.scales, pick_spatial(reader, scales, axes, "scales", [](int64_t) { return 1.0F; }));
  for (const float scale : params.scales) {
    if (!(scale > 0) || !std::isfinite(scale)) return reader.invalid("a scale is " + std::to_string(scale));
  }
  return {};
}

Status set_sizes(const NodeReader& reader, const Ints& sizes, const Ints& axes, ResizeParams& params) {
  const Shape& src = reader.input_shape(0);
  const auto same = [&](int64_t axis) { return src[static_cast<int>(axis)]; };
  OCTET_TRY(params.sizes, pick_spatial(reader, sizes, axes, "sizes", same));
  for (const int64_t size : params.sizes) {
    if (size < 1) return reader.invalid("a size is " + std::to_string(size));
  }
  return {};
}

Status require_image(const NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  if (reader.input_shape(0).rank() == 4) return {};
  return reader.unsupported("its input has the shape " + reader.input_shape(0).to_string() + ", not rank 4");
}

// Upsample, and Resize of opset 10: scales only, x / scale, and where it shrinks nearest is the pixel above.
Status read_upsample(NodeReader& reader) {
  OCTET_CHECK(require_image(reader));
  ResizeParams params{.coordinates = CoordinateTransform::kAsymmetric, .rounding = NearestRounding::kFloor};
  OCTET_CHECK(read_mode(reader, params));
  Floats scales;
  if (reader.has_attribute("scales")) {
    OCTET_TRY(scales, reader.attribute("scales", Floats{}));
  } else {
    OCTET_TRY(scales, reader.constant_floats(1));
  }
  OCTET_CHECK(set_scales(reader, scales, {0, 1, 2, 3}, params));
  const auto shrinks = [](float scale) { return scale < 1; };
  if (params.mode == ResizeMode::kNearest && std::any_of(params.scales.begin(), params.scales.end(), shrinks)) {
    if (std::any_of(params.scales.begin(), params.scales.end(), [](float scale) { return scale > 1; })) {
      return reader.unsupported("it enlarges one axis and shrinks the other");
    }
    params.rounding = NearestRounding::kCeil;
  }
  return emit_image_op(reader, params);
}

Status read_coordinates(const NodeReader& reader, ResizeParams& params) {
  OCTET_TRY(const std::string name, reader.attribute("coordinate_transformation_mode", std::string("half_pixel")));
  const bool exact = params.sizes[0] > 0;
  if (name == "half_pixel" || (name == "half_pixel_symmetric" && exact)) {
    params.coordinates = CoordinateTransform::kHalfPixel;
  } else if (name == "asymmetric") {
    params.coordinates = CoordinateTransform::kAsymmetric;
  } else if (name == "align_corners") {
    params.coordinates = CoordinateTransform::kAlignCorners;
  } else if (name == "pytorch_half_pixel") {
    params.coordinates = CoordinateTransform::kPytorchHalfPixel;
  } else {
    return reader.unsupported("its coordinate_transformation_mode is '" + name + "'");
  }
  return {};
}

Status read_rounding(const NodeReader& reader, ResizeParams& params) {
  OCTET_TRY(const std::string name, reader.attribute("nearest_mode", std::string("round_prefer_floor")));
  if (name == "round_prefer_floor" || name.empty()) {
    params.rounding = NearestRounding::kRoundPreferFloor;
  } else if (name == "round_prefer_ceil") {
    params.rounding = NearestRounding::kRoundPreferCeil;
  } else if (name == "floor") {
    params.rounding = NearestRounding::kFloor;
  } else if (name == "ceil") {
    params.rounding = NearestRounding::kCeil;
  } else {
    return reader.invalid("its nearest_mode is '" + name + "'");
  }
  return {};
}

// Opset 11 on: (x, roi, scales, sizes), scales or sizes empty; 18 adds axes and antialias. JSON gives scales or sizes
// as attributes.
Status read_resize(NodeReader& reader) {
  if (reader.opset() < 11) return read_upsample(reader);
  OCTET_CHECK(require_image(reader));
  ResizeParams params;
  OCTET_CHECK(read_mode(reader, params));
  OCTET_TRY(Ints axes, reader.attribute("axes", Ints{0, 1, 2, 3}));
  OCTET_TRY(axes, normalize_axes(reader, axes, 4));
  OCTET_TRY(const std::string policy, reader.attribute("keep_aspect_ratio_policy", std::string("stretch")));
  if (policy != "stretch") return reader.unsupported("its keep_aspect_ratio_policy is '" + policy + "'");

  OCTET_TRY(const auto sizes, reader.attribute_or_input("sizes", 3));
  Floats scales;
  if (reader.has_attribute("scales")) {
    OCTET_TRY(scales, reader.attribute("scales", Floats{}));
  } else if (reader.has_input(2)) {
    OCTET_TRY(scales, reader.constant_floats(2));
  }
  if (sizes && !sizes->empty()) {
    OCTET_CHECK(set_sizes(reader, *sizes, axes, params));
  } else {
    if (scales.empty()) return reader.invalid("it has neither scales nor sizes");
    OCTET_CHECK(set_scales(reader, scales, axes, params));
  }
  OCTET_TRY(const int64_t antialias, reader.attribute("antialias", int64_t{0}));
  const Shape& src = reader.input_shape(0);
  const bool shrinks = params.sizes[0] > 0 ? params.sizes[0] < src[2] || params.sizes[1] < src[3]
                                           : params.scales[0] < 1 || params.scales[1] < 1;
  if (antialias != 0 && shrinks && params.mode == ResizeMode::kLinear) return reader.unsupported("it antialiases");
  OCTET_CHECK(read_coordinates(reader, params));
  OCTET_CHECK(read_rounding(reader, params));
  return emit_image_op(reader, params);
}

constexpr OpReader kReaders[] = {{"Resize", "resize", read_resize}, {"Upsample", "", read_upsample}};

}  // namespace

constinit const OpRule kResizeRule{"resize", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
