#include "kernels/quantize/quantize.h"

#include "kernels/checks.h"
#include "kernels/parallel.h"
#include "kernels/quantization.h"
#include "kernels/quantize/normalization.h"

namespace octet {

void quantize_row_reference(const float* src, int64_t n, const Normalization& normalization, QuantParams quant,
                            uint8_t* dst) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = i % Normalization::kPeriod;
    dst[i] = quantize_u8(src[i] * normalization.scale[k] + normalization.shift[k], quant);
  }
}

namespace {

bool supports_all(const Problem<QuantizeParams>&) {
  return true;
}

template <QuantizeRow kRow>
Result<Kernel> prepare(const Problem<QuantizeParams>& problem) {
  return Kernel([normalization = uniform_normalization(), quant = problem.outputs[0].quant(),
                 count = problem.outputs[0].shape.element_count(), threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const float*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    parallel_for_elements(threads, count, [&](int64_t begin, int64_t end) {
      kRow(src + begin, end - begin, normalization, quant, dst + begin);
    });
  });
}

constexpr KernelRow<QuantizeParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512", Isa::kAvx512, supports_all, prepare<quantize_row_avx512>},
    {"avx2", Isa::kAvx2, supports_all, prepare<quantize_row_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<quantize_row_reference>},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const QuantizeParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  return single_output(params.kName, inputs[0].shape);
}

Status check_types(const QuantizeParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_arity(params.kName, inputs, 1, 1, outputs));
  if (plain(inputs[0], DataType::kF32) && per_tensor_u8(outputs[0])) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<QuantizeParams>> kernel_table(const QuantizeParams&) {
  return kTable;
}

}  // namespace octet
