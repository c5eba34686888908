#include "kernels/zoo/compare.h"

#include "kernels/checks.h"
#include "kernels/strides.h"

namespace octet {
namespace {

using Row = void (*)(const void* a, int64_t a_step, const void* b, int64_t b_step, int64_t n, uint8_t* dst);

template <class T, class Function>
void row(const void* a, int64_t a_step, const void* b, int64_t b_step, int64_t n, uint8_t* dst) {
  const auto* x = static_cast<const T*>(a);
  const auto* y = static_cast<const T*>(b);
  for (int64_t i = 0; i < n; ++i) dst[i] = Function()(x[i * a_step], y[i * b_step]) ? 1 : 0;
}

// A byte other than 0 is true.
struct And {
  bool operator()(uint8_t a, uint8_t b) const { return a != 0 && b != 0; }
};
struct Or {
  bool operator()(uint8_t a, uint8_t b) const { return a != 0 || b != 0; }
};
struct Xor {
  bool operator()(uint8_t a, uint8_t b) const { return (a != 0) != (b != 0); }
};

struct CompareFunction {
  CompareKind kind;
  Row f32, s64, boolean;  // null where a type is not taken
};

// In the order of CompareKind.
constexpr CompareFunction kFunctions[] = {
    {CompareKind::kEqual, row<float, std::equal_to<float>>, row<int64_t, std::equal_to<int64_t>>, nullptr},
    {CompareKind::kLess, row<float, std::less<float>>, row<int64_t, std::less<int64_t>>, nullptr},
    {CompareKind::kLessOrEqual, row<float, std::less_equal<float>>, row<int64_t, std::less_equal<int64_t>>, nullptr},
    {CompareKind::kAnd, nullptr, nullptr, row<uint8_t, And>},
    {CompareKind::kOr, nullptr, nullptr, row<uint8_t, Or>},
    {CompareKind::kXor, nullptr, nullptr, row<uint8_t, Xor>},
};

Row row_for(const CompareParams& params, DataType type) {
  const CompareFunction& function = kFunctions[static_cast<size_t>(params.kind)];
  if (type == DataType::kF32) return function.f32;
  if (type == DataType::kS64) return function.s64;
  return type == DataType::kBool ? function.boolean : nullptr;
}

Result<std::vector<Shape>> shapes(const CompareParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 2, 2));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), std::size(kFunctions)));
  OCTET_TRY(const Shape dst, broadcast_shapes(params.kName, inputs[0].shape, inputs[1].shape));
  return single_output(params.kName, dst);
}

Status types(const CompareParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 2, 2, outputs));
  const DataType type = inputs[0].type;
  const bool fits = plain(inputs[0], type) && plain(inputs[1], type) && plain(outputs[0], DataType::kBool);
  if (fits && row_for(params, type) != nullptr) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

Result<Kernel> prepare(const Problem<CompareParams>& problem) {
  const auto loop =
      collapse(broadcast_loop(problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape));
  const int last = loop.shape.rank() - 1;
  return Kernel([loop, threads = problem.threads, run = row_for(problem.params, problem.inputs[0].type),
                 bytes = element_bytes(problem.inputs[0].type), a_step = loop.strides[0][last],
                 b_step = loop.strides[1][last]](const Buffers& buffers) {
    const auto* a = static_cast<const char*>(buffers.src[0]);
    const auto* b = static_cast<const char*>(buffers.src[1]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    for_each_run(loop, threads, kElementsPerThread, [&](const Walker<2>& at, int64_t column, int64_t i, int64_t n) {
      run(a + (at.offset(0) + column * a_step) * bytes, a_step, b + (at.offset(1) + column * b_step) * bytes, b_step, n,
          dst + i);
    });
  });
}

}  // namespace

template <>
const ZooFunctions<CompareParams>& zoo_functions<CompareParams>() {
  static constexpr ZooFunctions<CompareParams> kThese{shapes, types, prepare};
  return kThese;
}

}  // namespace octet
