#include "octet/peak.h"

#include <algorithm>
#include <chrono>
#include <span>

#include "kernels/cpu_features.h"
#include "kernels/peak/peak_loops.h"

namespace octet {
namespace {

struct PeakLoop {
  Isa isa;
  const char* instruction;
  int64_t operations;  // a round
  void (*run)(int64_t rounds);
};

// Plain code, as the compiler turns it into whatever every CPU of this architecture has.
constexpr int kPlainWidth = 256;

void peak_int8_any(int64_t rounds) {
  static int16_t a[kPlainWidth] = {1}, b[kPlainWidth] = {1};
  for (int64_t i = 0; i < rounds; ++i) {
    int32_t sum = 0;
    for (int k = 0; k < kPlainWidth; ++k) sum += a[k] * b[k];
    __asm__ volatile("" : : "r"(sum) : "memory");  // used, and the operands may have changed
  }
}

void peak_f32_any(int64_t rounds) {
  float sums[kPlainWidth / 8] = {};
  for (int64_t i = 0; i < rounds; ++i) {
    for (int repeat = 0; repeat < 8; ++repeat) {
      for (float& sum : sums) sum = sum * 0.5F + 0.5F;
    }
    __asm__ volatile("" : : "r"(sums) : "memory");
  }
}

constexpr PeakLoop kInt8Loops[] = {
#if defined(__x86_64__)
    {Isa::kAvx512Vnni, "vpdpbusd zmm", kPeakInt8Avx512VnniOperations, peak_int8_avx512vnni},
    {Isa::kAvx512, "vpmaddwd zmm", kPeakInt8Avx512Operations, peak_int8_avx512},
    {Isa::kAvx2, "vpmaddwd ymm", kPeakInt8Avx2Operations, peak_int8_avx2},
#endif
    {Isa::kAny, "plain code", int64_t{2} * kPlainWidth, peak_int8_any},
};

constexpr PeakLoop kF32Loops[] = {
#if defined(__x86_64__)
    {Isa::kAvx512, "vfmadd zmm", kPeakF32Avx512Operations, peak_f32_avx512},
    {Isa::kAvx2, "vfmadd ymm", kPeakF32Avx2Operations, peak_f32_avx2},
#endif
    {Isa::kAny, "plain code", int64_t{2} * kPlainWidth, peak_f32_any},
};

// Seconds for `rounds` on each of `threads` threads.
double time_once(const PeakLoop& loop, int threads, int64_t rounds) {
  const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int i = 0; i < threads; ++i) loop.run(rounds);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double measure(const PeakLoop& loop, int threads) {
  constexpr double kSeconds = 2e-3;
  int64_t rounds = 1024;
  while (time_once(loop, threads, rounds) < kSeconds / 2) rounds *= 2;  // also brings the clock up
  double best = 1e30;
  for (int i = 0; i < 5; ++i) best = std::min(best, time_once(loop, threads, rounds));
  return 1e-9 * static_cast<double>(loop.operations * rounds * threads) / best;
}

const PeakLoop& first_available(std::span<const PeakLoop> loops) {
  return *std::find_if(loops.begin(), loops.end(), [](const PeakLoop& loop) { return is_available(loop.isa); });
}

}  // namespace

PeakRates measure_peak(int threads) {
  const PeakLoop& int8 = first_available(kInt8Loops);
  const PeakLoop& f32 = first_available(kF32Loops);
  return {measure(int8, threads), measure(f32, threads), int8.instruction, f32.instruction};
}

}  // namespace octet
