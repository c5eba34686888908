#include "kernels/fully_connected/fully_connected.h"

#include <array>
#include <utility>

#include "kernels/checks.h"
#include "kernels/conv2d/conv2d_problem.h"

namespace octet {
namespace {

enum Input : size_t { kSrc, kWeights, kBias };

// The same layer as a convolution with a 1x1 window: its params and descs, which live until it is prepared.
struct AsConv2d {
  Conv2dParams params;
  std::array<TensorDesc, 3> inputs;
  std::array<TensorDesc, 1> outputs;

  AsConv2d(const FullyConnectedParams& fc, Descs fc_inputs, Descs fc_outputs)
      : inputs{fc_inputs[kSrc], fc_inputs[kWeights], input_or_absent(fc_inputs, kBias)}, outputs{fc_outputs[0]} {
    params.clamp = fc.clamp;
    const Shape src = inputs[kSrc].shape, weights = inputs[kWeights].shape;
    // The batch becomes the height: as a batch, oneDNN would read the weights again for each of its rows.
    inputs[kSrc].shape = {1, src[0], 1, src[1]};
    inputs[kWeights].shape = {weights[0], 1, 1, weights[1]};
    outputs[0].shape = {1, src[0], 1, weights[0]};
  }
  Problem<Conv2dParams> problem(const Problem<FullyConnectedParams>& fc) const {
    return {params, inputs, outputs, fc.threads, fc.packed, fc.scratchpad};
  }
};

// One row per row of conv2d.
template <size_t kRow>
bool supports(const Problem<FullyConnectedParams>& problem) {
  const AsConv2d conv(problem.params, problem.inputs, problem.outputs);
  return kernel_table(conv.params)[kRow].supports(conv.problem(problem));
}

template <size_t kRow>
Result<Kernel> prepare(const Problem<FullyConnectedParams>& problem) {
  const AsConv2d conv(problem.params, problem.inputs, problem.outputs);
  return kernel_table(conv.params)[kRow].prepare(conv.problem(problem));
}

template <size_t... kRow>
std::array<KernelRow<FullyConnectedParams>, sizeof...(kRow)> make_table(std::index_sequence<kRow...>) {
  const auto rows = kernel_table(Conv2dParams{});
  return {KernelRow<FullyConnectedParams>{rows[kRow].name, rows[kRow].isa, supports<kRow>, prepare<kRow>}...};
}

Error invalid(const std::string& text) {
  return {ErrorCode::kInvalidFile, text};
}

}  // namespace

Result<std::vector<Shape>> infer_shapes(const FullyConnectedParams& params, Descs inputs) {
  constexpr const char* kOp = FullyConnectedParams::kName;
  OCTET_CHECK(check_input_count(kOp, inputs, 2, 3));
  OCTET_CHECK(check_clamp(kOp, params.clamp));
  const Shape& src = inputs[kSrc].shape;
  const Shape& weights = inputs[kWeights].shape;
  OCTET_CHECK(check_rank(kOp, inputs[kSrc], 2));
  OCTET_CHECK(check_rank(kOp, inputs[kWeights], 2));
  if (!weights.is_concrete() || weights.element_count() < 1) {
    return invalid("fully_connected: weights of shape " + weights.to_string() + " are empty or too large");
  }
  if (src[1] != weights[1] && src[1] != Shape::kDynamic) {
    return invalid("fully_connected: the source has " + std::to_string(src[1]) + " columns, the weights want " +
                   std::to_string(weights[1]));
  }
  const TensorDesc& bias = input_or_absent(inputs, kBias);
  if (bias.present && bias.shape != Shape{weights[0]}) {
    return invalid("fully_connected: the bias has the shape " + bias.shape.to_string() + ", but there are " +
                   std::to_string(weights[0]) + " outputs");
  }
  const Shape dst{src[0], weights[0]};
  if (dst.is_concrete() && dst.element_count() < 0) {
    return invalid("fully_connected: a result of shape " + dst.to_string() + " is larger than " +
                   std::to_string(Shape::kMaxElements) + " elements");
  }
  return std::vector<Shape>{dst};
}

Status check_types(const FullyConnectedParams& params, Descs inputs, Descs outputs) {
  const AsConv2d conv(params, inputs, outputs);
  return check_conv2d_types(FullyConnectedParams::kName, conv.inputs, conv.outputs);
}

std::span<const KernelRow<FullyConnectedParams>> kernel_table(const FullyConnectedParams&) {
  static const auto table = make_table(std::make_index_sequence<kConv2dRowCount>());
  return table;
}

int64_t count_macs(const FullyConnectedParams& params, Descs inputs, Descs outputs) {
  const AsConv2d conv(params, inputs, outputs);
  return count_macs(conv.params, conv.inputs, conv.outputs);
}

}  // namespace octet
