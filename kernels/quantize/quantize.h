// The borders between f32 and integers.
#pragma once

#include "kernels/kernel.h"

namespace octet {

// dst = saturate_u8(round_half_even(src / scale) + zero_point); NaN gives the zero point.
// inputs   src  f32, any shape
// outputs  dst  u8 per tensor, the shape of src
struct QuantizeParams {
  static constexpr const char* kName = "quantize";

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

// dst = scale * (src - zero_point)
// inputs   src  u8, s8 or s32, per tensor or per channel
// outputs  dst  f32 or bf16 (rounded once, half to even), the shape of src
struct DequantizeParams {
  static constexpr const char* kName = "dequantize";

  template <class Self, class Visitor>
  static void visit_fields(Self&, Visitor&) {}
};

Result<std::vector<Shape>> infer_shapes(const QuantizeParams& params, Descs inputs);
Status check_types(const QuantizeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<QuantizeParams>> kernel_table(const QuantizeParams&);
inline bool keeps_samples_apart(const QuantizeParams&, Descs, Descs) {
  return true;
}

Result<std::vector<Shape>> infer_shapes(const DequantizeParams& params, Descs inputs);
Status check_types(const DequantizeParams& params, Descs inputs, Descs outputs);
std::span<const KernelRow<DequantizeParams>> kernel_table(const DequantizeParams&);
inline bool keeps_samples_apart(const DequantizeParams&, Descs, Descs) {
  return true;
}

}  // namespace octet
