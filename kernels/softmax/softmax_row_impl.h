// The body of every softmax_row_<isa>: plain loops over 16 lanes, which the compiler turns into that ISA's vectors.
#pragma once

#include <cstdint>

#include "kernels/elementary.h"

namespace octet {

inline constexpr int64_t kSoftmaxLanes = 16;

OCTET_INLINE float max_of(float a, float b) {
  return b > a ? b : a;  // passes over NaN in b; a NaN in src gets into the sum anyhow
}
OCTET_INLINE float sum_of(float a, float b) {
  return a + b;
}

template <float (*kCombine)(float, float)>
OCTET_INLINE float combine_lanes(float* lanes) {
  for (int64_t width = kSoftmaxLanes / 2; width > 0; width /= 2) {
    for (int64_t j = 0; j < width; ++j) lanes[j] = kCombine(lanes[j], lanes[j + width]);
  }
  return lanes[0];
}

OCTET_INLINE float keep_exp(float x, bool log, float* dst) {
  const float e = exp_f32(x);
  if (!log) *dst = e;
  return e;
}

OCTET_INLINE void softmax_row_impl(const float* src, int64_t n, int64_t stride, bool log, float* dst) {
  float max_lanes[kSoftmaxLanes];
  float sum_lanes[kSoftmaxLanes];
  for (int64_t j = 0; j < kSoftmaxLanes; ++j) {
    max_lanes[j] = -kInfinity;
    sum_lanes[j] = 0.0F;
  }
  const int64_t whole = n / kSoftmaxLanes * kSoftmaxLanes;
  for (int64_t i = 0; i < whole; i += kSoftmaxLanes) {
    for (int64_t j = 0; j < kSoftmaxLanes; ++j) max_lanes[j] = max_of(max_lanes[j], src[(i + j) * stride]);
  }
  for (int64_t j = 0; j < n - whole; ++j) max_lanes[j] = max_of(max_lanes[j], src[(whole + j) * stride]);
  const float max = combine_lanes<max_of>(max_lanes);

  for (int64_t i = 0; i < whole; i += kSoftmaxLanes) {
    for (int64_t j = 0; j < kSoftmaxLanes; ++j) {
      sum_lanes[j] += keep_exp(src[(i + j) * stride] - max, log, dst + (i + j) * stride);
    }
  }
  for (int64_t j = 0; j < n - whole; ++j) {
    sum_lanes[j] += keep_exp(src[(whole + j) * stride] - max, log, dst + (whole + j) * stride);
  }
  const float sum = combine_lanes<sum_of>(sum_lanes);

  if (log) {
    const float log_sum = log_f32(sum);
    for (int64_t i = 0; i < n; ++i) dst[i * stride] = src[i * stride] - max - log_sum;
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * stride] = dst[i * stride] / sum;
  }
}

}  // namespace octet
