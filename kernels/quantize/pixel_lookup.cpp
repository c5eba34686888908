#include "kernels/quantize/pixel_lookup.h"

#include "kernels/quantization.h"

namespace octet {
namespace {

// `count` pixels of tables.size() bytes each.
using PixelRow = void (*)(std::span<const LookupU8> tables, const uint8_t* src, int64_t count, uint8_t* dst);

void pixels_reference(std::span<const LookupU8> tables, const uint8_t* src, int64_t count, uint8_t* dst) {
  for (int64_t i = 0; i < count; ++i) {
    for (const LookupU8& table : tables) *dst++ = table[*src++];
  }
}

template <PixelRow kRow>
Result<Kernel> prepare(const Problem<PixelLookupParams>& problem) {
  const Shape& src = problem.inputs[0].shape;
  const PaddedRows layout{.images = src[0],
                          .height = src[1],
                          .width = src[2],
                          .channels = src[3],
                          .pads = problem.params.pads,
                          .border = problem.params.border};
  return Kernel([tables = problem.params.tables, layout, threads = problem.threads](const Buffers& buffers) {
    const auto* pixels = static_cast<const uint8_t*>(buffers.src[0]);
    const int64_t row_bytes = layout.width * layout.channels;
    write_padded_rows(layout, threads, static_cast<uint8_t*>(buffers.dst[0]), [&](int64_t n, int64_t y, uint8_t* to) {
      kRow(tables, pixels + (n * layout.height + y) * row_bytes, layout.width, to);
    });
  });
}

bool supports_all(const Problem<PixelLookupParams>&) {
  return true;
}

#if defined(__x86_64__)
void pixels_avx512vbmi(std::span<const LookupU8> tables, const uint8_t* src, int64_t count, uint8_t* dst) {
  if (tables.size() == 1) {
    apply_lookup_avx512vbmi(tables[0].data(), src, count, dst);
  } else {
    static_assert(sizeof(LookupU8) == 256);
    apply_three_lookups_avx512vbmi(tables[0].data(), src, count, dst);
  }
}

bool supports_images(const Problem<PixelLookupParams>& problem) {
  return problem.params.tables.size() == 1 || problem.params.tables.size() == 3;
}
#endif

constexpr KernelRow<PixelLookupParams> kTable[] = {
#if defined(__x86_64__)
    {"avx512vbmi", Isa::kAvx512Vbmi, supports_images, prepare<pixels_avx512vbmi>},
#endif
    {"reference", Isa::kAny, supports_all, prepare<pixels_reference>},
};

}  // namespace

std::span<const KernelRow<PixelLookupParams>> kernel_table(const PixelLookupParams&) {
  return kTable;
}

LookupU8 make_pixel_table(std::span<const float, 256> values, float scale, float shift, QuantParams quant) {
  LookupU8 table{};
  for (size_t p = 0; p < table.size(); ++p) table[p] = quantize_u8(values[p] * scale + shift, quant);
  return table;
}

}  // namespace octet
