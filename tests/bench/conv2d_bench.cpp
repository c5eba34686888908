// Speed of conv2d and fully_connected by layer class, for every row of the table that takes the layer.
// One thread, batch 1. "GOPS" counts a multiply-accumulate as two operations.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <string>

#include "kernels/conv2d/conv2d.h"
#include "tests/support/tensor.h"

namespace octet::test {
namespace {

struct Layer {
  const char* name;
  Shape src, weights;
  int64_t stride = 1, pad = 0, groups = 1;
};

const Layer kLayers[] = {
    {"1x1_56x56x64_256", {1, 56, 56, 64}, {256, 1, 1, 64}},
    {"1x1_14x14x1024_256", {1, 14, 14, 1024}, {256, 1, 1, 1024}},
    {"1x1_112x112x32_16", {1, 112, 112, 32}, {16, 1, 1, 32}},
    {"3x3_28x28x128_128", {1, 28, 28, 128}, {128, 3, 3, 128}, 1, 1},
    {"3x3_14x14x256_256", {1, 14, 14, 256}, {256, 3, 3, 256}, 1, 1},
    {"3x3_14x14x512_512_s2", {1, 14, 14, 512}, {512, 3, 3, 512}, 2, 1},
    {"1x1_14x14x1024_2048_s2", {1, 14, 14, 1024}, {2048, 1, 1, 1024}, 2},
    {"3x3_7x7x512_512", {1, 7, 7, 512}, {512, 3, 3, 512}, 1, 1},
    {"3x3_32x32x16_16", {1, 32, 32, 16}, {16, 3, 3, 16}, 1, 1},
    {"first_224x224x3_64_7x7", {1, 224, 224, 3}, {64, 7, 7, 3}, 2, 3},
    {"first_224x224x3_32_3x3", {1, 224, 224, 3}, {32, 3, 3, 3}, 2, 1},
    {"depthwise_56x56x144", {1, 56, 56, 144}, {144, 3, 3, 1}, 1, 1, 144},
    {"depthwise_14x14x384", {1, 14, 14, 384}, {384, 3, 3, 1}, 1, 1, 384},
    {"depthwise_18x18x64", {1, 18, 18, 64}, {64, 3, 3, 1}, 1, 1, 64},
    {"depthwise_6x50x64", {1, 6, 50, 64}, {64, 3, 3, 1}, 1, 1, 64},
    {"depthwise_56x56x128", {1, 56, 56, 128}, {128, 3, 3, 1}, 1, 1, 128},
    {"depthwise_56x56x192", {1, 56, 56, 192}, {192, 3, 3, 1}, 1, 1, 192},
    {"depthwise_56x56x16", {1, 56, 56, 16}, {16, 3, 3, 1}, 1, 1, 16},
    {"depthwise_112x112x32", {1, 112, 112, 32}, {32, 3, 3, 1}, 1, 1, 32},
    {"depthwise_112x112x96_s2", {1, 112, 112, 96}, {96, 3, 3, 1}, 2, 1, 96},
    {"depthwise_14x14x512", {1, 14, 14, 512}, {512, 3, 3, 1}, 1, 1, 512},
    {"depthwise_7x7x960", {1, 7, 7, 960}, {960, 3, 3, 1}, 1, 1, 960},
    {"fully_connected_1280_1000", {1, 1, 1, 1280}, {1000, 1, 1, 1280}},
    {"fully_connected_batch16_1280_1000", {1, 16, 1, 1280}, {1000, 1, 1, 1280}},
};

void run_layer(benchmark::State& state, const Layer& layer, bool int8, const KernelRow<Conv2dParams>& row) {
  Random random(1);
  Conv2dParams params;
  params.strides = {layer.stride, layer.stride};
  params.pads = {layer.pad, layer.pad, layer.pad, layer.pad};
  params.groups = layer.groups;
  params.clamp.min = 0;
  const int64_t channels = layer.weights[0];
  Tensor src = int8 ? make_u8(layer.src, 0.02F, 0) : make_f32(layer.src);
  Tensor weights{.type = int8 ? DataType::kS8 : DataType::kF32, .shape = layer.weights, .constant = true};
  Tensor bias{.type = int8 ? DataType::kS32 : DataType::kF32, .shape = {channels}, .constant = true};
  weights.allocate();
  bias.allocate();
  if (int8) {
    weights.scales.assign(static_cast<size_t>(channels), 0.01F);
    fill_integers<uint8_t>(src, random, 0, 255);
    fill_integers<int8_t>(weights, random, -127, 127);
  } else {
    fill_uniform(src, random, -1, 1);
    fill_uniform(weights, random, -1, 1);
  }
  const std::array<TensorDesc, 3> inputs{src.desc(), weights.desc(), bias.desc()};
  Tensor dst =
      int8 ? make_u8((*infer_shapes(params, inputs))[0], 0.5F, 0) : make_f32((*infer_shapes(params, inputs))[0]);
  const TensorDesc dst_desc = dst.desc();
  const Problem<Conv2dParams> problem{params, inputs, {&dst_desc, 1}, 1};
  omp_set_num_threads(1);
  Result<Kernel> kernel = Error{ErrorCode::kUnsupported, ""};
  if (is_available(row.isa) && row.supports(problem)) kernel = row.prepare(problem);
  if (!kernel.ok()) return state.SkipWithError("not taken");
  const void* buffers[3] = {src.bytes.data(), nullptr, nullptr};
  void* dst_address = dst.bytes.data();
  for (auto _ : state) (*kernel)({buffers, &dst_address});
  const double operations = 2 * static_cast<double>(count_macs(params, inputs, {&dst_desc, 1}));
  state.counters["GOPS"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  using namespace octet;
  using namespace octet::test;
  const Conv2dParams params;
  for (const Layer& layer : kLayers) {
    for (const bool int8 : {true, false}) {
      for (const auto& row : kernel_table(params)) {
        const std::string name = std::string(layer.name) + (int8 ? "/int8/" : "/f32/") + row.name;
        benchmark::RegisterBenchmark(name.c_str(), [&layer, int8, &row](benchmark::State& state) {
          run_layer(state, layer, int8, row);
        })->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
