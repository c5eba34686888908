#include "kernels/reduce/reduce.h"

#include <cmath>
#include <limits>

#include "kernels/checks.h"
#include "kernels/quantization.h"
#include "kernels/strides.h"

namespace octet {
namespace {

// src, walked over the axes that stay and, at each of those places, over the axes that go.
struct ReducePlan {
  StridedLoop<1> kept;
  StridedLoop<1> reduced;
  int64_t reduced_count = 1;
  int threads = 1;
  // u8: what the sum of zeros is in integers, and what turns sums into integers of dst.
  int64_t zero = 0;
  float factor = 1;
  int32_t dst_zero_point = 0;
};

// A reduction: acc = kStart; acc = step(acc, x) for each x; finish(acc, plan).
struct Sum {
  static constexpr double kStart = 0;
  static double step(double acc, double x) { return acc + x; }
  static double finish(double acc, const ReducePlan&) { return acc; }
};
struct Mean : Sum {
  static double finish(double acc, const ReducePlan& plan) { return acc / static_cast<double>(plan.reduced_count); }
};
// max and min pass on a NaN, as NumPy does.
struct Max : Sum {
  static constexpr double kStart = -std::numeric_limits<double>::infinity();
  static double step(double acc, double x) { return acc > x || acc != acc ? acc : x; }
};
struct Min : Sum {
  static constexpr double kStart = std::numeric_limits<double>::infinity();
  static double step(double acc, double x) { return acc < x || acc != acc ? acc : x; }
};
struct Prod : Sum {
  static constexpr double kStart = 1;
  static double step(double acc, double x) { return acc * x; }
};
struct SumSquare : Sum {
  static double step(double acc, double x) { return acc + x * x; }
};
struct L1 : Sum {
  static double step(double acc, double x) { return acc + std::fabs(x); }
};
struct L2 : SumSquare {
  static double finish(double acc, const ReducePlan&) { return std::sqrt(acc); }
};

// In s64 sums and products wrap; unsigned arithmetic does so by definition.
struct SumS64 {
  static constexpr int64_t kStart = 0;
  static int64_t step(int64_t acc, int64_t x) {
    return static_cast<int64_t>(static_cast<uint64_t>(acc) + static_cast<uint64_t>(x));
  }
  static int64_t finish(int64_t acc, const ReducePlan&) { return acc; }
};
struct MaxS64 : SumS64 {
  static constexpr int64_t kStart = std::numeric_limits<int64_t>::min();
  static int64_t step(int64_t acc, int64_t x) { return acc > x ? acc : x; }
};
struct MinS64 : SumS64 {
  static constexpr int64_t kStart = std::numeric_limits<int64_t>::max();
  static int64_t step(int64_t acc, int64_t x) { return acc < x ? acc : x; }
};
struct ProdS64 : SumS64 {
  static constexpr int64_t kStart = 1;
  static int64_t step(int64_t acc, int64_t x) {
    return static_cast<int64_t>(static_cast<uint64_t>(acc) * static_cast<uint64_t>(x));
  }
};

// Sum and mean; s32 holds the sums of up to kMaxSummedU8 elements.
constexpr int64_t kMaxSummedU8 = INT32_MAX / 255;
template <class Accumulator>
struct SumU8 {
  static constexpr Accumulator kStart = 0;
  static Accumulator step(Accumulator acc, Accumulator x) { return acc + x; }
  static uint8_t finish(Accumulator acc, const ReducePlan& plan) {
    return round_saturate_u8(static_cast<float>(acc - plan.zero) * plan.factor, plan.dst_zero_point);
  }
};
struct MaxU8 {
  static constexpr uint8_t kStart = 0;
  static uint8_t step(uint8_t acc, uint8_t x) { return acc > x ? acc : x; }
  static uint8_t finish(uint8_t acc, const ReducePlan&) { return acc; }
};
struct MinU8 : MaxU8 {
  static constexpr uint8_t kStart = 255;
  static uint8_t step(uint8_t acc, uint8_t x) { return acc < x ? acc : x; }
};

// Neighbours in dst that are neighbours in src: accumulated side by side.
template <class T, class Reduction>
void reduce_side_by_side(const ReducePlan& plan, const T* src, int64_t n, T* dst) {
  constexpr int64_t kWidth = 64;
  using Accumulator = std::remove_const_t<decltype(Reduction::kStart)>;
  for (int64_t begin = 0; begin < n; begin += kWidth) {
    const int64_t width = std::min(kWidth, n - begin);
    Accumulator acc[kWidth];
    std::fill_n(acc, kWidth, Reduction::kStart);
    Walker<1> at(plan.reduced, plan.reduced.shape.rank(), 0);
    for (int64_t k = 0; k < plan.reduced_count; ++k, at.next()) {
      const T* from = src + begin + at.offset(0);
      for (int64_t j = 0; j < width; ++j) acc[j] = Reduction::step(acc[j], static_cast<Accumulator>(from[j]));
    }
    for (int64_t j = 0; j < width; ++j) {
      dst[begin + j] = static_cast<T>(Reduction::finish(acc[j], plan));
    }
  }
}

template <class T, class Reduction>
T reduce_one(const ReducePlan& plan, const T* src) {
  using Accumulator = std::remove_const_t<decltype(Reduction::kStart)>;
  Accumulator acc = Reduction::kStart;
  const int last = plan.reduced.shape.rank() - 1;
  const int64_t row = plan.reduced.shape[last];
  const int64_t stride = plan.reduced.strides[0][last];
  const int64_t rows = plan.reduced_count / row;
  Walker<1> at(plan.reduced, last, 0);
  for (int64_t k = 0; k < rows; ++k, at.next()) {
    const T* from = src + at.offset(0);
    for (int64_t j = 0; j < row; ++j) acc = Reduction::step(acc, static_cast<Accumulator>(from[j * stride]));
  }
  return static_cast<T>(Reduction::finish(acc, plan));
}

template <class T, class Reduction>
void reduce(const ReducePlan& plan, const Buffers& buffers) {
  const T* src = static_cast<const T*>(buffers.src[0]);
  T* dst = static_cast<T*>(buffers.dst[0]);
  if (plan.reduced_count == 0) {  // src may be null
    const T empty = static_cast<T>(Reduction::finish(Reduction::kStart, plan));
    std::fill_n(dst, plan.kept.shape.element_count(), empty);
    return;
  }
  const int64_t stride = plan.kept.strides[0][plan.kept.shape.rank() - 1];
  const int64_t grain = kElementsPerThread / (plan.reduced_count + 1) + 1;
  for_each_run(plan.kept, plan.threads, grain, [&](const Walker<1>& at, int64_t column, int64_t i, int64_t n) {
    const T* from = src + at.offset(0) + column * stride;
    if (stride == 1 && n > 1) {
      reduce_side_by_side<T, Reduction>(plan, from, n, dst + i);
    } else {
      for (int64_t j = 0; j < n; ++j) dst[i + j] = reduce_one<T, Reduction>(plan, from + j * stride);
    }
  });
}

void sum_u8(const ReducePlan& plan, const Buffers& buffers) {
  if (plan.reduced_count <= kMaxSummedU8) return reduce<uint8_t, SumU8<int32_t>>(plan, buffers);
  reduce<uint8_t, SumU8<int64_t>>(plan, buffers);
}

using ReduceRun = void (*)(const ReducePlan& plan, const Buffers& buffers);

struct ReduceFunction {
  ReduceKind kind;
  const char* name;
  ReduceRun f32;
  ReduceRun s64 = nullptr;  // null where the type is not taken
  ReduceRun u8 = nullptr;
};

// In the order of ReduceKind.
constexpr ReduceFunction kFunctions[] = {
    {ReduceKind::kSum, "sum", reduce<float, Sum>, reduce<int64_t, SumS64>, sum_u8},
    {ReduceKind::kMean, "mean", reduce<float, Mean>, nullptr, sum_u8},
    {ReduceKind::kMax, "max", reduce<float, Max>, reduce<int64_t, MaxS64>, reduce<uint8_t, MaxU8>},
    {ReduceKind::kMin, "min", reduce<float, Min>, reduce<int64_t, MinS64>, reduce<uint8_t, MinU8>},
    {ReduceKind::kProd, "prod", reduce<float, Prod>, reduce<int64_t, ProdS64>},
    {ReduceKind::kSumSquare, "sum_square", reduce<float, SumSquare>},
    {ReduceKind::kL1, "l1", reduce<float, L1>},
    {ReduceKind::kL2, "l2", reduce<float, L2>},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kFunctions); ++i) {
    if (kFunctions[i].kind != static_cast<ReduceKind>(i)) return false;
  }
  return true;
}
static_assert(in_order());

