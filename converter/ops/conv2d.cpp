// conv2d: Conv on images and on sequences (as images of height 1).
#include "converter/ops/rules.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

Status read_conv(NodeReader& reader) {
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
  OCTET_TRY(const Window window, read_window(reader, std::span(shape.begin() + 2, shape.end())));
  Conv2dParams params{.strides = window.strides, .dilations = window.dilations, .pads = window.pads};
  OCTET_TRY(params.groups, reader.attribute("group", int64_t{1}));

  const int64_t height = rank == 4 ? shape[2] : 1;
  const Tensor oihw = weights->reshaped({shape[0], shape[1], height, shape[rank - 1]});
  constexpr std::array<int64_t, 4> kToOhwi{0, 2, 3, 1};
  std::vector<ValueId> others{reader.add_constant(transposed(oihw, kToOhwi), "weights")};
  if (reader.has_input(2)) {
    if (reader.constant(2) == nullptr) return reader.unsupported("its bias is computed, not a constant");
    others.push_back(reader.input(2));
  }
  return emit_image_op(reader, params, std::move(others));
}

constexpr OpReader kReaders[] = {{"Conv", "conv2d", read_conv}};

}  // namespace

constinit const OpRule kConv2dRule{"conv2d", always<QuantizationRule::kWeighted>, nullptr, kReaders};

}  // namespace octet
