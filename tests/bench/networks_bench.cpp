// Speed of every kernel row on the layers of the six networks: OP/NETWORK/SHAPE/TYPE/ROW. One thread, batch 1.
#include <omp.h>

#include "kernels/binary/binary.h"
#include "kernels/concat/concat.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/fully_connected/fully_connected.h"
#include "kernels/pool2d/pool2d.h"
#include "kernels/quantize/quantize.h"
#include "kernels/quantize/quantize_image.h"
#include "kernels/resize/resize.h"
#include "kernels/softmax/softmax.h"
#include "kernels/unary/unary.h"
#include "tests/bench/bench_case.h"
#include "tests/bench/network_layers.h"

namespace octet::test {
namespace {

Tensor activation(bool int8, const Shape& shape, float scale = 0.03F, int32_t zero_point = 0) {
  return random_tensor(int8 ? make_u8({0}, scale, zero_point) : Tensor{}, shape);
}

// Tensors are made when a benchmark runs, not when it is registered: all of them at once would fill the memory.
template <class Make>
void add_lazily(const std::string& name, const Make& make) {
  using Case = decltype(make());
  using Params = decltype(Case::params);
  const Params any;
  for (const KernelRow<Params>& row : kernel_table(any)) {
    benchmark::RegisterBenchmark((name + "/" + row.name).c_str(), [make, &row](benchmark::State& state) {
      const Case c = make();
      run_row(state, c.params, c.inputs, c.dst, c.in_place, row);
    })->Unit(benchmark::kMicrosecond);
  }
}

template <class Params>
struct Case {
  Params params;
  std::vector<Tensor> inputs;
  Tensor dst;
  int in_place = -1;
};

// Random weights [O, ...] with one scale a channel, and a bias.
void add_weights(std::vector<Tensor>& inputs, bool int8, const Shape& shape) {
  const auto outputs = static_cast<size_t>(shape[0]);
  Tensor type{.type = int8 ? DataType::kS8 : DataType::kF32, .constant = true};
  if (int8) type.scales.assign(outputs, 0.01F);
  inputs.push_back(random_tensor(type, shape));
  Tensor bias{.type = int8 ? DataType::kS32 : DataType::kF32, .shape = {shape[0]}, .constant = true};
  bias.allocate();
  inputs.push_back(bias);
}

Case<Conv2dParams> conv_case(const ConvLayer& layer, bool int8) {
  Case<Conv2dParams> c;
  c.params.strides = {layer.stride, layer.stride};
  c.params.pads = {layer.pad, layer.pad, layer.pad, layer.pad};
  c.params.groups = layer.depthwise ? layer.channels : 1;
  c.params.clamp.min = 0;
  c.inputs.push_back(activation(int8, {1, layer.side, layer.side, layer.channels}));
  add_weights(c.inputs, int8, {layer.outputs, layer.kernel, layer.kernel, layer.depthwise ? 1 : layer.channels});
  std::vector<TensorDesc> descs;
  for (const Tensor& input : c.inputs) descs.push_back(input.desc());
  c.dst = activation(int8, (*infer_shapes(c.params, descs))[0], 0.5F);
  if (layer.residual) {
    c.inputs.push_back(c.dst);
    c.in_place = 3;
  }
  return c;
}

std::string conv_name(const ConvLayer& layer) {
  const auto text = [](int64_t n) { return std::to_string(n); };
  return std::string("conv2d/") + layer.network + "/" + (layer.depthwise ? "depthwise_" : "") + text(layer.kernel) +
         "x" + text(layer.kernel) + "_" + text(layer.side) + "x" + text(layer.side) + "x" + text(layer.channels) + "_" +
         text(layer.outputs) + (layer.stride > 1 ? "_stride" + text(layer.stride) : "") +
         (layer.residual ? "_residual" : "");
}

Case<Pool2dParams> pool_case(const PoolLayer& layer, bool int8) {
  Case<Pool2dParams> c;
  c.params = {.kind = layer.kind, .global = layer.pad < 0, .ceil_mode = layer.ceil_mode};
  if (!c.params.global) {
    c.params.kernel = {3, 3};
    c.params.strides = {2, 2};
    c.params.pads = {layer.pad, layer.pad, layer.pad, layer.pad};
  }
  c.inputs.push_back(activation(int8, {1, layer.side, layer.side, layer.channels}));
  const TensorDesc desc = c.inputs[0].desc();
  c.dst = activation(int8, (*infer_shapes(c.params, {&desc, 1}))[0]);
  return c;
}

Case<FullyConnectedParams> fully_connected_case(const FullyConnectedLayer& layer, bool int8) {
  Case<FullyConnectedParams> c;
  c.inputs.push_back(activation(int8, {1, layer.inputs}));
  add_weights(c.inputs, int8, {layer.outputs, layer.inputs});
  c.dst = make_f32({1, layer.outputs});
  return c;
}

std::string image(const char* network, int64_t side, int64_t channels) {
  return std::string(network) + "/" + std::to_string(side) + "x" + std::to_string(side) + "x" +
         std::to_string(channels);
}

void add_layers(bool int8) {
  const std::string type = int8 ? "/int8" : "/f32";
  for (const ConvLayer& layer : kConvLayers) {
    add_lazily(conv_name(layer) + type, [layer, int8] { return conv_case(layer, int8); });
  }
  for (const FullyConnectedLayer& layer : kFullyConnectedLayers) {
    add_lazily(std::string("fully_connected/") + layer.network + "/" + std::to_string(layer.inputs) + "_" +
                   std::to_string(layer.outputs) + type,
               [layer, int8] { return fully_connected_case(layer, int8); });
  }
  for (const PoolLayer& layer : kPoolLayers) {
    const char* kind = layer.pad < 0 ? "global_" : "max3x3_";
    add_lazily(
        "pool2d/" +
            image(layer.network, layer.side, layer.channels).insert(std::string(layer.network).size() + 1, kind) + type,
        [layer, int8] { return pool_case(layer, int8); });
  }
  for (const PairLayer& layer : kAddLayers) {
    const Shape shape{1, layer.side, layer.side, layer.channels};
    add_lazily("add/" + image(layer.network, layer.side, layer.channels) + type, [shape, int8] {
      return Case<BinaryParams>{
          {}, {activation(int8, shape), activation(int8, shape, 0.02F, 9)}, activation(int8, shape), -1};
    });
  }
  for (const PairLayer& layer : kConcatLayers) {
    const Shape half{1, layer.side, layer.side, layer.channels}, whole{1, layer.side, layer.side, 2 * layer.channels};
    const std::string name = image(layer.network, layer.side, layer.channels) + type;
    for (const bool rescale : {false, true}) {
      if (rescale && !int8) continue;
      add_lazily((rescale ? "concat_rescale/" : "concat/") + name, [=] {
        return Case<ConcatParams>{{3},
                                  {activation(int8, half), activation(int8, half, rescale ? 0.02F : 0.03F)},
                                  activation(int8, whole),
                                  -1};
      });
    }
  }
}

// What stands at the ends of the networks, and the ops of other networks at their sizes.
void add_others() {
  for (const int64_t side : {224, 32}) {
    const std::string size = std::to_string(side) + "x" + std::to_string(side) + "x3";
    add("quantize_image/" + size, QuantizeImageParams::plain(3), {activation(false, {1, 3, side, side})},
        activation(true, {1, side, side, 3}));
    add("quantize/" + size, QuantizeParams{}, {activation(false, {1, side, side, 3})},
        activation(true, {1, side, side, 3}));
  }
  for (const int64_t count : {10, 1000}) {
    const Shape shape{1, count};
    add("dequantize/" + std::to_string(count), DequantizeParams{}, {activation(true, shape)}, activation(false, shape));
    add("softmax/" + std::to_string(count), SoftmaxParams{1}, {activation(false, shape)}, activation(false, shape));
  }
  const Shape small{1, 28, 28, 128}, large{1, 56, 56, 128};
  for (const bool int8 : {true, false}) {
    const std::string type = int8 ? "/int8" : "/f32";
    add("hard_swish/56x56x128" + type, UnaryParams{UnaryKind::kHardSwish}, {activation(int8, large)},
        activation(int8, large, 0.02F, 3));
    add("resize_nearest/28x28x128_56x56" + type, ResizeParams{.scales = {2, 2}}, {activation(int8, small)},
        activation(int8, large));
    add("resize_linear/28x28x128_56x56" + type, ResizeParams{.mode = ResizeMode::kLinear, .scales = {2, 2}},
        {activation(int8, small)}, activation(int8, large));
  }
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  octet::test::add_layers(true);
  octet::test::add_layers(false);
  octet::test::add_others();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
