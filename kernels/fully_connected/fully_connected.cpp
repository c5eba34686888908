#include "kernels/fully_connected/fully_connected.h"

#include <array>
#include <utility>

#include "kernels/checks.h"
#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/fully_connected/row_quantized.h"
#include "kernels/fully_connected/weight_only.h"

namespace octet {
namespace {

enum Input : size_t { kSrc, kWeights, kBias };

// How many rows a source has; kDynamic where that is open or no number.
int64_t count_rows(const Shape& src) {
  const Shape rows(std::span(src.begin(), static_cast<size_t>(src.rank() - 1)));
  return rows.is_concrete() ? rows.element_count() : Shape::kDynamic;
}

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
    const int64_t rows = count_rows(src);
    inputs[kSrc].shape = {1, rows, 1, src[src.rank() - 1]};
    inputs[kWeights].shape = {weights[0], 1, 1, weights[1]};
    outputs[0].shape = {1, rows, 1, weights[0]};
  }
  Problem<Conv2dParams> problem(const Problem<FullyConnectedParams>& fc) const {
    return {params, inputs, outputs, fc.threads, fc.packed, fc.scratchpad};
  }
};

// One row per row of conv2d. The last one, the reference, takes all kinds of layers.
template <size_t kRow>
bool supports(const Problem<FullyConnectedParams>& problem) {
  if (has_float_rows(problem.inputs)) return kRow + 1 == kConv2dRowCount;
  const AsConv2d conv(problem.params, problem.inputs, problem.outputs);
  return kernel_table(conv.params)[kRow].supports(conv.problem(problem));
}

template <size_t kRow>
Result<Kernel> prepare(const Problem<FullyConnectedParams>& problem) {
  if (has_float_rows(problem.inputs)) {
    return problem.params.quantize_rows ? prepare_row_quantized_reference(problem)
                                        : prepare_weight_only_reference(problem);
  }
  const AsConv2d conv(problem.params, problem.inputs, problem.outputs);
  return kernel_table(conv.params)[kRow].prepare(conv.problem(problem));
}

using Row = KernelRow<FullyConnectedParams>;

#if defined(__x86_64__)
constexpr std::array kOwnRows{
    Row{"rows_avx512vnni", Isa::kAvx512Vnni, row_quantized_supports, prepare_row_quantized_avx512vnni},
    Row{"rows_avx512", Isa::kAvx512, row_quantized_supports, prepare_row_quantized_avx512},
    Row{"rows_avx2", Isa::kAvx2, row_quantized_supports, prepare_row_quantized_avx2},
    Row{"rows_sse41", Isa::kSse41, row_quantized_supports, prepare_row_quantized_sse41},
    Row{"weight_only_avx512", Isa::kAvx512, weight_only_supports, prepare_weight_only_avx512},
    Row{"weight_only_avx2", Isa::kAvx2, weight_only_supports, prepare_weight_only_avx2},
};
#else
constexpr std::array<Row, 0> kOwnRows{};
#endif

template <size_t... kOwn, size_t... kRow>
std::array<Row, sizeof...(kOwn) + sizeof...(kRow)> make_table(std::index_sequence<kOwn...>,
                                                              std::index_sequence<kRow...>) {
  const auto rows = kernel_table(Conv2dParams{});
  return {kOwnRows[kOwn]..., Row{rows[kRow].name, rows[kRow].isa, supports<kRow>, prepare<kRow>}...};
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
  if (src.rank() < 2) return invalid("fully_connected: the source " + src.to_string() + " is not of rank 2 or more");
  OCTET_CHECK(check_rank(kOp, inputs[kWeights], 2));
  if (!weights.is_concrete() || weights.element_count() < 1) {
    return invalid("fully_connected: weights of shape " + weights.to_string() + " are empty or too large");
  }
  const int64_t columns = src[src.rank() - 1];
  if (columns != weights[1] && columns != Shape::kDynamic) {
    return invalid("fully_connected: the source has " + std::to_string(columns) + " columns, the weights want " +
                   std::to_string(weights[1]));
  }
  const TensorDesc& bias = input_or_absent(inputs, kBias);
  if (bias.present && bias.shape != Shape{weights[0]}) {
    return invalid("fully_connected: the bias has the shape " + bias.shape.to_string() + ", but there are " +
                   std::to_string(weights[0]) + " outputs");
  }
  Shape dst = src;
  dst[dst.rank() - 1] = weights[0];
  if (dst.is_concrete() && dst.element_count() < 0) {
    return invalid("fully_connected: a result of shape " + dst.to_string() + " is larger than " +
                   std::to_string(Shape::kMaxElements) + " elements");
  }
  return std::vector<Shape>{dst};
}

Status check_types(const FullyConnectedParams& params, Descs inputs, Descs outputs) {
  if (params.quantize_rows) OCTET_CHECK(check_row_quantized_types(inputs, outputs));
  if (has_float_rows(inputs)) return check_float_rows_types(inputs, outputs);
  const AsConv2d conv(params, inputs, outputs);
  return check_conv2d_types(FullyConnectedParams::kName, conv.inputs, conv.outputs);
}

std::span<const KernelRow<FullyConnectedParams>> kernel_table(const FullyConnectedParams&) {
  static const auto table =
      make_table(std::make_index_sequence<kOwnRows.size()>(), std::make_index_sequence<kConv2dRowCount>());
  return table;
}

int64_t count_macs(const FullyConnectedParams& params, Descs inputs, Descs outputs) {
  const AsConv2d conv(params, inputs, outputs);
  return count_macs(conv.params, conv.inputs, conv.outputs);
}

}  // namespace octet
