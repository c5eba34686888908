#include "kernels/checks.h"
#include "kernels/parallel.h"
#include "kernels/quantization.h"
#include "kernels/quantize/dequantize_rows.h"
#include "kernels/quantize/quantize.h"

namespace octet {
namespace {

template <class T, class To>
void dequantize_row(const void* src, int64_t begin, int64_t n, QuantParams quant, void* dst) {
  const T* from = static_cast<const T*>(src) + begin;
  To* to = static_cast<To*>(dst) + begin;
  for (int64_t i = 0; i < n; ++i) {
    float x = 0;
    // In double: s32 less its zero point may need 33 bits.
    if constexpr (sizeof(T) == 4) {
      const double difference = static_cast<double>(from[i]) - static_cast<double>(quant.zero_point);
      x = static_cast<float>(static_cast<double>(quant.scale) * difference);
    } else {
      x = dequantize(from[i], quant);
    }
    store(x, to[i]);
  }
}

using DequantizeRow = void (*)(const void* src, int64_t begin, int64_t n, QuantParams quant, void* dst);

template <class To>
DequantizeRow row_for(DataType type) {
  return type == DataType::kU8   ? dequantize_row<uint8_t, To>
         : type == DataType::kS8 ? dequantize_row<int8_t, To>
                                 : dequantize_row<int32_t, To>;
}

bool is_bf16(const Problem<DequantizeParams>& problem) {
  return problem.outputs[0].type == DataType::kBf16;
}

bool supports_all(const Problem<DequantizeParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<DequantizeParams>& problem) {
  const TensorDesc& src = problem.inputs[0];
  const DequantizeRow row = is_bf16(problem) ? row_for<Bf16>(src.type) : row_for<float>(src.type);
  const int64_t count = src.shape.element_count();
  if (src.scales.size() == 1) {
    return Kernel([row, count, quant = src.quant(), threads = problem.threads](const Buffers& buffers) {
      parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
        row(buffers.src[0], begin, end - begin, quant, buffers.dst[0]);
      });
    });
  }
  if (count == 0) return Kernel([](const Buffers&) {});
  std::vector<QuantParams> quants(src.scales.size());
  for (size_t c = 0; c < quants.size(); ++c) {
    quants[c] = {src.scales[c], src.zero_points.empty() ? 0 : src.zero_points[c]};
  }
  int64_t inner = 1;
  for (int i = src.axis + 1; i < src.shape.rank(); ++i) inner *= src.shape[i];
  return Kernel([row, count, inner, quants = std::move(quants), threads = problem.threads](const Buffers& buffers) {
    parallel_for(threads, count / inner, kElementsPerThread / inner + 1, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        row(buffers.src[0], i * inner, inner, quants[static_cast<size_t>(i) % quants.size()], buffers.dst[0]);
      }
    });
  });
}

bool supports_u8(const Problem<DequantizeParams>& problem) {
  return problem.inputs[0].type == DataType::kU8 && problem.inputs[0].scales.size() == 1;
}

template <DequantizeU8Row<float> kToF32, DequantizeU8Row<Bf16> kToBf16>
Result<Kernel> prepare_u8(const Problem<DequantizeParams>& problem) {
  return Kernel([to_bf16 = is_bf16(problem), count = problem.inputs[0].shape.element_count(),
                 quant = problem.inputs[0].quant(), threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
    parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
      if (to_bf16) {
        kToBf16(src + begin, end - begin, quant, static_cast<Bf16*>(buffers.dst[0]) + begin);
      } else {
        kToF32(src + begin, end - begin, quant, static_cast<float*>(buffers.dst[0]) + begin);
      }
    });
  });
}

constexpr KernelRow<DequantizeParams> kTable[] = {
#if defined(__x86_64__)
    {"u8_avx512", Isa::kAvx512, supports_u8, prepare_u8<dequantize_u8_avx512, dequantize_u8_avx512>},
    {"u8_avx2", Isa::kAvx2, supports_u8, prepare_u8<dequantize_u8_avx2, dequantize_u8_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const DequantizeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  return single_output(params.kName, inputs[0].shape);
}

Status check_types(const DequantizeParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  const TensorDesc& src = inputs[0];
  const bool integer = src.type == DataType::kU8 || src.type == DataType::kS8 || src.type == DataType::kS32;
  const bool per_channel =
      src.axis >= 0 && src.axis < src.shape.rank() && static_cast<int64_t>(src.scales.size()) == src.shape[src.axis];
  const bool scaled = src.is_quantized() && (src.scales.size() == 1 || per_channel) &&
                      (src.zero_points.empty() || src.zero_points.size() == src.scales.size());
  if (integer && scaled && (plain(outputs[0], DataType::kF32) || plain(outputs[0], DataType::kBf16))) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<DequantizeParams>> kernel_table(const DequantizeParams&) {
  return kTable;
}

}  // namespace octet
