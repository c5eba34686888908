#include "kernels/unary/unary.h"

#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/elementary.h"
#include "kernels/lookup.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

OCTET_INLINE float identity(float x, float, float) {
  return x;
}
OCTET_INLINE float clip(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}
OCTET_INLINE float leaky_relu(float x, float alpha, float) {
  return x < 0 ? alpha * x : x;
}
// Below, exp(x) - 1 near 0 from the series: the difference would cancel.
OCTET_INLINE float elu(float x, float alpha, float) {
  const float minus_one = x > -0.34F ? exp_tail(x) * (x * x) + x : exp_f32(x) - 1.0F;
  return x < 0 ? alpha * minus_one : x;
}
OCTET_INLINE float sigmoid(float x, float, float) {
  return 1.0F / (1.0F + exp_f32(-x));
}
// Cephes tanhf: odd polynomial near 0, 1 - 2 / (exp(2|x|) + 1) elsewhere.
OCTET_INLINE float tanh(float x, float, float) {
  const float magnitude = x < 0 ? -x : x;
  const float far = 1.0F - 2.0F / (exp_f32(2.0F * magnitude) + 1.0F);
  const float square = x * x;
  float p = -5.70498872745e-3F;
  p = p * square + 2.06390887954e-2F;
  p = p * square + -5.37397155531e-2F;
  p = p * square + 1.33314422036e-1F;
  p = p * square + -3.33332819422e-1F;
  const float near = p * square * x + x;
  return magnitude < 0.625F ? near : x < 0 ? -far : far;
}
OCTET_INLINE float hard_sigmoid(float x, float alpha, float beta) {
  return clip(alpha * x + beta, 0.0F, 1.0F);
}
OCTET_INLINE float hard_swish(float x, float, float) {
  return x * clip(x / 6.0F + 0.5F, 0.0F, 1.0F);
}
OCTET_INLINE float exp(float x, float, float) {
  return exp_f32(x);
}
OCTET_INLINE float log(float x, float, float) {
  return log_f32(x);
}
OCTET_INLINE float sqrt(float x, float, float) {
  return std::sqrt(x);
}
OCTET_INLINE float neg(float x, float, float) {
  return -x;
}
OCTET_INLINE float abs(float x, float, float) {
  return std::fabs(x);
}
OCTET_INLINE float reciprocal(float x, float, float) {
  return 1.0F / x;
}
OCTET_INLINE float floor(float x, float, float) {
  return std::floor(x);
}
OCTET_INLINE float ceil(float x, float, float) {
  return std::ceil(x);
}
// In double, rounded once: a libm's last bit cannot show.
OCTET_INLINE float erf(float x, float, float) {
  return static_cast<float>(std::erf(static_cast<double>(x)));
}
// max(x, 0) + log(1 + e), e = exp(-|x|) <= 1; log(1 + e) from u = 1 + e rounded, corrected for that rounding (Kahan).
OCTET_INLINE float softplus(float x, float, float) {
  const float e = exp_f32(x < 0 ? x : -x);
  const float u = 1.0F + e;
  const float log1p = u == 1.0F ? e : log_f32(u) * (e / (u - 1.0F));
  return (x < 0 ? 0.0F : x) + log1p;
}
OCTET_INLINE float softsign(float x, float, float) {
  return x / (1.0F + std::fabs(x));
}
OCTET_INLINE float silu(float x, float, float) {
  return x / (1.0F + exp_f32(-x));
}
OCTET_INLINE float round(float x, float, float) {
  return std::nearbyint(x);
}
// In double, as erf itself; 1 + erf(t) is erfc(-t), without what the sum cancels below 0.
OCTET_INLINE float gelu(float x, float, float) {
  const auto exact = static_cast<double>(x);
  return static_cast<float>(0.5 * exact * std::erfc(exact * -0.70710678118654752));
}
// (1 + tanh(t)) / 2 = sigmoid(2 t), without what 1 + tanh(t) cancels below 0.
OCTET_INLINE float gelu_tanh(float x, float, float) {
  return x * sigmoid(1.5957691216F * (x + 0.044715F * x * x * x), 0, 0);
}
// With n = exp(x) (exp(x) + 2): tanh(log(1 + exp(x))) = n / (n + 2), which is 1 in f32 from 20 on.
OCTET_INLINE float mish(float x, float, float) {
  const float e = exp_f32(x < 20.0F ? x : 20.0F);
  const float n = e * (e + 2.0F);
  return x * (n / (n + 2.0F));
}

struct UnaryFunction {
  UnaryKind kind;
  const char* name;
  float (*element)(float x, float alpha, float beta);
  void (*row)(const float* src, int64_t n, float alpha, float beta, float* dst);
};

template <auto kFunction>
constexpr UnaryFunction function(UnaryKind kind, const char* name) {
  return {kind, name, [](float x, float alpha, float beta) { return kFunction(x, alpha, beta); },
          [](const float* src, int64_t n, float alpha, float beta, float* dst) {
            for (int64_t i = 0; i < n; ++i) dst[i] = kFunction(src[i], alpha, beta);
          }};
}

