// conv2d of bf16 where the CPU has no products of bf16: the constants and each source are widened to f32, a row for f32
// convolves, and the result is rounded if dst is bf16. Products of bf16 are exact in f32, so this is the definition;
// only the order of the sums is the other row's.
#include <array>
#include <memory>
#include <vector>

#include "kernels/cast/bf16_rows.h"
#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

// The convolution that runs instead, with all that it reads and writes.
struct Widened {
  Conv2dParams params;
  std::vector<TensorDesc> inputs;
  TensorDesc dst;
  std::vector<float> weights, src;
  std::vector<float> result;  // of a bf16 dst, with the residual before it
  Kernel kernel;
};

void widen_all(int threads, const void* from, std::vector<float>& to) {
  const auto* src = static_cast<const Bf16*>(from);
  parallel_for_elements(threads, static_cast<int64_t>(to.size()),
                        [&](int64_t begin, int64_t end) { widen(src + begin, end - begin, to.data() + begin); });
}

void narrow_all(int threads, const std::vector<float>& from, void* to) {
  auto* dst = static_cast<Bf16*>(to);
  parallel_for_elements(threads, static_cast<int64_t>(from.size()),
                        [&](int64_t begin, int64_t end) { narrow(from.data() + begin, end - begin, dst + begin); });
}

void run(Widened& plan, int threads, const Buffers& buffers) {
  const bool has_residual = input_or_absent(plan.inputs, kConvResidual).present;
  std::array<const void*, 4> src{plan.src.data(), plan.weights.data(), nullptr, nullptr};
  widen_all(threads, buffers.src[kConvSrc], plan.src);
  if (plan.result.empty()) {
    if (has_residual) src[kConvResidual] = buffers.src[kConvResidual];
    plan.kernel({src.data(), buffers.dst});
    return;
  }
  void* dst = plan.result.data();
  if (has_residual) widen_all(threads, buffers.src[kConvResidual], plan.result);
  src[kConvResidual] = dst;
  plan.kernel({src.data(), &dst});
  narrow_all(threads, plan.result, buffers.dst[0]);
}

Result<Kernel> prepare_first(const Problem<Conv2dParams>& problem) {
  OCTET_TRY(SelectedKernel selected, select_kernel(kernel_table(problem.params), problem));
  return std::move(selected.kernel);
}

}  // namespace

Result<Kernel> prepare_widened_by(PrepareConv2d prepare, const Problem<Conv2dParams>& problem) {
  auto plan = std::make_shared<Widened>();
  plan->params = problem.params;
  plan->inputs.assign(problem.inputs.begin(), problem.inputs.end());
  plan->dst = problem.outputs[0];
  for (const size_t i : {kConvSrc, kConvWeights, kConvResidual}) {
    if (i < plan->inputs.size()) plan->inputs[i].type = DataType::kF32;
  }
  const auto count = [](const TensorDesc& desc) { return static_cast<size_t>(desc.shape.element_count()); };
  TensorDesc& weights = plan->inputs[kConvWeights];
  plan->weights.resize(count(weights));
  widen_all(problem.threads, weights.data, plan->weights);
  weights.data = plan->weights.data();
  plan->src.resize(count(plan->inputs[kConvSrc]));
  if (plan->dst.type == DataType::kBf16) plan->result.resize(count(plan->dst));
  plan->dst.type = DataType::kF32;
  // The weights are this kernel's own, so what is made of them is shared with no other.
  const Problem<Conv2dParams> inner{plan->params,    plan->inputs, {&plan->dst, 1},
                                    problem.threads, nullptr,      problem.scratchpad};
  OCTET_TRY(plan->kernel, prepare(inner));
  return Kernel([plan, threads = problem.threads](const Buffers& buffers) { run(*plan, threads, buffers); });
}

bool widened_supports(const Problem<Conv2dParams>& problem) {
  return problem.inputs[kConvSrc].type == DataType::kBf16;
}

Result<Kernel> prepare_widened(const Problem<Conv2dParams>& problem) {
  return prepare_widened_by(prepare_first, problem);
}

}  // namespace octet
