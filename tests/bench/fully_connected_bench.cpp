// Layers whose weights do not stay in a near cache: f32, integer weights alone, quantized rows. One thread.
//   INPUTS_OUTPUTS/rowsN/TYPE/ROW
#include <omp.h>

#include "kernels/fully_connected/fully_connected.h"
#include "tests/bench/bench_case.h"

namespace octet::test {
namespace {

struct Kind {
  const char* name;
  int bits;  // of the weights; 32: f32
  bool quantize_rows;
};
constexpr Kind kKinds[] = {{"f32", 32, false}, {"weights8", 8, false}, {"weights4", 4, false}, {"dynamic", 8, true}};

Tensor weights_of(const Kind& kind, const Shape& shape) {
  Tensor weights = random_tensor({.type = kind.bits == 32 ? DataType::kF32 : DataType::kS8, .constant = true}, shape);
  if (kind.bits == 32) return weights;
  weights.scales.assign(static_cast<size_t>(shape[0]), 0.01F);
  weights.bits = kind.bits;
  if (kind.bits == 4) {
    weights.group = 64;
    for (int8_t& w : weights.as<int8_t>()) w = static_cast<int8_t>(w % 8 * 3);
  }
  return weights;
}

// Tensors are made when a benchmark runs: all of them at once would fill the memory.
void add_layer(const Kind& kind, int64_t rows, int64_t inputs, int64_t outputs) {
  const std::string name =
      std::to_string(inputs) + "_" + std::to_string(outputs) + "/rows" + std::to_string(rows) + "/";
  const FullyConnectedParams any;
  for (const KernelRow<FullyConnectedParams>& row : kernel_table(any)) {
    benchmark::RegisterBenchmark((name + kind.name + "/" + row.name).c_str(), [=, &row](benchmark::State& state) {
      const std::vector<Tensor> tensors{random_tensor({.type = DataType::kF32}, {rows, inputs}),
                                        weights_of(kind, {outputs, inputs}),
                                        random_tensor({.type = DataType::kF32, .constant = true}, {outputs})};
      run_row(state, FullyConnectedParams{.quantize_rows = kind.quantize_rows}, tensors, make_f32({rows, outputs}), -1,
              row);
    })->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  for (const int64_t rows : {1, 8, 64}) {
    for (const auto& kind : octet::test::kKinds) {
      octet::test::add_layer(kind, rows, 4096, 4096);
      octet::test::add_layer(kind, rows, 768, 3072);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