bool is_reduced(const ReduceParams& params, int axis) {
  return std::find(params.axes.begin(), params.axes.end(), axis) != params.axes.end();
}

ReducePlan plan_of(const Problem<ReduceParams>& problem) {
  const Shape& src = problem.inputs[0].shape;
  const Dims strides = row_major_strides(src);
  ReducePlan plan{.kept = {src, {strides}, {}}, .reduced = {src, {strides}, {}}, .threads = problem.threads};
  for (int axis = 0; axis < src.rank(); ++axis) {
    (is_reduced(problem.params, axis) ? plan.kept : plan.reduced).shape[axis] = 1;
  }
  plan.kept = collapse(plan.kept);
  plan.reduced = collapse(plan.reduced);
  plan.reduced_count = plan.reduced.shape.element_count();
  const QuantParams from = problem.inputs[0].quant(), to = problem.outputs[0].quant();
  const double count =
      problem.params.kind == ReduceKind::kMean ? static_cast<double>(std::max<int64_t>(plan.reduced_count, 1)) : 1.0;
  plan.zero = plan.reduced_count * from.zero_point;
  plan.factor = static_cast<float>(static_cast<double>(from.scale) / (static_cast<double>(to.scale) * count));
  plan.dst_zero_point = to.zero_point;
  return plan;
}

