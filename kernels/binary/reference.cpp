#include "kernels/binary/reference.h"

#include <cmath>
#include <limits>

#include "kernels/strides.h"

namespace octet {
namespace {

// In f32 as IEEE defines them. min and max pass on a NaN, as NumPy does.
float add(float a, float b) {
  return a + b;
}
float sub(float a, float b) {
  return a - b;
}
float mul(float a, float b) {
  return a * b;
}
float div(float a, float b) {
  return a / b;
}
float pow(float a, float b) {
  return std::pow(a, b);
}
float min(float a, float b) {
  return a < b || a != a ? a : b;
}
float max(float a, float b) {
  return a > b || a != a ? a : b;
}

float remainder(float a, float b) {
  return std::fmod(a, b);
}
float modulo(float a, float b) {
  const float r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// In s64 sums and products wrap.
int64_t add_s64(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t sub_s64(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t mul_s64(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
int64_t div_s64(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? sub_s64(0, a) : a / b;  // the lowest number has no opposite
}
int64_t pow_s64(int64_t a, int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? 1 - 2 * (b & 1) : 0;
  int64_t result = 1;
  for (; b > 0; b >>= 1, a = mul_s64(a, a)) {
    if ((b & 1) != 0) result = mul_s64(result, a);
  }
  return result;
}
int64_t remainder_s64(int64_t a, int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}
int64_t modulo_s64(int64_t a, int64_t b) {
  const int64_t r = remainder_s64(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int64_t min_s64(int64_t a, int64_t b) {
  return a < b ? a : b;
}
int64_t max_s64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

template <float (*kFunction)(float, float)>
void f32_row(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t n, const Clamp& clamp,
             float* dst) {
  const Clamp limits = clamp;
  const auto element = [limits](float x, float y) {
    float r = kFunction(x, y);
    r = r < limits.min ? limits.min : r;
    return r > limits.max ? limits.max : r;
  };
  // Separate loops, so that each can be vectorized.
  if (a_step == 1 && b_step == 1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = element(a[i], b[i]);
  } else if (a_step == 1 && b_step == 0) {
    const float y = *b;
    for (int64_t i = 0; i < n; ++i) dst[i] = element(a[i], y);
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i] = element(a[i * a_step], b[i * b_step]);
  }
}

template <int64_t (*kFunction)(int64_t, int64_t)>
void s64_row(const int64_t* a, int64_t a_step, const int64_t* b, int64_t b_step, int64_t n, int64_t* dst) {
  for (int64_t i = 0; i < n; ++i) dst[i] = kFunction(a[i * a_step], b[i * b_step]);
}

template <uint8_t (*kFunction)(uint8_t, uint8_t, const BinaryU8&)>
void u8_row(const uint8_t* a, int64_t a_step, const uint8_t* b, int64_t b_step, int64_t n, const BinaryU8& u8,
            uint8_t* dst) {
  for (int64_t i = 0; i < n; ++i) dst[i] = kFunction(a[i * a_step], b[i * b_step], u8);
}

constexpr BinaryFunction kFunctions[] = {
    {BinaryKind::kAdd, "add", f32_row<add>, s64_row<add_s64>, u8_row<add_u8>},
    {BinaryKind::kSub, "sub", f32_row<sub>, s64_row<sub_s64>, u8_row<add_u8>},
    {BinaryKind::kMul, "mul", f32_row<mul>, s64_row<mul_s64>, u8_row<mul_u8>},
    {BinaryKind::kDiv, "div", f32_row<div>, s64_row<div_s64>, nullptr},
    {BinaryKind::kPow, "pow", f32_row<pow>, s64_row<pow_s64>, nullptr},
    {BinaryKind::kMin, "min", f32_row<min>, s64_row<min_s64>, u8_row<min_u8>},
    {BinaryKind::kMax, "max", f32_row<max>, s64_row<max_s64>, u8_row<max_u8>},
    {BinaryKind::kRemainder, "remainder", f32_row<remainder>, s64_row<remainder_s64>, nullptr},
    {BinaryKind::kModulo, "modulo", f32_row<modulo>, s64_row<modulo_s64>, nullptr},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kFunctions); ++i) {
    if (kFunctions[i].kind != static_cast<BinaryKind>(i)) return false;
  }
  return true;
}
static_assert(in_order());

void fold_zero_points(BinaryU8& u8) {
  const float zero_point = static_cast<float>(u8.dst_zero_point);
  const float scaled_b = u8.b_factor * static_cast<float>(u8.b_zero_point);
  u8.offset = zero_point - std::fmaf(u8.a_factor, static_cast<float>(u8.a_zero_point), scaled_b);
  u8.clamp_min += zero_point;
  u8.clamp_max += zero_point;
  u8.a_zero_point = u8.b_zero_point = u8.dst_zero_point = 0;
}

BinaryU8 parameters_of(const Problem<BinaryParams>& problem) {
  const QuantParams a = problem.inputs[0].quant();
  const QuantParams b = problem.inputs[1].quant();
  const QuantParams dst = problem.outputs[0].quant();
  BinaryU8 u8{.a_zero_point = a.zero_point,
              .b_zero_point = b.zero_point,
              .a_factor = a.scale / dst.scale,
              .b_factor = b.scale / dst.scale,
              .clamp_min = problem.params.clamp.min / dst.scale,
              .clamp_max = problem.params.clamp.max / dst.scale,
              .dst_zero_point = dst.zero_point};
  if (problem.params.kind == BinaryKind::kSub) u8.b_factor = -u8.b_factor;
  if (problem.params.kind == BinaryKind::kMul) {
    u8.a_factor = static_cast<float>(static_cast<double>(a.scale) * static_cast<double>(b.scale) /
                                     static_cast<double>(dst.scale));
  } else if (problem.params.folds_zero_points && rescales_u8(problem.params.kind)) {
    fold_zero_points(u8);
  }
  return u8;
}

template <class T, class Row, class... Parameters>
Kernel make_kernel(const Problem<BinaryParams>& problem, Row row, Parameters... parameters) {
  const auto loop =
      collapse(broadcast_loop(problem.inputs[0].shape, problem.inputs[1].shape, problem.outputs[0].shape));
  const int last = loop.shape.rank() - 1;
  return [loop, row, threads = problem.threads, a_step = loop.strides[0][last], b_step = loop.strides[1][last],
          parameters...](const Buffers& buffers) {
    const T* a = static_cast<const T*>(buffers.src[0]);
    const T* b = static_cast<const T*>(buffers.src[1]);
    T* dst = static_cast<T*>(buffers.dst[0]);
    for_each_run(loop, threads, kElementsPerThread, [&](const Walker<2>& at, int64_t column, int64_t i, int64_t n) {
      row(a + at.offset(0) + column * a_step, a_step, b + at.offset(1) + column * b_step, b_step, n, parameters...,
          dst + i);
    });
  };
}

}  // namespace

std::span<const BinaryFunction> binary_functions() {
  return kFunctions;
}

Result<Kernel> prepare_binary_u8(const Problem<BinaryParams>& problem, BinaryU8Row row) {
  return make_kernel<uint8_t>(problem, row, parameters_of(problem));
}

Result<Kernel> prepare_binary_reference(const Problem<BinaryParams>& problem) {
  const BinaryFunction& function = binary_functions()[static_cast<size_t>(problem.params.kind)];
  switch (problem.outputs[0].type) {
    case DataType::kU8:
      return prepare_binary_u8(problem, function.u8);
    case DataType::kS64:
      return make_kernel<int64_t>(problem, function.s64);
    default:
      return make_kernel<float>(problem, function.f32, problem.params.clamp);
  }
}

}  // namespace octet