// In the order of UnaryKind.
constexpr UnaryFunction kFunctions[] = {
    function<identity>(UnaryKind::kIdentity, "identity"),
    function<clip>(UnaryKind::kClip, "clip"),
    function<leaky_relu>(UnaryKind::kLeakyRelu, "leaky_relu"),
    function<elu>(UnaryKind::kElu, "elu"),
    function<sigmoid>(UnaryKind::kSigmoid, "sigmoid"),
    function<tanh>(UnaryKind::kTanh, "tanh"),
    function<hard_sigmoid>(UnaryKind::kHardSigmoid, "hard_sigmoid"),
    function<hard_swish>(UnaryKind::kHardSwish, "hard_swish"),
    function<exp>(UnaryKind::kExp, "exp"),
    function<log>(UnaryKind::kLog, "log"),
    function<sqrt>(UnaryKind::kSqrt, "sqrt"),
    function<neg>(UnaryKind::kNeg, "neg"),
    function<abs>(UnaryKind::kAbs, "abs"),
    function<reciprocal>(UnaryKind::kReciprocal, "reciprocal"),
    function<floor>(UnaryKind::kFloor, "floor"),
    function<ceil>(UnaryKind::kCeil, "ceil"),
    function<erf>(UnaryKind::kErf, "erf"),
    function<softplus>(UnaryKind::kSoftplus, "softplus"),
    function<softsign>(UnaryKind::kSoftsign, "softsign"),
    function<silu>(UnaryKind::kSilu, "silu"),
    function<round>(UnaryKind::kRound, "round"),
    function<gelu>(UnaryKind::kGelu, "gelu"),
    function<gelu_tanh>(UnaryKind::kGeluTanh, "gelu_tanh"),
    function<mish>(UnaryKind::kMish, "mish"),
};

const UnaryFunction& function_of(UnaryKind kind) {
  return kFunctions[static_cast<size_t>(kind)];
}

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(kFunctions); ++i) {
    if (kFunctions[i].kind != static_cast<UnaryKind>(i)) return false;
  }
  return true;
}
static_assert(in_order());

bool supports_u8(const Problem<UnaryParams>& problem) {
  return problem.inputs[0].type == DataType::kU8;
}

template <LookupRow kRow>
Result<Kernel> prepare_lookup(const Problem<UnaryParams>& problem) {
  const LookupU8 table = make_lookup(problem.inputs[0].quant(), problem.outputs[0].quant(),
                                     [&](float x) { return evaluate(problem.params, x); });
  return Kernel([table, count = problem.outputs[0].shape.element_count(),
                 threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    parallel_for_elements(
        threads, count, [&](int64_t begin, int64_t end) { kRow(table.data(), src + begin, end - begin, dst + begin); });
  });
}

bool supports_all(const Problem<UnaryParams>&) {
  return true;
}

// Element by element, by the formula.
Result<Kernel> prepare_reference(const Problem<UnaryParams>& problem) {
  const int64_t count = problem.outputs[0].shape.element_count();
  if (supports_u8(problem)) {
    return Kernel([params = problem.params, src_quant = problem.inputs[0].quant(),
                   dst_quant = problem.outputs[0].quant(), count](const Buffers& buffers) {
      const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
      auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
      for (int64_t i = 0; i < count; ++i) {
        dst[i] = quantize_u8(evaluate(params, dequantize(src[i], src_quant)), dst_quant);
      }
    });
  }
  return Kernel([params = problem.params, row = function_of(problem.params.kind).row, count,
                 threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const float*>(buffers.src[0]);
    auto* dst = static_cast<float*>(buffers.dst[0]);
    parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
      row(src + begin, end - begin, params.alpha, params.beta, dst + begin);
    });
  });
}

constexpr KernelRow<UnaryParams> kTable[] = {
#if defined(__x86_64__)
    {"lookup_avx512vbmi", Isa::kAvx512Vbmi, supports_u8, prepare_lookup<apply_lookup_avx512vbmi>},
    {"lookup_avx512", Isa::kAvx512, supports_u8, prepare_lookup<apply_lookup_avx512>},
    {"lookup_avx2", Isa::kAvx2, supports_u8, prepare_lookup<apply_lookup_avx2>},
#endif
    {"lookup", Isa::kAny, supports_u8, prepare_lookup<apply_lookup>},
    {"reference", Isa::kAny, supports_all, prepare_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const UnaryParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_enum(params.kName, "kind", static_cast<int64_t>(params.kind), std::size(kFunctions)));
  if (std::isnan(params.alpha) || std::isnan(params.beta)) {
    return invalid(params.kName, "alpha " + std::to_string(params.alpha) + " and beta " + std::to_string(params.beta));
  }
  return single_output(params.kName, inputs[0].shape);
}

Status check_types(const UnaryParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  if (plain(inputs[0], DataType::kF32) && plain(outputs[0], DataType::kF32)) return {};
  if (per_tensor_u8(inputs[0]) && per_tensor_u8(outputs[0])) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<UnaryParams>> kernel_table(const UnaryParams&) {
  return kTable;
}

int in_place_input(const UnaryParams&, Descs, Descs) {
  return 0;
}

float evaluate(const UnaryParams& params, float x) {
  return function_of(params.kind).element(x, params.alpha, params.beta);
}

const char* to_string(UnaryKind kind) {
  return static_cast<uint64_t>(kind) < std::size(kFunctions) ? function_of(kind).name : "unknown";
}

}  // namespace octet
