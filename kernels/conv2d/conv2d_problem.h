// What the rows of conv2d's table share: the sizes and the numbers of one problem.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/checks.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/quantization.h"

namespace octet {

// The sizes of one problem under short names; taken from checked, concrete shapes.
struct Conv2dSizes {
  int64_t n, h, w, c;      // src
  int64_t oh, ow, o;       // dst
  int64_t kh, kw, c_of_g;  // weights; c_of_g input channels per group
  int64_t groups, o_of_g;  // o_of_g output channels per group

  explicit Conv2dSizes(const Problem<Conv2dParams>& problem) {
    const Shape& src = problem.inputs[kConvSrc].shape;
    const Shape& weights = problem.inputs[kConvWeights].shape;
    const Shape& dst = problem.outputs[0].shape;
    n = src[0], h = src[1], w = src[2], c = src[3];
    oh = dst[1], ow = dst[2], o = dst[3];
    kh = weights[1], kw = weights[2], c_of_g = weights[3];
    groups = problem.params.groups, o_of_g = o / groups;
  }
  int64_t taps() const { return kh * kw * c_of_g; }
  bool is_depthwise() const { return c_of_g == 1 && o_of_g == 1; }
};

// src_scale * weights_scale / dst_scale, one per scale of the weights; an f32 dst counts as scale 1.
std::vector<float> conv2d_multipliers(Descs inputs, const TensorDesc& dst);

// Whether weights are asymmetric, as only imported ones are. Rows refuse them that know of no zero points.
inline bool has_weight_zero_points(Descs inputs) {
  const auto points = inputs[kConvWeights].zero_points;
  return std::any_of(points.begin(), points.end(), [](int32_t point) { return point != 0; });
}

// The zero point of output channel o; q less it is in [-255, 255].
inline int32_t weight_zero_point(const TensorDesc& weights, int64_t o) {
  if (weights.zero_points.empty()) return 0;
  return weights.zero_points[weights.zero_points.size() == 1 ? 0 : static_cast<size_t>(o)];
}

// The rest of the arithmetic for a u8 dst. Clamps that saturation does anyway are left out.
Requantization conv2d_requantization(const Conv2dParams& params, Descs inputs, const TensorDesc& dst);

// check_types of a convolution under the name of the op that becomes one.
Status check_conv2d_types(const char* op, Descs inputs, Descs outputs);

// The rows of the table. What they prepare keeps addresses of constants, but no reference to the problem or its descs.
#if defined(__x86_64__)
inline constexpr size_t kConv2dRowCount = 12;
bool depthwise_avx512vnni_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_depthwise_avx512vnni(const Problem<Conv2dParams>& problem);
bool depthwise_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_depthwise_avx512(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_depthwise_avx2(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_depthwise_sse41(const Problem<Conv2dParams>& problem);
bool dense_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_dense_avx512vnni(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_dense_avx512(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_dense_avx2(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_dense_sse41(const Problem<Conv2dParams>& problem);
#else
inline constexpr size_t kConv2dRowCount = 4;
#endif
bool onednn_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_onednn(const Problem<Conv2dParams>& problem);
bool widened_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_widened(const Problem<Conv2dParams>& problem);
bool split_weights_supports(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_split_weights(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_reference(const Problem<Conv2dParams>& problem);

// A problem of bf16 by what `prepare` makes of the same one in f32.
using PrepareConv2d = Result<Kernel> (*)(const Problem<Conv2dParams>& problem);
Result<Kernel> prepare_widened_by(PrepareConv2d prepare, const Problem<Conv2dParams>& problem);

}  // namespace octet
