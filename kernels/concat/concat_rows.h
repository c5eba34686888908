// The inner loops of concat: one input's rows to their places in dst, one set per ISA.
#pragma once

#include <cstdint>

#include "kernels/lookup.h"

namespace octet {

// `rows` rows of n > 0 bytes, dense in src, `pitch` bytes apart in dst.
using CopyRows = void (*)(const uint8_t* src, int64_t rows, int64_t n, int64_t pitch, uint8_t* dst);
void copy_rows_avx512(const uint8_t* src, int64_t rows, int64_t n, int64_t pitch, uint8_t* dst);

// The same, every byte through a table.
using LookupRows = void (*)(const uint8_t* table, const uint8_t* src, int64_t rows, int64_t n, int64_t pitch,
                            uint8_t* dst);
void lookup_rows_avx512vbmi(const uint8_t* table, const uint8_t* src, int64_t rows, int64_t n, int64_t pitch,
                            uint8_t* dst);

}  // namespace octet
