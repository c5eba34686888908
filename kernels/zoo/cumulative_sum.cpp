#include "kernels/zoo/cumulative_sum.h"

#include "kernels/checks.h"
#include "kernels/zoo/lanes.h"

namespace octet {
namespace {

Result<std::vector<Shape>> shapes(const CumulativeSumParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_axis(params.kName, params.axis, inputs[0].shape.rank()));
  return single_output(params.kName, inputs[0].shape);
}

Status types(const CumulativeSumParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_moves(params.kName, inputs, outputs));
  if (plain(inputs[0], DataType::kF32) || plain(inputs[0], DataType::kS64)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

template <class T, class Sum>
Kernel make_kernel(const Problem<CumulativeSumParams>& problem) {
  return
      [lanes = Lanes(problem.inputs[0].shape, problem.params.axis), params = problem.params](const Buffers& buffers) {
        const auto* src = static_cast<const T*>(buffers.src[0]);
        auto* dst = static_cast<T*>(buffers.dst[0]);
        for (int64_t lane = 0; lane < lanes.count(); ++lane) {
          const int64_t start = lanes.start(lane, lanes.axis);
          Sum sum = 0;
          for (int64_t k = 0; k < lanes.axis; ++k) {
            const int64_t at = start + (params.reverse ? lanes.axis - 1 - k : k) * lanes.inner;
            const Sum next = sum + static_cast<Sum>(src[at]);
            dst[at] = static_cast<T>(params.exclusive ? sum : next);
            sum = next;
          }
        }
      };
}

// Unsigned sums wrap by definition.
Result<Kernel> prepare(const Problem<CumulativeSumParams>& problem) {
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  return problem.inputs[0].type == DataType::kS64 ? make_kernel<int64_t, uint64_t>(problem)
                                                  : make_kernel<float, double>(problem);
}

}  // namespace

template <>
const ZooFunctions<CumulativeSumParams>& zoo_functions<CumulativeSumParams>() {
  static constexpr ZooFunctions<CumulativeSumParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
