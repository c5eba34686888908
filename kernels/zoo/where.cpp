#include "kernels/zoo/where.h"

#include "kernels/checks.h"
#include "kernels/strides.h"

namespace octet {
namespace {

Result<std::vector<Shape>> shapes(const WhereParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 3, 3));
  OCTET_TRY(const Shape values, broadcast_shapes(params.kName, inputs[1].shape, inputs[2].shape));
  OCTET_TRY(const Shape dst, broadcast_shapes(params.kName, inputs[0].shape, values));
  return single_output(params.kName, dst);
}

Status types(const WhereParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 3, 3, outputs));
  const DataType type = inputs[1].type;
  const bool fits = plain(inputs[1], type) && plain(inputs[2], type) && plain(outputs[0], type);
  if (fits && plain(inputs[0], DataType::kBool)) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

template <class T>
Kernel make_kernel(const StridedLoop<3>& loop, int threads) {
  return [loop, threads](const Buffers& buffers) {
    const int last = loop.shape.rank() - 1;
    const auto* condition = static_cast<const uint8_t*>(buffers.src[0]);
    const auto* a = static_cast<const T*>(buffers.src[1]);
    const auto* b = static_cast<const T*>(buffers.src[2]);
    auto* dst = static_cast<T*>(buffers.dst[0]);
    for_each_run(loop, threads, kElementsPerThread, [&](const Walker<3>& at, int64_t column, int64_t i, int64_t n) {
      const auto place = [&](int source, int64_t j) {
        return at.offset(source) + (column + j) * loop.strides[source][last];
      };
      for (int64_t j = 0; j < n; ++j) dst[i + j] = condition[place(0, j)] != 0 ? a[place(1, j)] : b[place(2, j)];
    });
  };
}

Result<Kernel> prepare(const Problem<WhereParams>& problem) {
  const Shape& dst = problem.outputs[0].shape;
  const StridedLoop<2> values = broadcast_loop(problem.inputs[1].shape, problem.inputs[2].shape, dst);
  const StridedLoop<2> condition = broadcast_loop(problem.inputs[0].shape, dst, dst);
  const StridedLoop<3> loop =
      collapse(StridedLoop<3>{dst, {condition.strides[0], values.strides[0], values.strides[1]}, {}});
  switch (element_bytes(problem.outputs[0].type)) {
    case 1:
      return make_kernel<uint8_t>(loop, problem.threads);
    case 2:
      return make_kernel<uint16_t>(loop, problem.threads);
    case 4:
      return make_kernel<uint32_t>(loop, problem.threads);
    default:
      return make_kernel<uint64_t>(loop, problem.threads);
  }
}

}  // namespace

template <>
const ZooFunctions<WhereParams>& zoo_functions<WhereParams>() {
  static constexpr ZooFunctions<WhereParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
