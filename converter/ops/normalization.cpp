// normalization: Instance-, Group- and LayerNormalization, MeanVarianceNormalization and LRN, as arithmetic.
#include <numeric>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

using Ints = std::vector<int64_t>;

Ints axes_from(int64_t first, int rank) {
  Ints axes(static_cast<size_t>(std::max<int64_t>(rank - first, 0)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) over axes that stay as 1.
struct Normalized {
  ValueId mean, inverse_deviation, value;
};
Normalized normalize(Steps& steps, ValueId x, const Ints& axes, float epsilon) {
  const ValueId mean = steps.reduce(ReduceKind::kMean, x, axes);
  const ValueId centred = steps.binary(BinaryKind::kSub, x, mean);
  const ValueId variance = steps.reduce(ReduceKind::kMean, steps.binary(BinaryKind::kMul, centred, centred), axes);
  const ValueId deviation = steps.unary(UnaryKind::kSqrt, steps.binary(BinaryKind::kAdd, variance, epsilon));
  const ValueId inverse = steps.unary(UnaryKind::kReciprocal, deviation);
  return {mean, inverse, steps.binary(BinaryKind::kMul, centred, inverse)};
}

// Over the axes from `axis` on; scale and bias broadcast to them. Mean and InvStdDev are outputs of their own.
Status read_layer_normalization(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  const int rank = reader.input_shape(0).rank();
  OCTET_TRY(int64_t axis, reader.attribute("axis", int64_t{-1}));
  OCTET_TRY(axis, reader.normalize_axis(axis, rank));
  OCTET_TRY(const float epsilon, reader.attribute("epsilon", 1e-5F));
  Steps steps(reader);
  const Normalized normalized = normalize(steps, reader.input(0), axes_from(axis, rank), epsilon);
  const bool shifts = reader.has_input(2);
  if (!shifts) steps.main();
  ValueId result = steps.binary(BinaryKind::kMul, normalized.value, reader.input(1));
  if (shifts) result = steps.main().binary(BinaryKind::kAdd, result, reader.input(2));
  OCTET_CHECK(steps.finish(result));
  OCTET_CHECK(steps.finish(normalized.mean, 1));
  return steps.finish(normalized.inverse_deviation, 2);
}

// Per sample and channel, over the rest; scale and bias per channel.
Status read_instance_normalization(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(3));
  const Shape src = reader.input_shape(0);
  if (src.rank() < 3) return reader.invalid("its input has the shape " + src.to_string());
  OCTET_TRY(const float epsilon, reader.attribute("epsilon", 1e-5F));
  for (size_t i = 1; i < 3; ++i) {
    if (reader.input_shape(i) == Shape{src[1]}) continue;
    return reader.invalid("its input " + std::to_string(i) + " has the shape " + reader.input_shape(i).to_string() +
                          ", but its input 0 " + src.to_string());
  }
  Ints per_channel(static_cast<size_t>(src.rank() - 1), 1);
  per_channel[0] = src[1];
  Steps steps(reader);
  const Normalized normalized = normalize(steps, reader.input(0), axes_from(2, src.rank()), epsilon);
  const ValueId scaled = steps.binary(BinaryKind::kMul, normalized.value, steps.reshape(reader.input(1), per_channel));
  return steps.finish(steps.main().binary(BinaryKind::kAdd, scaled, steps.reshape(reader.input(2), per_channel)));
}

// Per sample and group of channels. Scale and bias: of opset 18 one for each group, since 21 one for each channel.
Status read_group_normalization(NodeReader& reader) {
  constexpr int kPerChannel = 21;
  OCTET_CHECK(reader.require_inputs(3));
  const Shape src = reader.input_shape(0);
  OCTET_TRY(const int64_t groups, reader.attribute("num_groups", int64_t{0}));
  if (src.rank() < 3 || groups < 1 || src[1] % groups != 0) {
    return reader.invalid("its input has the shape " + src.to_string() + ", its num_groups is " +
                          std::to_string(groups));
  }
  OCTET_TRY(const float epsilon, reader.attribute("epsilon", 1e-5F));
  const bool per_channel = reader.opset() >= kPerChannel;
  for (size_t i = 1; i < 3; ++i) {
    if (reader.input_shape(i) == Shape{per_channel ? src[1] : groups}) continue;
    return reader.invalid("its input " + std::to_string(i) + " has the shape " + reader.input_shape(i).to_string() +
                          ", but there are " + std::to_string(src[1]) + " channels in " + std::to_string(groups) +
                          " groups");
  }
  // [batch, groups, channels of one, pixels], scaled by [groups, channels or 1, 1].
  int64_t pixels = 1;
  for (int i = 2; i < src.rank(); ++i) pixels *= src[i];
  Ints dims(src.begin(), src.end());
  dims[0] = 0;
  const Ints factors{groups, per_channel ? src[1] / groups : 1, 1};
  Steps steps(reader);
  const ValueId grouped = steps.reshape(reader.input(0), {0, groups, src[1] / groups, pixels});
  const Normalized normalized = normalize(steps, grouped, {2, 3}, epsilon);
  const ValueId scaled = steps.binary(BinaryKind::kMul, normalized.value, steps.reshape(reader.input(1), factors));
  const ValueId shifted = steps.main().binary(BinaryKind::kAdd, scaled, steps.reshape(reader.input(2), factors));
  return steps.finish(steps.reshape(shifted, dims));
}

Status read_mean_variance_normalization(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  OCTET_TRY(Ints axes, reader.attribute("axes", Ints{0, 2, 3}));
  OCTET_TRY(axes, normalize_axes(reader, axes, reader.input_shape(0).rank()));
  Steps steps(reader);
  // ONNX divides by the deviation plus this.
  constexpr float kTiny = 1e-9F;
  const ValueId mean = steps.reduce(ReduceKind::kMean, reader.input(0), axes);
  const ValueId centred = steps.binary(BinaryKind::kSub, reader.input(0), mean);
  const ValueId variance = steps.reduce(ReduceKind::kMean, steps.binary(BinaryKind::kMul, centred, centred), axes);
  const ValueId deviation = steps.binary(BinaryKind::kAdd, steps.unary(UnaryKind::kSqrt, variance), kTiny);
  return steps.finish(steps.main().binary(BinaryKind::kDiv, centred, deviation));
}

// x / (bias + alpha * mean of x^2 over `size` neighbouring channels)^beta, channels outside counting as 0: with the
// channels as rows of an image the mean is an average pool.
Status read_lrn(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  const Shape src = reader.input_shape(0);
  OCTET_TRY(const int64_t size, reader.attribute("size", int64_t{0}));
  if (src.rank() < 2 || size < 1 || size > INT32_MAX) {
    return reader.invalid("its input has the shape " + src.to_string() + ", its size is " + std::to_string(size));
  }
  OCTET_TRY(const float alpha, reader.attribute("alpha", 1e-4F));
  OCTET_TRY(const float beta, reader.attribute("beta", 0.75F));
  OCTET_TRY(const float bias, reader.attribute("bias", 1.0F));
  Steps steps(reader);
  const ValueId x = reader.input(0);
  int64_t pixels = 1;
  for (int i = 2; i < src.rank(); ++i) pixels *= src[i];
  const ValueId squares = steps.reshape(steps.binary(BinaryKind::kMul, x, x), {0, src[1], pixels, 1});
  const Pool2dParams window{.kind = PoolKind::kAverage,
                            .kernel = {size, 1},
                            .pads = {(size - 1) / 2, 0, size / 2, 0},
                            .count_include_pad = true};
  Ints dims(src.begin(), src.end());
  dims[0] = 0;
  const ValueId mean = steps.reshape(steps.op(window, {squares}), dims);
  const ValueId sum = steps.binary(BinaryKind::kAdd, steps.binary(BinaryKind::kMul, mean, alpha), bias);
  return steps.finish(steps.main().binary(BinaryKind::kDiv, x, steps.binary(BinaryKind::kPow, sum, beta)));
}

constexpr OpReader kReaders[] = {
    {"LayerNormalization", "layer_normalization", read_layer_normalization},
    {"InstanceNormalization", "instance_normalization", read_instance_normalization},
    {"GroupNormalization", "", read_group_normalization},
    {"MeanVarianceNormalization", "", read_mean_variance_normalization},
    {"LRN", "lrn", read_lrn},
};

}  // namespace

constinit const OpRule kNormalizationRule{"normalization", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
