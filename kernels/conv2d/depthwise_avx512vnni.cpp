// Only plain functions on pointers here, nothing that could be shared with code for other CPUs.
#include <immintrin.h>

#include "kernels/always_inline.h"
#include "kernels/conv2d/depthwise_vnni.h"

namespace octet {
namespace {

constexpr int kQuads = kVnniQuads, kBytes = kVnniBytes, kMaxSegments = kVnniMaxSegments;

using Block = DepthwiseVnniBlock;
using Numbers = DepthwiseVnniNumbers;
using Sums = __m512i[kQuads];

OCTET_INLINE int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

OCTET_INLINE int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : smaller(x, high);
}

// Addresses of column 0 of the window's rows, for each segment; rows beyond the image are the zero row.
template <int kSegments, int kRows>
struct Rows {
  const uint8_t* at[kRows][kSegments];
};

// The interleaved rows of one column: quads of rows 0-3, then of rows 4-7.
template <int kRows>
struct Column {
  __m512i quad[(kRows + 3) / 4][kQuads];
};

// A vector of kSegments rows of kBytes / kSegments bytes; of each, `mask` tells the bytes that are channels unless all
// are (kFull).
template <int kSegments, bool kFull>
OCTET_INLINE __m512i load_segments(const uint8_t* const (&at)[kSegments], int64_t offset, __mmask64 mask) {
  constexpr int kWidth = kBytes / kSegments;
  if constexpr (!kFull) {
    __m512i v = _mm512_maskz_loadu_epi8(mask, at[0] + offset);
#pragma GCC unroll 4
    for (int s = 1; s < kSegments; ++s) {
      v = _mm512_mask_loadu_epi8(v, mask << (s * kWidth), at[s] + offset - s * kWidth);
    }
    return v;
  } else if constexpr (kSegments == 1) {
    return _mm512_loadu_si512(at[0] + offset);
  } else if constexpr (kSegments == 2) {
    const auto load = [&](int s) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at[s] + offset)); };
    return _mm512_inserti64x4(_mm512_castsi256_si512(load(0)), load(1), 1);
  } else {
    const auto load = [&](int s) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[s] + offset)); };
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load(0)), load(1), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load(2)), load(3), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
}

template <int kSegments, bool kFull>
OCTET_INLINE void store_segments(uint8_t* const (&at)[kSegments], int64_t offset, __mmask64 mask, __m512i v) {
  constexpr int kWidth = kBytes / kSegments;
  if constexpr (!kFull) {
#pragma GCC unroll 4
    for (int s = 0; s < kSegments; ++s) {
      _mm512_mask_storeu_epi8(at[s] + offset - s * kWidth, mask << (s * kWidth), v);
    }
  } else if constexpr (kSegments == 1) {
    _mm512_storeu_si512(at[0] + offset, v);
  } else if constexpr (kSegments == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at[0] + offset), _mm512_castsi512_si256(v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at[1] + offset), _mm512_extracti64x4_epi64(v, 1));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[0] + offset), _mm512_castsi512_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[1] + offset), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[2] + offset), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at[3] + offset), _mm512_extracti32x4_epi32(v, 3));
  }
}

template <int kSegments, int kRows, bool kFull>
OCTET_INLINE Column<kRows> load_column(const Rows<kSegments, kRows>& rows, int64_t offset, __mmask64 mask) {
  __m512i r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) r[i] = load_segments<kSegments, kFull>(rows.at[i], offset, mask);
  Column<kRows> column;
#pragma GCC unroll 2
  for (int g = 0; g < (kRows + 3) / 4; ++g) {
    const __m512i low01 = _mm512_unpacklo_epi8(r[4 * g], r[4 * g + 1]);
    const __m512i high01 = _mm512_unpackhi_epi8(r[4 * g], r[4 * g + 1]);
    const __m512i low23 = _mm512_unpacklo_epi8(r[4 * g + 2], r[4 * g + 3]);
    const __m512i high23 = _mm512_unpackhi_epi8(r[4 * g + 2], r[4 * g + 3]);
    column.quad[g][0] = _mm512_unpacklo_epi16(low01, low23);
    column.quad[g][1] = _mm512_unpackhi_epi16(low01, low23);
    column.quad[g][2] = _mm512_unpacklo_epi16(high01, high23);
    column.quad[g][3] = _mm512_unpackhi_epi16(high01, high23);
  }
  return column;
}