bool supports_all(const Problem<ReduceParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<ReduceParams>& problem) {
  const ReduceFunction& function = kFunctions[static_cast<size_t>(problem.params.kind)];
  const DataType type = problem.inputs[0].type;
  const ReduceRun run = type == DataType::kS64 ? function.s64 : type == DataType::kU8 ? function.u8 : function.f32;
  if (problem.outputs[0].shape.element_count() == 0) return Kernel([](const Buffers&) {});
  return Kernel([plan = plan_of(problem), run](const Buffers& buffers) { run(plan, buffers); });
}

constexpr KernelRow<ReduceParams> kTable[] = {{"reference", Isa::kAny, supports_all, prepare_reference}};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const ReduceParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), std::size(kFunctions)));
  const Shape& src = inputs[0].shape;
  OCTET_CHECK(check_axes(params.kName, params.axes, src.rank()));
  std::vector<int64_t> dims;
  for (int axis = 0; axis < src.rank(); ++axis) {
    if (!is_reduced(params, axis)) {
      dims.push_back(src[axis]);
    } else if (params.keep_dims) {
      dims.push_back(1);
    }
  }
  return single_output(params.kName, Shape(dims));
}

Status check_types(const ReduceParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), std::size(kFunctions)));
  const ReduceFunction& function = kFunctions[static_cast<size_t>(params.kind)];
  if (plain(inputs[0], DataType::kF32) && plain(outputs[0], DataType::kF32)) return {};
  const bool s64 = plain(inputs[0], DataType::kS64) && plain(outputs[0], DataType::kS64);
  if (s64 && function.s64 != nullptr) return {};
  const bool u8 = per_tensor_u8(inputs[0]) && per_tensor_u8(outputs[0]) && function.u8 != nullptr;
  if (u8 && (rescales_u8(params.kind) || same_quantization(inputs[0], outputs[0]))) return {};
  return unsupported_types((std::string(params.kName) + " " + function.name).c_str(), inputs, outputs);
}

std::span<const KernelRow<ReduceParams>> kernel_table(const ReduceParams&) {
  return kTable;
}

bool takes_u8(ReduceKind kind) {
  return kFunctions[static_cast<size_t>(kind)].u8 != nullptr;
}

bool rescales_u8(ReduceKind kind) {
  return kind == ReduceKind::kSum || kind == ReduceKind::kMean;
}

const char* to_string(ReduceKind kind) {
  const auto i = static_cast<uint64_t>(kind);
  return i < std::size(kFunctions) ? kFunctions[i].name : "unknown";
}

}  // namespace octet
