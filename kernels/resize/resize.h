// Resizing images by nearest neighbour or bilinear interpolation, as ONNX Resize defines it.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/kernel.h"

namespace octet {

// The numbers are on disk: append only.
enum class ResizeMode : int64_t { kNearest = 0, kLinear = 1 };
// Where the centre of output pixel x lies in the input; s = output size / input size, where sizes or like are given,
// else the scale. In f32, as ONNX Runtime computes it.
enum class CoordinateTransform : int64_t {
  kHalfPixel = 0,         // (x + 0.5) / s - 0.5
  kAsymmetric = 1,        // x / s
  kAlignCorners = 2,      // x * (in - 1) / (out - 1); 0 if out is 1
  kPytorchHalfPixel = 3,  // out > 1 ? (x + 0.5) / s - 0.5 : 0
};
enum class NearestRounding : int64_t { kRoundPreferFloor = 0, kRoundPreferCeil = 1, kFloor = 2, kCeil = 3 };

// inputs   src   [N, H, W, C]    f32 or u8 per tensor
//          like  [M, OH, OW, D]  optional, of any type: only its height and width are read. Beside it sizes and scales
//                                have their defaults
// outputs  dst   [N, OH, OW, C]  the type and quantization of src; without like OH = sizes[0] if > 0, else
//                                floor(H * scales[0])
//
// Coordinates are rounded (nearest), then clamped to the image. Linear interpolates in f32, along the row first; in u8
// the integers less their zero point, rounded half to even before that is added again.
struct ResizeParams {
  static constexpr const char* kName = "resize";

  ResizeMode mode = ResizeMode::kNearest;
  CoordinateTransform coordinates = CoordinateTransform::kHalfPixel;
  NearestRounding rounding = NearestRounding::kRoundPreferFloor;
  std::array<int64_t, 2> sizes{};     // height, width; 0: by scales
  std::array<float, 2> scales{1, 1};  // height, width; > 0. Where sizes are given s is their ratio to the input.

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("mode", self.mode);
    visit("coordinates", self.coordinates);
    visit("rounding", self.rounding);
    visit("sizes", self.sizes);
    visit("scales", self.scales);
  }
};

constexpr size_t kResizeSrc = 0, kResizeLike = 1;

Result<std::vector<Shape>> infer_shapes(const ResizeParams& params, Descs inputs);
Status check_types(const ResizeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<ResizeParams>> kernel_table(const ResizeParams&);
inline bool keeps_samples_apart(const ResizeParams&, Descs, Descs) {
  return true;
}
inline bool reads_only_shape(const ResizeParams&, size_t input) {
  return input == kResizeLike;
}

}  // namespace octet
