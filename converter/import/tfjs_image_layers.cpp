// Layers on images: convolutions, pools, padding, resizing. All NHWC, as in the graph.
#include "converter/import/tfjs_layers.h"

#include <algorithm>

namespace octet {
namespace {

using Pair = std::array<int64_t, 2>;

// One number for both, or a list of two; the default where it is absent or null.
Result<Pair> pair_or(const TfjsLayer& layer, const char* name, Pair otherwise) {
  if (!layer.config.has(name)) return otherwise;
  OCTET_TRY(const JsonAt field, layer.config.field(name));
  Pair pair{};
  if (field.json.is_number()) {
    OCTET_TRY(pair[0], field.as_integer());
    pair[1] = pair[0];
  } else {
    OCTET_TRY(const auto list, field.as_integers());
    if (list.size() != 2) return field.invalid("has " + std::to_string(list.size()) + " numbers, not 2");
    pair = {list[0], list[1]};
  }
  for (const int64_t number : pair) {
    if (number < 1 || number > INT32_MAX)
      return field.invalid("the number " + std::to_string(number) + " is out of range");
  }
  return pair;
}

// TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding behind.
struct Window {
  Pair kernel, strides, dilations{1, 1};
};

Result<std::array<int64_t, 4>> window_pads(const TfjsLayer& layer, const Window& window) {
  OCTET_TRY(const std::string padding, layer.config.string_or("padding", "valid"));
  std::array<int64_t, 4> pads{};
  if (padding == "valid") return pads;
  if (padding != "same") return layer.reader.unsupported("the padding '" + padding + "'");
  for (size_t i = 0; i < 2; ++i) {
    const int64_t size = layer.shape()[static_cast<int>(i) + 1];
    if (size < 1) return layer.reader.unsupported("padding 'same' of an image of unknown size; give --input-shape");
    if (window.kernel[i] > INT32_MAX) {
      return layer.reader.invalid("its kernel has " + std::to_string(window.kernel[i]) + " pixels along an axis, but " +
                                  "at most " + std::to_string(INT32_MAX) + " are possible");
    }
    const int64_t outputs = (size - 1) / window.strides[i] + 1;
    const int64_t taps = (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t total = std::max<int64_t>((outputs - 1) * window.strides[i] + taps - size, 0);
    pads[i] = total / 2;
    pads[i + 2] = total - total / 2;
  }
  return pads;
}

Status check_rank(const TfjsLayer& layer, int rank) {
  if (layer.shape().rank() == rank) return {};
  return layer.reader.invalid("its input has the shape " + layer.shape().to_string() + ", but needs " +
                              std::to_string(rank) + " dimensions");
}

Status check_image(const TfjsLayer& layer) {
  OCTET_CHECK(check_channels_last(layer));
  return check_rank(layer, 4);
}

// [[top, bottom], [left, right]], [vertical, horizontal], or one number; as top, left, bottom, right.
Result<std::array<int64_t, 4>> read_sides(const TfjsLayer& layer, const char* name) {
  OCTET_TRY(const JsonAt field, layer.config.field(name));
  std::array<int64_t, 4> sides{};
  if (field.json.is_number()) {
    OCTET_TRY(const int64_t all, field.as_integer());
    sides.fill(all);
  } else {
    OCTET_TRY(const auto list, field.list());
    if (list.size() != 2) return field.invalid("has " + std::to_string(list.size()) + " elements, not 2");
    for (size_t i = 0; i < 2; ++i) {
      if (list[i].json.is_array()) {
        OCTET_TRY(const auto two, list[i].as_integers());
        if (two.size() != 2) return list[i].invalid("has " + std::to_string(two.size()) + " numbers, not 2");
        sides[i] = two[0];
        sides[i + 2] = two[1];
      } else {
        OCTET_TRY(sides[i], list[i].as_integer());
        sides[i + 2] = sides[i];
      }
    }
  }
  for (const int64_t side : sides) {
    if (side < 0 || side > INT32_MAX) return field.invalid("the number " + std::to_string(side) + " is out of range");
  }
  return sides;
}

Result<ValueId> emit_pad(const TfjsLayer& layer, const char* field, int64_t sign) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const auto sides, read_sides(layer, field));
  PadParams params;
  params.before = {0, sign * sides[0], sign * sides[1], 0};
  params.after = {0, sign * sides[2], sign * sides[3], 0};
  return layer.reader.emit(std::move(params), {layer.input()});
}

// The average of padded windows leaves the padding out, as TensorFlow's does.
Result<ValueId> emit_pool(const TfjsLayer& layer, PoolKind kind) {
  OCTET_CHECK(check_image(layer));
  Window window;
  OCTET_TRY(window.kernel, pair_or(layer, "pool_size", {2, 2}));
  OCTET_TRY(window.strides, pair_or(layer, "strides", window.kernel));
  Pool2dParams params{.kind = kind, .kernel = window.kernel, .strides = window.strides};
  OCTET_TRY(params.pads, window_pads(layer, window));
  return layer.reader.emit(params, {layer.input()});
}

Result<ValueId> emit_global_pool(const TfjsLayer& layer, PoolKind kind) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const bool keep_dims, layer.config.bool_or("keepdims", false));
  const int64_t channels = layer.shape()[3];
  OCTET_TRY(const ValueId pooled, layer.reader.emit(Pool2dParams{.kind = kind, .global = true}, {layer.input()}));
  if (keep_dims) return pooled;
  return layer.reader.emit(ReshapeParams{{0, channels}}, {pooled});
}

}  // namespace

