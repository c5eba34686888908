// What the benchmarks share: random tensors, and a registered benchmark for every row of an op's table.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "tests/support/tensor.h"

namespace octet::test {

// `type` tells type and quantization.
inline Tensor random_tensor(const Tensor& type, const Shape& shape) {
  Tensor tensor = type;
  tensor.shape = shape;
  tensor.allocate();
  Random random(1);
  if (type.type == DataType::kU8) {
    fill_integers<uint8_t>(tensor, random, 0, 255);
  } else if (type.type == DataType::kS8) {
    fill_integers<int8_t>(tensor, random, -127, 127);
  } else if (type.type == DataType::kF32) {
    fill_uniform(tensor, random, -1, 1);
  }
  return tensor;
}

// Input `in_place`, if any, and dst share their memory, as the runtime has it for residuals.
template <class Params>
void run_row(benchmark::State& state, const Params& params, const std::vector<Tensor>& inputs, Tensor dst, int in_place,
             const KernelRow<Params>& row) {
  std::vector<TensorDesc> descs;
  std::vector<const void*> src;
  for (const Tensor& input : inputs) {
    descs.push_back(input.desc());
    src.push_back(input.bytes.data());
  }
  void* to = dst.bytes.data();
  if (in_place >= 0) src[static_cast<size_t>(in_place)] = to;
  const TensorDesc dst_desc = dst.desc();
  const Problem<Params> problem{params, descs, {&dst_desc, 1}, 1};
  if (!is_available(row.isa) || !row.supports(problem)) return state.SkipWithError("not supported");
  const Result<Kernel> kernel = row.prepare(problem);
  if (!kernel.ok()) return state.SkipWithError(kernel.error().message.c_str());
  for (auto _ : state) (*kernel)({src.data(), &to});
  const int64_t macs = count_macs(params, descs, {&dst_desc, 1});
  if (macs > 0) {
    state.counters["GOPS"] =
        benchmark::Counter(2e-9 * static_cast<double>(macs), benchmark::Counter::kIsIterationInvariantRate);
  } else {
    state.SetItemsProcessed(state.iterations() * dst.shape.element_count());
  }
}

// NAME/ROW for every row. One thread.
template <class Params>
void add(const std::string& name, const Params& params, const std::vector<Tensor>& inputs, const Tensor& dst,
         int in_place = -1) {
  for (const KernelRow<Params>& row : kernel_table(params)) {
    benchmark::RegisterBenchmark((name + "/" + row.name).c_str(), [=, &row](benchmark::State& state) {
      run_row(state, params, inputs, dst, in_place, row);
    })->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace octet::test
