#include "kernels/cast/cast.h"

#include <limits>
#include <type_traits>

#include "kernels/bf16.h"
#include "kernels/cast/bf16_rows.h"
#include "kernels/checks.h"
#include "kernels/parallel.h"

namespace octet {
namespace {

struct Bool {
  uint8_t value;
};

template <class To, class From>
To cast_element(From x) {
  if constexpr (std::is_same_v<From, Bool>) {
    return cast_element<To>(static_cast<uint8_t>(x.value != 0 ? 1 : 0));
  } else if constexpr (std::is_same_v<From, Bf16>) {
    return cast_element<To>(to_f32(x));
  } else if constexpr (std::is_same_v<To, Bf16>) {
    return to_bf16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(x != 0 ? 1 : 0)};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // The bounds as f32: the lowest is exact; the highest may round up to a value that no longer fits.
    if (!(x > static_cast<float>(std::numeric_limits<To>::lowest()))) {
      return x == x ? std::numeric_limits<To>::lowest() : To{0};
    }
    if (x >= static_cast<float>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

using CastFunction = void (*)(const void* src, int64_t begin, int64_t end, void* dst);

template <class From, class To>
void cast_elements(const void* src, int64_t begin, int64_t end, void* dst) {
  const From* from = static_cast<const From*>(src);
  To* to = static_cast<To*>(dst);
  for (int64_t i = begin; i < end; ++i) to[i] = cast_element<To>(from[i]);
}

// Calls f with an element of the C++ type of `type`.
template <class F>
auto with_type(DataType type, const F& f) {
  switch (type) {
    case DataType::kF32:
      return f(float{});
    case DataType::kU8:
      return f(uint8_t{});
    case DataType::kS8:
      return f(int8_t{});
    case DataType::kS32:
      return f(int32_t{});
    case DataType::kS64:
      return f(int64_t{});
    case DataType::kBf16:
      return f(Bf16{});
    case DataType::kBool:
      break;
  }
  return f(Bool{});
}

CastFunction function_for(DataType from, DataType to) {
  return with_type(from, [to]<class Source>(Source) {
    return with_type(to, []<class Target>(Target) -> CastFunction { return cast_elements<Source, Target>; });
  });
}

bool supports_all(const Problem<CastParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<CastParams>& problem) {
  return Kernel([cast = function_for(problem.inputs[0].type, problem.outputs[0].type),
                 count = problem.outputs[0].shape.element_count(), threads = problem.threads](const Buffers& buffers) {
    parallel_for_elements(threads, count,
                          [&](int64_t begin, int64_t end) { cast(buffers.src[0], begin, end, buffers.dst[0]); });
  });
}

bool supports_bf16(const Problem<CastParams>& problem) {
  const DataType from = problem.inputs[0].type, to = problem.outputs[0].type;
  return (from == DataType::kF32 && to == DataType::kBf16) || (from == DataType::kBf16 && to == DataType::kF32);
}

template <NarrowRow kNarrow, WidenRow kWiden>
Result<Kernel> prepare_bf16(const Problem<CastParams>& problem) {
  return Kernel([narrows = problem.outputs[0].type == DataType::kBf16, count = problem.outputs[0].shape.element_count(),
                 threads = problem.threads](const Buffers& buffers) {
    parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
      if (narrows) {
        kNarrow(static_cast<const float*>(buffers.src[0]) + begin, end - begin,
                static_cast<Bf16*>(buffers.dst[0]) + begin);
      } else {
        kWiden(static_cast<const Bf16*>(buffers.src[0]) + begin, end - begin,
               static_cast<float*>(buffers.dst[0]) + begin);
      }
    });
  });
}

constexpr KernelRow<CastParams> kTable[] = {
#if defined(__x86_64__)
    {"bf16_avx512", Isa::kAvx512, supports_bf16, prepare_bf16<narrow_avx512, widen_avx512>},
    {"bf16_avx2", Isa::kAvx2, supports_bf16, prepare_bf16<narrow_avx2, widen_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const CastParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  return single_output(params.kName, inputs[0].shape);
}

Status check_types(const CastParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  if (!inputs[0].is_quantized() && !outputs[0].is_quantized()) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<CastParams>> kernel_table(const CastParams&) {
  return kTable;
}

}  // namespace octet
