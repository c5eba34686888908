// Max and average pooling over a window or over the whole image.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class PoolKind : int64_t { kMax = 0, kAverage = 1 };

// A window without a tap inside src gives the real value 0.
//
// max:      dst = max over the taps of the window that lie inside src
// average:  dst = sum over those taps / count; count is the number of those taps, or with count_include_pad the number
// of
//           taps inside src and its pads. u8: saturate_u8(round_half_even(f32(sum - taps*src_zp) * (src_scale /
//           (dst_scale * count))) + dst_zp), sums in s32, the factor computed in double and rounded to f32 once per
//           count.
//
// inputs   src  [N, H, W, C]    f32 or u8 per tensor
// outputs  dst  [N, OH, OW, C]  the type of src; max wants the quantization of src; average of u8 may also give f32
struct Pool2dParams {
  static constexpr const char* kName = "pool2d";

  PoolKind kind = PoolKind::kMax;
  bool global = false;                     // the window is the image; kernel, strides, dilations and pads are ignored
  std::array<int64_t, 2> kernel{1, 1};     // height, width; >= 1
  std::array<int64_t, 2> strides{1, 1};    // >= 1
  std::array<int64_t, 2> dilations{1, 1};  // >= 1
  std::array<int64_t, 4> pads{};           // top, left, bottom, right; smaller than the window
  bool ceil_mode = false;
  bool count_include_pad = false;

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("global", self.global);
    visit("kernel", self.kernel);
    visit("strides", self.strides);
    visit("dilations", self.dilations);
    visit("pads", self.pads);
    visit("ceil_mode", self.ceil_mode);
    visit("count_include_pad", self.count_include_pad);
  }
};

Result<std::vector<Shape>> infer_shapes(const Pool2dParams& params, Descs inputs);
Status check_types(const Pool2dParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<Pool2dParams>> kernel_table(const Pool2dParams&);
int64_t count_operations(const Pool2dParams& params, Descs inputs, Descs outputs);
inline bool keeps_samples_apart(const Pool2dParams&, Descs, Descs) {
  return true;
}

}  // namespace octet
