// What the rows of pool2d's table share: the window of one problem.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/pool2d/pool2d.h"

namespace octet {

// The window along one axis. A global pool is one window of the size of the image.
struct PoolAxis {
  int64_t size, kernel, stride, dilation, pad_before, pad_after;

  // axis 0: height, 1: width
  PoolAxis(const Pool2dParams& params, const Shape& src, size_t axis)
      : size(src[static_cast<int>(axis) + 1]), kernel(size), stride(1), dilation(1), pad_before(0), pad_after(0) {
    if (params.global) return;
    kernel = params.kernel[axis];
    stride = params.strides[axis];
    dilation = params.dilations[axis];
    pad_before = params.pads[axis];
    pad_after = params.pads[axis + 2];
  }

  // The taps [begin, end) of the window of `output` that lie in [low, high), in coordinates of src.
  struct Taps {
    int64_t begin, end;
    int64_t count() const { return end - begin; }
  };
  Taps taps_in(int64_t output, int64_t low, int64_t high) const {
    const int64_t start = output * stride - pad_before;
    const auto first_at_or_after = [&](int64_t bound) {
      return std::clamp<int64_t>((bound - start + dilation - 1) / dilation, 0, kernel);
    };
    const int64_t begin = bound_is_before(low, start) ? 0 : first_at_or_after(low);
    const int64_t end = bound_is_before(high, start) ? 0 : first_at_or_after(high);
    return {begin, std::max(begin, end)};
  }
  Taps taps_inside(int64_t output) const { return taps_in(output, 0, size); }
  Taps taps_with_pads(int64_t output) const { return taps_in(output, -pad_before, size + pad_after); }
  int64_t position(int64_t output, int64_t tap) const { return output * stride - pad_before + tap * dilation; }

 private:
  static bool bound_is_before(int64_t bound, int64_t start) { return bound <= start; }
};

// The rows of the table. What they prepare keeps no reference to the problem or its descs.
bool direct_u8_supports(const Problem<Pool2dParams>& problem);
Result<Kernel> prepare_direct_u8_avx2(const Problem<Pool2dParams>& problem);
Result<Kernel> prepare_direct_u8_avx512(const Problem<Pool2dParams>& problem);
bool onednn_supports(const Problem<Pool2dParams>& problem);
Result<Kernel> prepare_onednn(const Problem<Pool2dParams>& problem);
Result<Kernel> prepare_reference(const Problem<Pool2dParams>& problem);

}  // namespace octet
