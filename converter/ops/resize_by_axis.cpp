#include "converter/ops/resize_by_axis.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

using Axis = ResizeByAxis::Axis;

// Elements of a matrix beyond this are a mistake, or an attack.
constexpr int64_t kMaxMatrix = int64_t{1} << 24;

bool crops(const ResizeByAxis& resize) {
  return resize.coordinates == "tf_crop_and_resize";
}

// Where output pixel x lies in the input. In f32, as for the resize op.
Result<float> source_coordinate(const NodeReader& reader, const ResizeByAxis& resize, const Axis& axis, int64_t x) {
  const auto at = static_cast<float>(x), scale = static_cast<float>(axis.scale);
  const auto src = static_cast<float>(axis.src), dst = static_cast<float>(axis.dst);
  const std::string& name = resize.coordinates;
  const float half_pixel = (at + 0.5F) / scale - 0.5F;
  if (crops(resize)) {
    const auto start = static_cast<float>(axis.roi_start), end = static_cast<float>(axis.roi_end);
    if (axis.dst == 1) return 0.5F * (start + end) * (src - 1);
    return start * (src - 1) + at * (end - start) * (src - 1) / (dst - 1);
  }
  if (scale == 1.0F) return at;
  if (name == "half_pixel") return half_pixel;
  if (name == "asymmetric") return at / scale;
  if (name == "tf_half_pixel_for_nn") return (at + 0.5F) / scale;
  if (name == "align_corners") return axis.dst == 1 ? 0.0F : at * (src - 1) / (dst - 1);
  if (name == "pytorch_half_pixel") return axis.dst == 1 ? 0.0F : half_pixel;
  if (name == "half_pixel_symmetric") {
    // The output's centre lies over the input's, though its size is rounded.
    const float offset = src / 2.0F * (1.0F - dst / (src * scale));
    return offset + half_pixel;
  }
  return reader.unsupported("its coordinate_transformation_mode is '" + name + "'");
}

Result<float> rounded(const NodeReader& reader, const std::string& rounding, float x) {
  if (rounding == "round_prefer_floor") return std::ceil(x - 0.5F);
  if (rounding == "round_prefer_ceil") return std::floor(x + 0.5F);
  if (rounding == "floor") return std::floor(x);
  if (rounding == "ceil") return std::ceil(x);
  return reader.invalid("its nearest_mode is '" + rounding + "'");
}