Result<ValueId> convolve(const TfjsLayer& layer, ValueId x, ValueId weights, int64_t groups, ValueId bias,
                         bool pointwise) {
  const Shape& shape = layer.reader.graph().value(weights).shape;
  Window window{{shape[1], shape[2]}, {1, 1}, {1, 1}};
  Conv2dParams params;
  if (!pointwise) {
    OCTET_TRY(window.strides, pair_or(layer, "strides", {1, 1}));
    OCTET_TRY(window.dilations, pair_or(layer, "dilation_rate", {1, 1}));
    OCTET_TRY(params.pads, window_pads(layer, window));
  }
  params.strides = window.strides;
  params.dilations = window.dilations;
  params.groups = groups;
  std::vector<ValueId> inputs{x, weights};
  if (bias != kNoValue) inputs.push_back(bias);
  return layer.reader.emit(params, std::move(inputs));
}

Result<ValueId> read_conv2d(const TfjsLayer& layer) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const ValueId weights, layer.constant("kernel", 4, WeightForm::kConv));
  OCTET_TRY(const int64_t groups, layer.config.integer_or("groups", 1));
  OCTET_TRY(const ValueId bias, bias_or_none(layer));
  OCTET_TRY(const ValueId x, convolve(layer, layer.input(), weights, groups, bias));
  return activate(layer, x);
}

Result<ValueId> read_depthwise_conv2d(const TfjsLayer& layer) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const ValueId weights, layer.constant("depthwise_kernel", 4, WeightForm::kDepthwise));
  OCTET_TRY(const ValueId bias, bias_or_none(layer));
  OCTET_TRY(const ValueId x, convolve(layer, layer.input(), weights, layer.shape()[3], bias));
  return activate(layer, x);
}

Result<ValueId> read_separable_conv2d(const TfjsLayer& layer) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const ValueId depthwise, layer.constant("depthwise_kernel", 4, WeightForm::kDepthwise));
  OCTET_TRY(const ValueId pointwise, layer.constant("pointwise_kernel", 4, WeightForm::kConv));
  OCTET_TRY(const ValueId bias, bias_or_none(layer));
  OCTET_TRY(const ValueId between, convolve(layer, layer.input(), depthwise, layer.shape()[3], kNoValue));
  OCTET_TRY(const ValueId x, convolve(layer, between, pointwise, 1, bias, true));
  return activate(layer, x);
}

Result<ValueId> read_zero_padding2d(const TfjsLayer& layer) {
  return emit_pad(layer, "padding", 1);
}

Result<ValueId> read_cropping2d(const TfjsLayer& layer) {
  return emit_pad(layer, "cropping", -1);
}

Result<ValueId> read_max_pooling2d(const TfjsLayer& layer) {
  return emit_pool(layer, PoolKind::kMax);
}

Result<ValueId> read_average_pooling2d(const TfjsLayer& layer) {
  return emit_pool(layer, PoolKind::kAverage);
}

Result<ValueId> read_global_average_pooling2d(const TfjsLayer& layer) {
  return emit_global_pool(layer, PoolKind::kAverage);
}

Result<ValueId> read_global_max_pooling2d(const TfjsLayer& layer) {
  return emit_global_pool(layer, PoolKind::kMax);
}

// As Keras does it since TensorFlow 2: pixel centres at halves.
Result<ValueId> read_up_sampling2d(const TfjsLayer& layer) {
  OCTET_CHECK(check_image(layer));
  OCTET_TRY(const Pair size, pair_or(layer, "size", {2, 2}));
  const Result<std::string> interpolation = layer.config.string_or("interpolation", "nearest");
  if (!interpolation.ok()) return interpolation.error();
  ResizeParams params;
  params.scales = {static_cast<float>(size[0]), static_cast<float>(size[1])};
  if (*interpolation == "bilinear") {
    params.mode = ResizeMode::kLinear;
  } else if (*interpolation == "nearest") {
    params.coordinates = CoordinateTransform::kAsymmetric;
    params.rounding = NearestRounding::kFloor;
  } else {
    return layer.reader.unsupported("the interpolation '" + *interpolation + "'");
  }
  return layer.reader.emit(params, {layer.input()});
}

}  // namespace octet
