// What this machine's arithmetic units can do at most: the rates that "share of peak" is a share of.
#pragma once

namespace octet {

// Operations a second in units of 10^9, over all threads together; a multiply-accumulate counts as two.
struct PeakRates {
  double int8_gops = 0;
  double f32_gops = 0;
  const char* int8_instruction = "";  // what was timed: "vpdpbusd", ...
  const char* f32_instruction = "";
};

// Times loops of multiply-accumulates that never leave the registers, for the highest instruction set that octet's
// kernels may use, on `threads` (>= 1) threads at once; takes some 20 ms. A convolution that skips padded taps may
// exceed it, for those count as work; nothing else can. Where a CPU has no products of u8 and s8 with exact 32-bit
// sums, the int8 rate is that of 16-bit products, which exact kernels use there.
PeakRates measure_peak(int threads);

}  // namespace octet
