// conv2d: Conv and ConvInteger on images and on sequences (as images of height 1).
#include <cmath>

#include "converter/ops/integer_sums.h"
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

struct Convolution {
  Conv2dParams params;
  Tensor weights;  // OHWI
};

Result<Convolution> read_convolution(const NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(2));
  const Tensor* weights = reader.constant(1);
  if (weights == nullptr) return reader.unsupported("its weights are computed, not a constant");
  const Shape& shape = weights->shape();
  const int rank = reader.input_shape(0).rank();
  if (shape.rank() != rank || rank < 3 || rank > 4) {
    const std::string text = "its input has the shape " + reader.input_shape(0).to_string() + ", its weights " +
                             shape.to_string() + "; octet reads 1-D and 2-D convolutions";
    return shape.rank() != rank ? reader.invalid(text) : reader.unsupported(text);
  }
  if (weights->type() != DataType::kF32) {
    return reader.unsupported("its weights are " + std::string(to_string(weights->type())) + ", not f32");
  }
  if (reader.input_type(0) != DataType::kF32) {
    return reader.invalid("its input is " + std::string(to_string(reader.input_type(0))) + ", its weights f32");
  }
  if (weights->element_count() == 0) {
    return reader.invalid("its weights '" + reader.node().inputs[1] + "' have the shape " + shape.to_string() +
                          ", which has 0 elements");
  }
  OCTET_TRY(const Window window, read_window(reader, std::span(shape.begin() + 2, shape.end())));
  Conv2dParams params{.strides = window.strides, .dilations = window.dilations, .pads = window.pads};
  OCTET_TRY(params.groups, reader.attribute("group", int64_t{1}));

  const int64_t height = rank == 4 ? shape[2] : 1;
  const Tensor oihw = weights->reshaped({shape[0], shape[1], height, shape[rank - 1]});
  constexpr std::array<int64_t, 4> kToOhwi{0, 2, 3, 1};
  return Convolution{params, transposed(oihw, kToOhwi)};
}

Status read_conv(NodeReader& reader) {
  OCTET_TRY(const Convolution conv, read_convolution(reader));
  std::vector<ValueId> others{reader.add_constant(conv.weights, "weights")};
  if (reader.has_input(2)) {
    if (reader.constant(2) == nullptr) return reader.unsupported("its bias is computed, not a constant");
    others.push_back(reader.input(2));
  }
  return emit_image_op(reader, conv.params, std::move(others));
}

// The input channels [from, to) of OHWI weights.
Tensor channels_of(const Tensor& weights, int64_t from, int64_t to) {
  const Shape& shape = weights.shape();
  Tensor result(DataType::kF32, {shape[0], shape[1], shape[2], to - from});
  const float* row = weights.as<float>().data();
  float* out = result.as<float>().data();
  for (int64_t i = 0; i < shape[0] * shape[1] * shape[2]; ++i, row += shape[3]) {
    out = std::copy(row + from, row + to, out);
  }
  return result;
}

// Of an image and weights that are integers as real numbers (expand_qoperators): parts of the input channels that f32
// counts, added up in s64. With groups the channels stay together.
Status read_conv_integer(NodeReader& reader) {
  OCTET_CHECK(require_reals(reader));
  OCTET_TRY(const Convolution conv, read_convolution(reader));
  const Shape& shape = conv.weights.shape();
  const int64_t channels = reader.input_shape(0)[1];
  const bool splits = conv.params.groups == 1 && channels == shape[3];
  const auto depth = static_cast<size_t>(splits ? shape[3] : 1);
  const size_t taps = static_cast<size_t>(shape[1] * shape[2] * shape[3]);
  const auto values = conv.weights.as<float>();
  std::vector<int64_t> sums(static_cast<size_t>(shape[0]) * depth, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    sums[i / taps * depth + i % depth] += static_cast<int64_t>(std::fabs(values[i]));
  }
  OCTET_TRY(std::vector<int64_t> cuts, exact_parts(reader, sums, static_cast<int64_t>(depth), 1));
  const bool is_one = cuts.size() == 2;
  if (is_one) cuts[1] = shape[3];
  Steps steps(reader);
  ValueId sum = kNoValue;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const ValueId part =
        is_one ? reader.input(0) : steps.op(SliceParams{{1}, {cuts[i]}, {cuts[i + 1]}, {1}}, {reader.input(0)});
    OCTET_TRY(const ValueId image, steps.result(part));
    const Tensor weights = is_one ? conv.weights : channels_of(conv.weights, cuts[i], cuts[i + 1]);
    OCTET_TRY(ValueId product, apply_to_image(reader, image, conv.params, {reader.add_constant(weights, "weights")}));
    if (!is_one) product = steps.cast(product, DataType::kS64);
    sum = i == 0 ? product : steps.binary(BinaryKind::kAdd, sum, product);
  }
  return steps.finish(steps.cast(sum, DataType::kS32));
}

constexpr OpReader kReaders[] = {{"Conv", "conv2d", read_conv}, {"ConvInteger", "", read_conv_integer}};

}  // namespace

constinit const OpRule kConv2dRule{"conv2d", always<QuantizationRule::kWeighted>, nullptr, kReaders};

}  // namespace octet