// The bytes of one pixel of dst from its sums, in the order of the channels.
template <bool kSimple>
OCTET_INLINE __m512i requantize(const Sums& sums, const Block& block, const Requantization& r) {
  __m512i rounded[kQuads];
#pragma GCC unroll 4
  for (int q = 0; q < kQuads; ++q) {
    const __m512 multiplier = _mm512_load_ps(block.multiplier + q * 16);
    __m512 scaled = _mm512_cvtepi32_ps(sums[q]);
    if constexpr (!kSimple) scaled = _mm512_add_ps(scaled, _mm512_load_ps(block.bias + q * 16));
    scaled = _mm512_mul_ps(scaled, multiplier);
    if constexpr (!kSimple) {
      scaled = _mm512_min_ps(_mm512_max_ps(scaled, _mm512_set1_ps(r.clamp_min)), _mm512_set1_ps(r.clamp_max));
      // The two packs saturate at both ends, but above 2^31 conversion fails.
      scaled = _mm512_min_ps(scaled, _mm512_set1_ps(255.0F));
    }
    rounded[q] = _mm512_cvtps_epi32(scaled);
    if constexpr (!kSimple) rounded[q] = _mm512_add_epi32(rounded[q], _mm512_set1_epi32(r.dst_zero_point));
  }
  return _mm512_packus_epi16(_mm512_packs_epi32(rounded[0], rounded[1]), _mm512_packs_epi32(rounded[2], rounded[3]));
}

// kSegments rows of dst, of one block of channels.
template <int kSegments, int kRows, int kColumns, int kStride, bool kFull, bool kSimple>
void run_rows(const Numbers& numbers, const Block& block, const Rows<kSegments, kRows>& rows,
              uint8_t* const (&dst)[kSegments]) {
  constexpr int kWaiting = (kColumns + kStride - 1) / kStride;  // outputs that a column belongs to
  constexpr int kGroups = (kRows + 3) / 4;
  const __mmask64 mask = block.mask;
  const int64_t channels = numbers.channels;
  const uint8_t* pad = numbers.zero_row;
  Rows<kSegments, kRows> pads;
  for (int s = 0; s < kSegments; ++s) {
    for (int i = 0; i < kRows; ++i) pads.at[i][s] = pad;
  }
  // The taps of small windows stay in registers: reading them for each pixel would take longer than the sums.
  constexpr bool kTapsInRegisters = kColumns * kGroups <= 3;
  __m512i held[kTapsInRegisters ? kColumns * kQuads : 1];
  if constexpr (kTapsInRegisters) {
#pragma GCC unroll 16
    for (int i = 0; i < kColumns * kQuads; ++i) {
      held[i] = _mm512_load_si512(block.taps + (i / kQuads * 2 * kQuads + i % kQuads) * kBytes);
    }
  }
  Sums sums[kWaiting];
  const auto start = [&](Sums & sum) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; ++q) sum[q] = _mm512_load_si512(block.start + q * 16);
  };
  const auto add = [&](const Column<kRows>& column, int tap, Sums& sum) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) {
        const int8_t* at = block.taps + ((tap * 2 + g) * kQuads + q) * kBytes;
        const __m512i taps = kTapsInRegisters ? held[tap * kQuads + q] : _mm512_load_si512(at);
        sum[q] = _mm512_dpbusd_epi32(sum[q], column.quad[g][q], taps);
      }
    }
  };
  const auto checked_column = [&](int64_t x) __attribute__((always_inline)) {
    return x >= 0 && x < numbers.w ? load_column<kSegments, kRows, kFull>(rows, x * channels, mask)
                                   : load_column<kSegments, kRows, kFull>(pads, 0, mask);
  };
  const auto store = [&](int64_t x, Sums & sum) __attribute__((always_inline)) {
    const __m512i bytes = requantize<kSimple>(sum, block, numbers.requantization);
    store_segments<kSegments, kFull>(dst, x * channels, mask, bytes);
    start(sum);
  };
  // One output: adds the kStride columns that are new to it to all outputs that wait for them. Its own sum is
  // sums[phase]; the sums of the next ones follow, around the end.
  const auto step = [&](int64_t x, int phase, auto column_at) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int t = 0; t < kStride; ++t) {
      const Column<kRows> column = column_at(x * kStride + kColumns - kStride + t - numbers.left);
#pragma GCC unroll 8
      for (int a = 0; a < kWaiting; ++a) {
        const int tap = kColumns - kStride + t - a * kStride;
        if (tap >= 0) add(column, tap, sums[(phase + a) % kWaiting]);
      }
    }
    store(x, sums[phase]);
  };