// The weight of an input pixel at distance d.
float kernel(const ResizeByAxis& resize, float d) {
  d = std::fabs(d);
  if (resize.mode == ResizeByAxis::Mode::kLinear) return std::max(1.0F - d, 0.0F);
  const float a = resize.cubic_a;
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

bool is_beyond(const ResizeByAxis& resize, const Axis& axis, float at) {
  return crops(resize) && (at < 0 || at > static_cast<float>(axis.src - 1));
}

// For each output pixel of an axis: whether it lies beyond the input.
using Rows = std::vector<bool>;

// The matrix [dst, src] that resizes along one axis.
struct AxisMatrix {
  Tensor weights;
  Rows beyond;
};

Result<AxisMatrix> matrix_of(NodeReader& reader, const ResizeByAxis& resize, const Axis& axis) {
  OCTET_TRY(Tensor weights, reader.make_constant(DataType::kF32, {axis.dst, axis.src}));
  AxisMatrix result{std::move(weights), {}};
  const bool widens = resize.antialias && axis.scale < 1;
  const float support = (resize.mode == ResizeByAxis::Mode::kLinear ? 1.0F : 2.0F);
  const float stretch = widens ? static_cast<float>(1 / axis.scale) : 1.0F;
  for (int64_t x = 0; x < axis.dst; ++x) {
    OCTET_TRY(const float at, source_coordinate(reader, resize, axis, x));
    float* row = result.weights.as<float>().data() + x * axis.src;
    result.beyond.push_back(is_beyond(resize, axis, at));
    if (result.beyond.back() || !std::isfinite(at)) continue;
    const auto first = static_cast<int64_t>(std::floor(std::clamp(at - support * stretch, -1e9F, 1e9F)));
    const auto last = static_cast<int64_t>(std::ceil(std::clamp(at + support * stretch, -1e9F, 1e9F)));
    float sum = 0;
    for (int64_t i = std::max(first, int64_t{-4} * axis.src - 4); i <= std::min(last, 5 * axis.src + 4); ++i) {
      const bool outside = i < 0 || i >= axis.src;
      if (outside && resize.exclude_outside) continue;
      const float weight = kernel(resize, (static_cast<float>(i) - at) / stretch);
      row[std::clamp<int64_t>(i, 0, axis.src - 1)] += weight;
      sum += weight;
    }
    const bool normalizes = resize.exclude_outside || widens;
    for (int64_t i = 0; normalizes && sum != 0 && i < axis.src; ++i) row[i] /= sum;
  }
  return result;
}

// What lies beyond the input along any axis becomes `extrapolation`. rows_of_axes: for each of resize.axes.
Result<ValueId> extrapolate(NodeReader& reader, const ResizeByAxis& resize, const std::vector<Rows>& rows_of_axes,
                            Steps& steps, ValueId x) {
  const int rank = steps.shape(x).rank();
  ValueId beyond = kNoValue;
  for (size_t i = 0; i < resize.axes.size(); ++i) {
    const Rows& rows = rows_of_axes[i];
    if (std::find(rows.begin(), rows.end(), true) == rows.end()) continue;
    std::vector<int64_t> dims(static_cast<size_t>(rank), 1);
    dims[static_cast<size_t>(resize.axes[i].axis)] = resize.axes[i].dst;
    OCTET_TRY(Tensor mask, reader.make_constant(DataType::kBool, Shape(dims)));
    std::transform(rows.begin(), rows.end(), mask.as<uint8_t>().begin(), [](bool b) { return b ? 1 : 0; });
    const ValueId here = steps.constant(std::move(mask));
    beyond = beyond == kNoValue ? here : steps.compare(CompareKind::kOr, beyond, here);
  }
  if (beyond != kNoValue) {
    x = steps.where(beyond, steps.cast(steps.number(resize.extrapolation), steps.type(x)), x);
  }
  return steps.result(x);
}

// Gathers along each axis.
Result<ValueId> nearest(NodeReader& reader, const ResizeByAxis& resize, Steps& steps, ValueId x) {
  std::vector<Rows> beyond;
  for (const Axis& axis : resize.axes) {
    OCTET_TRY(Tensor indices, reader.make_constant(DataType::kS64, {axis.dst}));
    Rows rows;
    for (int64_t i = 0; i < axis.dst; ++i) {
      OCTET_TRY(const float at, source_coordinate(reader, resize, axis, i));
      OCTET_TRY(const float place, rounded(reader, axis.rounding, at));
      rows.push_back(is_beyond(resize, axis, at));
      const float inside = std::isfinite(place) ? std::clamp(place, 0.0F, static_cast<float>(axis.src - 1)) : 0.0F;
      indices.as<int64_t>()[i] = static_cast<int64_t>(inside);
    }
    x = steps.op(GatherParams{axis.axis}, {x, steps.constant(std::move(indices))});
    beyond.push_back(std::move(rows));
  }
  return extrapolate(reader, resize, beyond, steps, x);
}

}  // namespace

Result<ValueId> resize_by_axis(NodeReader& reader, const ResizeByAxis& resize) {
  for (const Axis& axis : resize.axes) {
    if (axis.src < 1 || axis.dst < 1 || axis.dst > kMaxMatrix / axis.src || !(axis.scale > 0)) {
      return reader.unsupported("it resizes axis " + std::to_string(axis.axis) + " from " + std::to_string(axis.src) +
                                " to " + std::to_string(axis.dst));
    }
  }
  Steps steps(reader);
  const DataType type = reader.input_type(0);
  ValueId x = reader.input(0);
  if (resize.mode == ResizeByAxis::Mode::kNearest) return nearest(reader, resize, steps, x);
  x = steps.cast(x, DataType::kF32);
  std::vector<Rows> beyond;
  for (const Axis& axis : resize.axes) {
    OCTET_TRY(const AxisMatrix matrix, matrix_of(reader, resize, axis));
    // [axis, everything behind it], times the matrix from the left.
    const Shape shape = steps.shape(x);
    int64_t behind = 1;
    std::vector<int64_t> dims, back;
    for (int i = 0; i < shape.rank(); ++i) {
      const int64_t written = i == 0 && axis.axis != 0 ? 0 : shape[i];  // the batch stays open
      if (i > axis.axis) behind *= shape[i];
      if (i <= axis.axis) dims.push_back(written);
      back.push_back(i == axis.axis ? axis.dst : written);
    }
    dims.push_back(behind);
    x = steps.op(MatmulParams{}, {steps.constant(matrix.weights), steps.reshape(x, dims)}, DataType::kF32);
    x = steps.reshape(x, back);
    beyond.push_back(matrix.beyond);
  }
  OCTET_TRY(x, extrapolate(reader, resize, beyond, steps, x));
  return steps.result(steps.cast(x, type));
}

}  // namespace octet
