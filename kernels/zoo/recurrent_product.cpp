#include "kernels/zoo/recurrent_product.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "kernels/fully_connected/fully_connected.h"

namespace octet {
namespace {

// Weights transposed, so that the loop over outputs is the inner one.
struct FloatProduct {
  int64_t rows, taps, outputs;
  std::vector<float> weights;  // [taps, outputs]
  std::vector<float> bias;     // [outputs]

  void run(const float* src, float* dst) const {
    for (int64_t row = 0; row < rows; ++row, src += taps, dst += outputs) {
      std::copy(bias.begin(), bias.end(), dst);
      for (int64_t k = 0; k < taps; ++k) {
        const float factor = src[k];
        const float* column = weights.data() + k * outputs;
        for (int64_t j = 0; j < outputs; ++j) dst[j] += factor * column[j];
      }
    }
  }
};

Kernel float_product(const TensorDesc& weights, const float* bias, const RecurrentPart& part, int64_t taps) {
  auto product = std::make_shared<FloatProduct>(FloatProduct{part.rows, taps, part.outputs, {}, {}});
  product->bias.assign(static_cast<size_t>(part.outputs), 0.0F);
  if (bias != nullptr) std::copy_n(bias, part.outputs, product->bias.begin());
  product->weights.resize(static_cast<size_t>(part.outputs * taps));
  const float* from = weights.as<float>() + part.first * taps;
  for (int64_t j = 0; j < part.outputs; ++j) {
    for (int64_t k = 0; k < taps; ++k) product->weights[k * part.outputs + j] = from[j * taps + k];
  }
  return [product](const Buffers& buffers) {
    product->run(static_cast<const float*>(buffers.src[0]), static_cast<float*>(buffers.dst[0]));
  };
}

// The fully connected layer that the part is.
struct IntegerProduct {
  FullyConnectedParams params;
  std::array<TensorDesc, 3> inputs;
  std::array<TensorDesc, 1> outputs;
  Kernel kernel;

  IntegerProduct(const RecurrentParams& recurrent, const TensorDesc& weights, const float* bias,
                 const RecurrentPart& part, int64_t taps)
      : params{.quantize_rows = recurrent.quantize_rows} {
    inputs[0].shape = {part.rows, taps};
    inputs[1] = weights;
    inputs[1].shape = {part.outputs, taps};
    inputs[1].data = weights.as<int8_t>() + part.first * taps;
    if (weights.scales.size() > 1) {
      inputs[1].scales = weights.scales.subspan(static_cast<size_t>(part.first), static_cast<size_t>(part.outputs));
    }
    inputs[1].zero_points = {};  // all zero
    inputs[2].shape = {part.outputs};
    inputs[2].data = bias;
    inputs[2].present = bias != nullptr;
    outputs[0].shape = {part.rows, part.outputs};
  }
};

// The product of x, or of states, by the whole matrix.
std::array<TensorDesc, 2> whole_product(const RecurrentParams& params, Descs inputs, RecurrentInput weights) {
  std::array<TensorDesc, 2> product{inputs[kRecurrentX], inputs[weights]};
  const Shape& x = inputs[kRecurrentX].shape;
  if (weights == kRecurrentR) product[0].shape = {x[1], params.hidden};
  return product;
}

Status in_product(const Error& error, RecurrentInput weights) {
  const char* const name = weights == kRecurrentW ? "w" : "r";
  return Error{error.code, std::string(RecurrentParams::kName) + ", integers of " + name + ": " + error.message};
}

constexpr RecurrentInput kMatrices[] = {kRecurrentW, kRecurrentR};

}  // namespace

Result<RecurrentProduct> RecurrentProduct::prepare(const Problem<RecurrentParams>& problem, const RecurrentPart& part,
                                                   const std::shared_ptr<Scratchpad>& scratchpad) {
  const TensorDesc& weights = problem.inputs[part.weights];
  const TensorDesc& biases = input_or_absent(problem.inputs, kRecurrentB);
  const float* bias = biases.present ? biases.as<float>() + part.bias : nullptr;
  const int64_t taps = weights.shape[weights.shape.rank() - 1];
  RecurrentProduct made;
  if (weights.type == DataType::kF32) {
    made.kernel_ = float_product(weights, bias, part, taps);
    return made;
  }
  // The kernel may go on reading params and descs.
  const auto product = std::make_shared<IntegerProduct>(problem.params, weights, bias, part, taps);
  const Problem<FullyConnectedParams> layer{product->params, product->inputs, product->outputs,
                                            problem.threads, problem.packed,  scratchpad};
  OCTET_TRY(SelectedKernel selected, select_kernel(kernel_table(product->params), layer));
  product->kernel = std::move(selected.kernel);
  made.kernel_ = [product](const Buffers& buffers) { product->kernel(buffers); };
  made.weights_ = product->inputs[1].data;
  made.bias_ = bias;
  return made;
}

void RecurrentProduct::run(const float* src, float* dst) const {
  const void* const from[] = {src, weights_, bias_};
  void* to = dst;
  kernel_({from, &to});
}

Status check_integer_product_shapes(const RecurrentParams& params, Descs inputs) {
  for (const RecurrentInput weights : kMatrices) {
    const auto shapes = infer_shapes(FullyConnectedParams{}, whole_product(params, inputs, weights));
    if (!shapes.ok()) return in_product(shapes.error(), weights);
  }
  return {};
}

Status check_integer_product_types(const RecurrentParams& params, Descs inputs) {
  const TensorDesc output{};
  for (const RecurrentInput weights : kMatrices) {
    const FullyConnectedParams layer{.quantize_rows = params.quantize_rows};
    const Status types = check_types(layer, whole_product(params, inputs, weights), {&output, 1});
    if (!types.ok()) return in_product(types.error(), weights);
  }
  return {};
}

}  // namespace octet