#pragma GCC unroll 8
  for (int a = 0; a < kWaiting; ++a) start(sums[a]);
#pragma GCC unroll 8
  for (int c = 0; c < kColumns - kStride; ++c) {
    const Column<kRows> column = checked_column(c - numbers.left);
#pragma GCC unroll 8
    for (int a = 0; a < kWaiting; ++a) {
      if (c - a * kStride >= 0) add(column, c - a * kStride, sums[a]);
    }
  }
  // Outputs [inner, inner_end) see new columns inside the image only.
  const int64_t inner = clamp((numbers.left - kColumns + 2 * kStride - 1) / kStride, 0, numbers.ow);
  const int64_t inner_end = clamp((numbers.w + numbers.left - kColumns + kStride) / kStride, inner, numbers.ow);
  const auto inner_column = [&](int64_t x) __attribute__((always_inline)) {
    return load_column<kSegments, kRows, kFull>(rows, x * channels, mask);
  };
  // The sums take turns, so that none of them moves.
  const auto turn = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int a = 0; a + 1 < kWaiting; ++a) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; ++q) {
        const __m512i sum = sums[a][q];
        sums[a][q] = sums[a + 1][q];
        sums[a + 1][q] = sum;
      }
    }
  };
  for (int64_t x = 0; x < inner; ++x, turn()) step(x, 0, checked_column);
  int64_t x = inner;
  for (; x + kWaiting <= inner_end; x += kWaiting) {
#pragma GCC unroll 8
    for (int phase = 0; phase < kWaiting; ++phase) step(x + phase, phase, inner_column);
  }
  for (; x < numbers.ow; ++x, turn()) step(x, 0, checked_column);
}

// Rows [begin, end) of dst, counted through all images, of one block: at most kMaxSegments of them.
template <int kSegments, int kRows, int kColumns, int kStride>
void run_block(const Numbers& numbers, const Block& block, const uint8_t* src, uint8_t* dst, int64_t begin,
               int64_t end) {
  const int64_t row_bytes = numbers.w * numbers.channels;
  for (int64_t first = begin; first < end; first += kSegments) {
    Rows<kSegments, kRows> rows;
    uint8_t* out[kSegments];
    for (int s = 0; s < kSegments; ++s) {
      const int64_t row = smaller(first + s, end - 1);  // what there is too much makes the last row again
      const uint8_t* image = src + row / numbers.oh * numbers.h * row_bytes;
      for (int i = 0; i < kRows; ++i) {
        const int64_t y = row % numbers.oh * numbers.stride_h - numbers.top + i * numbers.dilation_h;
        const bool inside = i < numbers.kh && y >= 0 && y < numbers.h;
        rows.at[i][s] = inside ? image + y * row_bytes + block.channel : numbers.zero_row;
      }
      out[s] = dst + row * numbers.ow * numbers.channels + block.channel;
    }
    const bool full = block.mask == (~uint64_t{0} >> (kBytes - kBytes / kSegments));
    if (numbers.is_simple) {
      full ? run_rows<kSegments, kRows, kColumns, kStride, true, true>(numbers, block, rows, out)
           : run_rows<kSegments, kRows, kColumns, kStride, false, true>(numbers, block, rows, out);
    } else {
      run_rows<kSegments, kRows, kColumns, kStride, false, false>(numbers, block, rows, out);
    }
  }
}

template <int kRows, int kColumns, int kStride>
void run(const Numbers& numbers, const uint8_t* src, uint8_t* dst, int64_t begin, int64_t end) {
  for (int64_t first = begin; first < end; first += kMaxSegments) {
    const int64_t last = smaller(first + kMaxSegments, end);
    // Row by row, so that the rows of src that the next row of dst reads again are still in the first cache.
    for (int64_t row = first; row < last; ++row) {
      for (int64_t i = 0; i < numbers.full_blocks; ++i) {
        run_block<1, kRows, kColumns, kStride>(numbers, numbers.blocks[i], src, dst, row, row + 1);
      }
    }
    if (numbers.rest == nullptr) continue;
    if (numbers.rest->segments == 2) {
      run_block<2, kRows, kColumns, kStride>(numbers, *numbers.rest, src, dst, first, last);
    } else {
      run_block<4, kRows, kColumns, kStride>(numbers, *numbers.rest, src, dst, first, last);
    }
  }
}

}  // namespace

const DepthwiseVnniRows kDepthwiseVnni[2][2] = {{run<3, 3, 1>, run<3, 3, 2>}, {run<5, 5, 1>, run<5, 5, 2>}};

}  // namespace octet
