// Functions of one u8 element as tables of their 256 results.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/quantization.h"

namespace octet {

using LookupU8 = std::array<uint8_t, 256>;

// table[q] = quantize_u8(f(dequantize(q, src)), dst)
template <class F>
LookupU8 make_lookup(QuantParams src, QuantParams dst, const F& f) {
  LookupU8 table{};
  for (int q = 0; q < 256; ++q) table[q] = quantize_u8(f(dequantize(q, src)), dst);
  return table;
}

inline void apply_lookup(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst) {
  for (int64_t i = 0; i < n; ++i) dst[i] = table[src[i]];
}

// Tables are plain addresses here: files for one ISA call none of std's functions.
using LookupRow = void (*)(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst);
void apply_lookup_avx2(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst);
void apply_lookup_avx512(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst);
void apply_lookup_avx512vbmi(const uint8_t* table, const uint8_t* src, int64_t n, uint8_t* dst);

// dst[3*i + c] = tables[256*c + src[3*i + c]] for `pixels` pixels
void apply_three_lookups_avx512vbmi(const uint8_t* tables, const uint8_t* src, int64_t pixels, uint8_t* dst);

}  // namespace octet
