// resize: Resize and Upsample: nearest and linear over height and width by the resize op, all else axis by axis.
#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/ops/resize_by_axis.h"
#include "converter/ops/rules.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

// Of a list that stands for all axes, or for `axes` only (opset 18): the entries of height and width. Nothing where an
// entry of another axis is not `neutral(axis)`.
template <class T, class Neutral>
std::optional<std::array<T, 2>> pick_spatial(const std::vector<T>& list, const Ints& axes, const Neutral& neutral) {
  std::array<T, 2> picked{neutral(2), neutral(3)};
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] >= 2) {
      picked[static_cast<size_t>(axes[i] - 2)] = list[i];
    } else if (list[i] != neutral(axes[i])) {
      return std::nullopt;
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

// Whether the resize op does this. As many scales or sizes as axes.
bool set_scales(const Floats& scales, const Ints& axes, ResizeParams& params) {
  const auto picked = pick_spatial(scales, axes, [](int64_t) { return 1.0F; });
  if (!picked) return false;
  params.scales = *picked;
  return std::ranges::all_of(*picked, [](float scale) { return scale > 0 && std::isfinite(scale); });
}

bool set_sizes(const Shape& src, const Ints& sizes, const Ints& axes, ResizeParams& params) {
  const auto picked = pick_spatial(sizes, axes, [&](int64_t axis) { return src[static_cast<int>(axis)]; });
  if (!picked) return false;
  params.sizes = *picked;
  return std::ranges::all_of(*picked, [](int64_t size) { return size >= 1; });
}

Result<ResizeByAxis::Axis> scaled_axis(const NodeReader& reader, int64_t axis, float scale) {
  ResizeByAxis::Axis result{.axis = axis, .src = reader.input_shape(0)[static_cast<int>(axis)]};
  const float size = std::floor(static_cast<float>(result.src) * scale);
  if (!(scale > 0) || !(size < 1e9F)) return reader.invalid("a scale is " + std::to_string(scale));
  result.scale = static_cast<double>(scale);
  result.dst = static_cast<int64_t>(size);
  return result;
}

Status emit_by_axis(NodeReader& reader, const ResizeByAxis& by_axis) {
  OCTET_TRY(const ValueId result, resize_by_axis(reader, by_axis));
  reader.set_output(0, result);
  return {};
}

// A scale for each axis; Upsample of opset 1 has only those of an image.
Result<Floats> read_scales(const NodeReader& reader) {
  if (reader.has_attribute("scales")) return reader.attribute("scales", Floats{});
  if (!reader.has_attribute("height_scale") && !reader.has_attribute("width_scale")) return reader.constant_floats(1);
  if (reader.input_shape(0).rank() != 4) {
    return reader.invalid("its scales are those of an image, but its input is " + reader.input_shape(0).to_string());
  }
  OCTET_TRY(const float height, reader.attribute("height_scale", 1.0F));
  OCTET_TRY(const float width, reader.attribute("width_scale", 1.0F));
  return Floats{1, 1, height, width};
}

// Upsample, and Resize of opset 10: scales only, x / scale, and along an axis that shrinks nearest is the pixel above.
Status read_upsample(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const int rank = reader.input_shape(0).rank();
  ResizeParams params{.coordinates = CoordinateTransform::kAsymmetric, .rounding = NearestRounding::kFloor};
  OCTET_CHECK(read_mode(reader, params));
  OCTET_TRY(const Floats scales, read_scales(reader));
  if (scales.size() != static_cast<size_t>(rank)) {
    return reader.invalid("it has " + std::to_string(scales.size()) + " scales for " + std::to_string(rank) + " axes");
  }
  const bool nearest = params.mode == ResizeMode::kNearest;
  const bool shrinks = std::any_of(scales.begin(), scales.end(), [](float scale) { return scale < 1; });
  const bool enlarges = std::any_of(scales.begin(), scales.end(), [](float scale) { return scale > 1; });
  if (nearest && shrinks) params.rounding = NearestRounding::kCeil;
  const bool one_rounding = !nearest || !shrinks || !enlarges;
  if (rank == 4 && one_rounding && set_scales(scales, {0, 1, 2, 3}, params)) return emit_image_op(reader, params);
  ResizeByAxis by_axis{.mode = nearest ? ResizeByAxis::Mode::kNearest : ResizeByAxis::Mode::kLinear,
                       .coordinates = "asymmetric"};
  for (int i = 0; i < rank; ++i) {
    OCTET_TRY(ResizeByAxis::Axis axis, scaled_axis(reader, i, scales[static_cast<size_t>(i)]));
    axis.rounding = axis.scale < 1 ? "ceil" : "floor";
    if (axis.scale != 1) by_axis.axes.push_back(axis);
  }
  return emit_by_axis(reader, by_axis);
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

// Scales or sizes, of the axes that the node names (all, before opset 18).
struct Wanted {
  Ints axes;
  Floats scales;
  Ints sizes;
  // keep_aspect_ratio_policy: that of all axes, where the sizes are its products, rounded.
  std::optional<double> common_scale;
};

Result<Wanted> read_wanted(const NodeReader& reader) {
  Wanted wanted;
  const int rank = reader.input_shape(0).rank();
  Ints all;
  for (int i = 0; i < rank; ++i) all.push_back(i);
  OCTET_TRY(wanted.axes, reader.attribute("axes", all));
  OCTET_TRY(wanted.axes, normalize_axes(reader, wanted.axes, rank));
  OCTET_TRY(const auto sizes, reader.attribute_or_input("sizes", 3));
  if (sizes) wanted.sizes = *sizes;
  if (reader.has_attribute("scales")) {
    OCTET_TRY(wanted.scales, reader.attribute("scales", Floats{}));
  } else if (reader.has_input(2)) {
    OCTET_TRY(wanted.scales, reader.constant_floats(2));
  }
  const size_t count = wanted.sizes.empty() ? wanted.scales.size() : wanted.sizes.size();
  if (count == 0) return reader.invalid("it has neither scales nor sizes");
  if (count != wanted.axes.size()) {
    return reader.invalid("it has " + std::to_string(count) + (wanted.sizes.empty() ? " scales" : " sizes") + " for " +
                          std::to_string(wanted.axes.size()) + " axes");
  }
  OCTET_TRY(const std::string policy, reader.attribute("keep_aspect_ratio_policy", std::string("stretch")));
  if (policy == "stretch" || wanted.sizes.empty()) return wanted;
  if (policy != "not_larger" && policy != "not_smaller") {
    return reader.invalid("its keep_aspect_ratio_policy is '" + policy + "'");
  }
  // One scale for all axes: the smallest or largest that the sizes ask for.
  std::optional<double>& scale = wanted.common_scale;
  for (size_t i = 0; i < count; ++i) {
    const auto src = static_cast<double>(reader.input_shape(0)[static_cast<int>(wanted.axes[i])]);
    const double own = static_cast<double>(wanted.sizes[i]) / src;
    scale = !scale ? own : policy == "not_larger" ? std::min(*scale, own) : std::max(*scale, own);
  }
  for (size_t i = 0; i < count; ++i) {
    const auto src = static_cast<double>(reader.input_shape(0)[static_cast<int>(wanted.axes[i])]);
    wanted.sizes[i] = static_cast<int64_t>(std::min(std::floor(src * *scale + 0.5), 1e9));
  }
  return wanted;
}

// The resize op, if it does this; else nothing.
Result<std::optional<ResizeParams>> try_image(const NodeReader& reader, const Wanted& wanted) {
  const Shape& src = reader.input_shape(0);
  if (src.rank() != 4 || reader.input_type(0) != DataType::kF32) return std::optional<ResizeParams>();
  // The op's scale is the size's share of the input's.
  for (size_t i = 0; wanted.common_scale && i < wanted.axes.size(); ++i) {
    const auto own = static_cast<double>(src[static_cast<int>(wanted.axes[i])]);
    if (own * *wanted.common_scale != static_cast<double>(wanted.sizes[i])) return std::optional<ResizeParams>();
  }
  ResizeParams params;
  const bool ok =
      read_mode(reader, params).ok() && (wanted.sizes.empty() ? set_scales(wanted.scales, wanted.axes, params)
                                                              : set_sizes(src, wanted.sizes, wanted.axes, params));
  if (!ok || !read_coordinates(reader, params).ok()) return std::optional<ResizeParams>();
  OCTET_CHECK(read_rounding(reader, params));
  OCTET_TRY(const int64_t antialias, reader.attribute("antialias", int64_t{0}));
  const bool shrinks = params.sizes[0] > 0 ? params.sizes[0] < src[2] || params.sizes[1] < src[3]
                                           : params.scales[0] < 1 || params.scales[1] < 1;
  if (antialias != 0 && shrinks && params.mode == ResizeMode::kLinear) return std::optional<ResizeParams>();
  return std::optional(params);
}

Result<ResizeByAxis> read_by_axis(const NodeReader& reader, const Wanted& wanted) {
  ResizeByAxis resize;
  OCTET_TRY(const std::string mode, reader.attribute("mode", std::string("nearest")));
  if (mode == "linear" || mode == "cubic") {
    resize.mode = mode == "linear" ? ResizeByAxis::Mode::kLinear : ResizeByAxis::Mode::kCubic;
  } else if (mode != "nearest") {
    return reader.invalid("its mode is '" + mode + "'");
  }
  OCTET_TRY(resize.coordinates, reader.attribute("coordinate_transformation_mode", resize.coordinates));
  OCTET_TRY(const std::string rounding, reader.attribute("nearest_mode", ResizeByAxis::Axis().rounding));
  OCTET_TRY(resize.cubic_a, reader.attribute("cubic_coeff_a", resize.cubic_a));
  OCTET_TRY(resize.extrapolation, reader.attribute("extrapolation_value", resize.extrapolation));
  OCTET_TRY(const int64_t exclude, reader.attribute("exclude_outside", int64_t{0}));
  OCTET_TRY(const int64_t antialias, reader.attribute("antialias", int64_t{0}));
  resize.exclude_outside = exclude != 0;
  resize.antialias = antialias != 0;
  const bool crops = resize.coordinates == "tf_crop_and_resize";
  Floats roi;
  if (crops) {
    OCTET_TRY(roi, reader.constant_floats(1));
    if (roi.size() != 2 * wanted.axes.size()) {
      return reader.invalid("its region has " + std::to_string(roi.size()) + " numbers for " +
                            std::to_string(wanted.axes.size()) + " axes");
    }
  }
  for (size_t i = 0; i < wanted.axes.size(); ++i) {
    ResizeByAxis::Axis axis{.axis = wanted.axes[i], .src = reader.input_shape(0)[static_cast<int>(wanted.axes[i])]};
    if (wanted.sizes.empty()) {
      OCTET_TRY(axis, scaled_axis(reader, wanted.axes[i], wanted.scales[i]));
    } else {
      axis.dst = wanted.sizes[i];
      axis.scale = wanted.common_scale.value_or(static_cast<double>(axis.dst) / static_cast<double>(axis.src));
    }
    axis.rounding = rounding;
    if (crops) {
      axis.roi_start = static_cast<double>(roi[i]);
      axis.roi_end = static_cast<double>(roi[wanted.axes.size() + i]);
    }
    const bool whole = axis.roi_start == 0 && axis.roi_end == 1;
    if (axis.src != axis.dst || axis.scale != 1 || !whole) resize.axes.push_back(axis);
  }
  return resize;
}

// Opset 11 on: (x, roi, scales, sizes), scales or sizes empty; 18 adds axes and antialias. JSON gives scales or sizes
// as attributes.
Status read_resize(NodeReader& reader) {
  if (reader.opset() < 11) return read_upsample(reader);
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(const Wanted wanted, read_wanted(reader));
  OCTET_TRY(const std::optional<ResizeParams> image, try_image(reader, wanted));
  if (image) return emit_image_op(reader, *image);
  OCTET_TRY(const ResizeByAxis by_axis, read_by_axis(reader, wanted));
  return emit_by_axis(reader, by_axis);
}

constexpr OpReader kReaders[] = {{"Resize", "resize", read_resize}, {"Upsample", "", read_upsample}};

}  // namespace

constinit const OpRule kResizeRule{"resize", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
