#include "kernels/zoo/math.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

double sign(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

using Function = double (*)(double);

// In the order of MathKind.
constexpr Function kFunctions[] = {std::sin,  std::cos,  std::tan,   std::asin,  std::acos,  std::atan,
                                   std::sinh, std::cosh, std::asinh, std::acosh, std::atanh, sign};

Result<std::vector<Shape>> shapes(const MathParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), std::size(kFunctions)));
  return single_output(params.kName, inputs[0].shape);
}

Status types(const MathParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  if (plain(inputs[0], DataType::kF32) && plain(outputs[0], DataType::kF32)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

Result<Kernel> prepare(const Problem<MathParams>& problem) {
  return Kernel([function = kFunctions[static_cast<size_t>(problem.params.kind)], threads = problem.threads,
                 count = problem.outputs[0].shape.element_count()](const Buffers& buffers) {
    const auto* src = static_cast<const float*>(buffers.src[0]);
    auto* dst = static_cast<float*>(buffers.dst[0]);
    parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) dst[i] = static_cast<float>(function(static_cast<double>(src[i])));
    });
  });
}

}  // namespace

template <>
const ZooFunctions<MathParams>& zoo_functions<MathParams>() {
  static constexpr ZooFunctions<MathParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
