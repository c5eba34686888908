#include "kernels/quantize/quantize_nhwc.h"

#include "kernels/parallel.h"
#include "kernels/quantize/quantize_rows.h"
#include "kernels/transpose/block.h"

namespace octet {

void quantize_three_planes_reference(const float* src, int64_t plane, int64_t n, QuantParams quant, uint8_t* dst) {
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t i = 0; i < n; ++i) quantize_row_reference(src + c * plane + i, 1, quant, dst + 3 * i + c);
  }
}

namespace {

constexpr int64_t kTile = 64;

// Any number of channels: tiles of rows are quantized into the first level cache and turned from there.
template <QuantizeRow kRow>
void quantize_planes(const float* src, int64_t plane, int64_t n, int64_t channels, QuantParams quant, uint8_t* dst) {
  uint8_t tile[kTile][kTile];  // [channel][pixel]
  for (int64_t i = 0; i < n; i += kTile) {
    const int64_t pixels = std::min(kTile, n - i);
    for (int64_t c = 0; c < channels; c += kTile) {
      const int64_t depth = std::min(kTile, channels - c);
      for (int64_t k = 0; k < depth; ++k) kRow(src + (c + k) * plane + i, pixels, quant, tile[k]);
      transpose_block(&tile[0][0], kTile, depth, pixels, dst + i * channels + c, channels);
    }
  }
}

bool supports_all(const Problem<QuantizeNhwcParams>&) {
  return true;
}

template <QuantizeRow kRow, QuantizeThreePlanes kThreePlanes>
Result<Kernel> prepare(const Problem<QuantizeNhwcParams>& problem) {
  const Shape& nchw = problem.inputs[0].shape;
  if (nchw.element_count() <= 0) return Kernel([](const Buffers&) {});
  return Kernel([images = nchw[0], channels = nchw[1], plane = nchw[2] * nchw[3], quant = problem.outputs[0].quant(),
                 threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const float*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    const int64_t grain = kElementsPerThread / channels + 1;
    parallel_for(threads, images * plane, grain, kTile, [&](int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t image = begin / plane;
        const int64_t pixel = begin % plane;
        const int64_t n = std::min(plane - pixel, end - begin);
        const float* from = src + image * channels * plane + pixel;
        if (channels == 3) {
          kThreePlanes(from, plane, n, quant, dst + begin * 3);
        } else {
          quantize_planes<kRow>(from, plane, n, channels, quant, dst + begin * channels);
        }
        begin += n;
      }
    });
  });
}

constexpr KernelRow<QuantizeNhwcParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512", Isa::kAvx512, supports_all, prepare<quantize_row_avx512, quantize_three_planes_avx512>},
    {"avx2", Isa::kAvx2, supports_all, prepare<quantize_row_avx2, quantize_three_planes_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<quantize_row_reference, quantize_three_planes_reference>},
};

}  // namespace

std::span<const KernelRow<QuantizeNhwcParams>> kernel_table(const QuantizeNhwcParams&) {
  return kTable;
}

Result<Kernel> prepare_quantize_nchw_to_nhwc(const Shape& nchw, QuantParams quant, int threads) {
  const QuantizeNhwcParams params;
  const TensorDesc src{.type = DataType::kF32, .shape = nchw};
  const TensorDesc dst{.type = DataType::kU8,
                       .shape = {nchw[0], nchw[2], nchw[3], nchw[1]},
                       .scales = {&quant.scale, 1},
                       .zero_points = {&quant.zero_point, 1}};
  OCTET_TRY(SelectedKernel selected,
            select_kernel<QuantizeNhwcParams>(kTable, {params, {&src, 1}, {&dst, 1}, threads}));
  return std::move(selected.kernel);
}

}  // namespace octet
