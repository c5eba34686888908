#include "kernels/zoo/top_k.h"

#include <numeric>

#include "kernels/checks.h"
#include "kernels/zoo/lanes.h"

namespace octet {
namespace {

Result<std::vector<Shape>> shapes(const TopKParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  Shape dst = inputs[0].shape;
  OCTET_CHECK(check_axis(params.kName, params.axis, dst.rank()));
  int64_t& dim = dst[static_cast<int>(params.axis)];
  if (params.count < 0 || (dim != Shape::kDynamic && params.count > dim)) {
    return invalid(params.kName, std::to_string(params.count) + " of " + std::to_string(dim) + " elements");
  }
  dim = params.count;
  OCTET_CHECK(single_output(params.kName, dst));
  return std::vector{dst, dst};
}

Status types(const TopKParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  const DataType type = inputs[0].type;
  const bool known = plain(inputs[0], DataType::kF32) || plain(inputs[0], DataType::kS64) || per_tensor_u8(inputs[0]);
  const bool fits = known && outputs.size() == 2 && outputs[0].type == type &&
                    same_quantization(inputs[0], outputs[0]) && plain(outputs[1], DataType::kS64);
  if (fits) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

// Whether a stands before b in ascending order.
template <class T>
bool less(T a, T b) {
  return a < b || (a == a && b != b);
}

template <class T>
Kernel make_kernel(const Problem<TopKParams>& problem) {
  const Lanes lanes(problem.inputs[0].shape, problem.params.axis);
  std::vector<int64_t> order(static_cast<size_t>(lanes.axis));
  return [lanes, params = problem.params, order](const Buffers& buffers) mutable {
    const auto* src = static_cast<const T*>(buffers.src[0]);
    auto* values = static_cast<T*>(buffers.dst[0]);
    auto* indices = static_cast<int64_t*>(buffers.dst[1]);
    for (int64_t lane = 0; lane < lanes.count(); ++lane) {
      const T* from = src + lanes.start(lane, lanes.axis);
      std::iota(order.begin(), order.end(), int64_t{0});
      std::partial_sort(order.begin(), order.begin() + params.count, order.end(), [&](int64_t a, int64_t b) {
        const T x = from[a * lanes.inner], y = from[b * lanes.inner];
        if (less(x, y)) return !params.largest;
        if (less(y, x)) return params.largest;
        return params.last ? a > b : a < b;
      });
      const int64_t to = lanes.start(lane, params.count);
      for (int64_t i = 0; i < params.count; ++i) {
        values[to + i * lanes.inner] = from[order[static_cast<size_t>(i)] * lanes.inner];
        indices[to + i * lanes.inner] = order[static_cast<size_t>(i)];
      }
    }
  };
}

Result<Kernel> prepare(const Problem<TopKParams>& problem) {
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  switch (problem.inputs[0].type) {
    case DataType::kS64:
      return make_kernel<int64_t>(problem);
    case DataType::kU8:
      return make_kernel<uint8_t>(problem);
    default:
      return make_kernel<float>(problem);
  }
}

}  // namespace

template <>
const ZooFunctions<TopKParams>& zoo_functions<TopKParams>() {
  static constexpr ZooFunctions<TopKParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
