// The inner loop of softmax, compiled once per ISA: always the same operations in the same order.
#pragma once

#include <cstdint>

namespace octet {

// dst[i * stride] = softmax, or its logarithm, of src[i * stride], i in [0, n), n >= 1; src == dst is allowed.
//
// Element i belongs to lane i % 16. Maximum and sum are taken per lane, in the order of i; lane j then takes in lane
// j + 8, then j + 4, j + 2 and j + 1.
using SoftmaxRow = void (*)(const float* src, int64_t n, int64_t stride, bool log, float* dst);

void softmax_row_reference(const float* src, int64_t n, int64_t stride, bool log, float* dst);
// stride == 1
void softmax_row_avx2(const float* src, int64_t n, int64_t stride, bool log, float* dst);
void softmax_row_avx512(const float* src, int64_t n, int64_t stride, bool log, float* dst);

}  // namespace octet
