#include "kernels/quantize/pixel_lookup.h"

#include "kernels/parallel.h"

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
  const auto channels = static_cast<int64_t>(problem.params.tables.size());
  const int64_t count = problem.inputs[0].shape.element_count() / channels;
  return Kernel([tables = problem.params.tables, channels, count, threads = problem.threads](const Buffers& buffers) {
    const auto* src = static_cast<const uint8_t*>(buffers.src[0]);
    auto* dst = static_cast<uint8_t*>(buffers.dst[0]);
    parallel_for(threads, count, kElementsPerThread / channels + 1, 64, [&](int64_t begin, int64_t end) {
      kRow(tables, src + begin * channels, end - begin, dst + begin * channels);
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

LookupU8 make_pixel_table(std::span<const float, 256> values, QuantParams quant) {
  LookupU8 table{};
  for (size_t p = 0; p < table.size(); ++p) table[p] = quantize_u8(values[p], quant);
  return table;
}

}  // namespace octet
