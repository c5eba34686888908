#include "kernels/quantize/quantize_image.h"

#include <algorithm>

#include "kernels/quantization.h"
#include "kernels/quantize/normalization.h"
#include "kernels/transpose/block.h"

namespace octet {

void quantize_three_planes_reference(const float* src, int64_t plane, int64_t n, const Normalization* planes,
                                     QuantParams quant, uint8_t* dst) {
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t i = 0; i < n; ++i) quantize_row_reference(src + c * plane + i, 1, planes[c], quant, dst + 3 * i + c);
  }
}

namespace {

constexpr int64_t kTile = 64;

// Any number of channels: tiles of rows are quantized into the first level cache and turned from there.
template <QuantizeRow kRow>
void quantize_planes(const float* src, int64_t plane, int64_t n, int64_t channels, const Normalization* planes,
                     QuantParams quant, uint8_t* dst) {
  uint8_t tile[kTile][kTile];  // [channel][pixel]
  for (int64_t i = 0; i < n; i += kTile) {
    const int64_t pixels = std::min(kTile, n - i);
    for (int64_t c = 0; c < channels; c += kTile) {
      const int64_t depth = std::min(kTile, channels - c);
      for (int64_t k = 0; k < depth; ++k) kRow(src + (c + k) * plane + i, pixels, planes[c + k], quant, tile[k]);
      transpose_block(&tile[0][0], kTile, depth, pixels, dst + i * channels + c, channels);
    }
  }
}

// One for each plane; with the channels last, one for all of a row.
std::vector<Normalization> normalizations(const QuantizeImageParams& params) {
  std::vector<Normalization> result;
  for (size_t c = 0; c < params.scale.size(); ++c) {
    result.push_back(uniform_normalization(params.scale[c], params.shift[c]));
  }
  if (!params.channels_last || result.empty()) return result;
  for (size_t i = 0; i < Normalization::kPeriod; ++i) {
    result[0].scale[i] = params.scale[i % params.scale.size()];
    result[0].shift[i] = params.shift[i % params.shift.size()];
  }
  return result;
}

bool supports_all(const Problem<QuantizeImageParams>& problem) {
  return is_supported(problem.params);
}

template <QuantizeRow kRow, QuantizeThreePlanes kThreePlanes>
Result<Kernel> prepare(const Problem<QuantizeImageParams>& problem) {
  const Shape& src = problem.inputs[0].shape;
  if (problem.outputs[0].shape.element_count() <= 0) return Kernel([](const Buffers&) {});
  const bool channels_last = problem.params.channels_last;
  const QuantParams quant = problem.outputs[0].quant();
  PaddedRows layout{.images = src[0],
                    .height = src[channels_last ? 1 : 2],
                    .width = src[channels_last ? 2 : 3],
                    .channels = src[channels_last ? 3 : 1],
                    .pads = problem.params.pads,
                    .border = {}};
  for (const float shift : problem.params.shift) layout.border.push_back(quantize_u8(shift, quant));
  return Kernel([layout = std::move(layout), planes = normalizations(problem.params), channels_last, quant,
                 threads = problem.threads](const Buffers& buffers) {
    const auto* images = static_cast<const float*>(buffers.src[0]);
    const int64_t width = layout.width;
    const int64_t channels = layout.channels;
    const int64_t plane = layout.height * width;
    write_padded_rows(layout, threads, static_cast<uint8_t*>(buffers.dst[0]), [&](int64_t n, int64_t y, uint8_t* to) {
      const float* image = images + n * channels * plane;
      if (channels_last) {
        kRow(image + y * width * channels, width * channels, planes[0], quant, to);
      } else if (channels == 3) {
        kThreePlanes(image + y * width, plane, width, planes.data(), quant, to);
      } else {
        quantize_planes<kRow>(image + y * width, plane, width, channels, planes.data(), quant, to);
      }
    });
  });
}

constexpr KernelRow<QuantizeImageParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512", Isa::kAvx512, supports_all, prepare<quantize_row_avx512, quantize_three_planes_avx512>},
    {"avx2", Isa::kAvx2, supports_all, prepare<quantize_row_avx2, quantize_three_planes_avx2>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<quantize_row_reference, quantize_three_planes_reference>},
};

}  // namespace

bool is_supported(const QuantizeImageParams& params) {
  if (!params.channels_last || params.scale.empty() || Normalization::kPeriod % params.scale.size() == 0) return true;
  const auto is_uniform = [](const std::vector<float>& all) {
    return std::all_of(all.begin(), all.end(), [&](float v) { return v == all[0]; });
  };
  return is_uniform(params.scale) && is_uniform(params.shift);
}

std::span<const KernelRow<QuantizeImageParams>> kernel_table(const QuantizeImageParams&) {
  return kTable;
}

Result<Kernel> prepare_quantize_image(const QuantizeImageParams& params, const Shape& src, QuantParams quant,
                                      int threads) {
  const ImagePads& pads = params.pads;
  const int y = params.channels_last ? 1 : 2;
  const TensorDesc from{.type = DataType::kF32, .shape = src};
  const TensorDesc to{.type = DataType::kU8,
                      .shape = {src[0], pads[0] + src[y] + pads[2], pads[1] + src[y + 1] + pads[3],
                                src[params.channels_last ? 3 : 1]},
                      .scales = {&quant.scale, 1},
                      .zero_points = {&quant.zero_point, 1}};
  OCTET_TRY(SelectedKernel selected,
            select_kernel<QuantizeImageParams>(kTable, {params, {&from, 1}, {&to, 1}, threads}));
  return std::move(selected.kernel);
}

}  // namespace octet
