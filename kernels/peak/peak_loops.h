// The loops that measure_peak times, one set per ISA.
#pragma once

#include <cstdint>

namespace octet {

// Each does `rounds` rounds of a fixed number of multiply-accumulates, which its kOperations constant counts as two
// operations each. Accumulators are many enough to hide the latency of the instruction, few enough for the registers.
inline constexpr int kPeakAccumulators = 12;

inline constexpr int64_t kPeakInt8Avx512VnniOperations = int64_t{2} * 64 * kPeakAccumulators;
inline constexpr int64_t kPeakInt8Avx512Operations = int64_t{2} * 32 * kPeakAccumulators;
inline constexpr int64_t kPeakF32Avx512Operations = int64_t{2} * 16 * kPeakAccumulators;
inline constexpr int64_t kPeakInt8Avx2Operations = int64_t{2} * 16 * kPeakAccumulators;
inline constexpr int64_t kPeakF32Avx2Operations = int64_t{2} * 8 * kPeakAccumulators;

void peak_int8_avx512vnni(int64_t rounds);
void peak_int8_avx512(int64_t rounds);
void peak_f32_avx512(int64_t rounds);
void peak_int8_avx2(int64_t rounds);
void peak_f32_avx2(int64_t rounds);

}  // namespace octet
