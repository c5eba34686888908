#include "kernels/pool2d/pool2d.h"

#include <algorithm>
#include <limits>

#include "kernels/conv2d/conv2d.h"
#include "kernels/pool2d/pool2d_problem.h"

namespace octet {
namespace {

Error invalid(const std::string& text) {
  return {ErrorCode::kInvalidFile, text};
}

Status check_params(const Pool2dParams& params) {
  if (params.kind != PoolKind::kMax && params.kind != PoolKind::kAverage) {
    return invalid("pool2d: there is no kind " + std::to_string(static_cast<int64_t>(params.kind)));
  }
  if (params.global) return {};
  for (const size_t axis : {0, 1}) {
    const int64_t kernel = params.kernel[axis], dilation = params.dilations[axis];
    for (const int64_t value : {kernel, dilation, params.strides[axis]}) {
      if (value < 1 || value > INT32_MAX) {
        return invalid("pool2d: a window of " + std::to_string(kernel) + " with stride " +
                       std::to_string(params.strides[axis]) + " and dilation " + std::to_string(dilation) +
                       " is out of range");
      }
    }
    const int64_t window = dilation * (kernel - 1) + 1;
    for (const int64_t pad : {params.pads[axis], params.pads[axis + 2]}) {
      if (pad < 0 || pad >= window) {
        return invalid("pool2d: a pad of " + std::to_string(pad) + " does not go with a window of " +
                       std::to_string(window));
      }
    }
  }
  return {};
}

constexpr KernelRow<Pool2dParams> kTable[] = {
#if defined(__x86_64__)
    {"direct_u8_avx512", Isa::kAvx512, direct_u8_supports, prepare_direct_u8_avx512},
    {"direct_u8_avx2", Isa::kAvx2, direct_u8_supports, prepare_direct_u8_avx2},
#endif
    {"onednn", Isa::kAny, onednn_supports, prepare_onednn},
    {"reference", Isa::kAny, [](const Problem<Pool2dParams>&) { return true; }, prepare_reference},
};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const Pool2dParams& params, Descs inputs) {
  constexpr const char* kOp = Pool2dParams::kName;
  OCTET_CHECK(check_input_count(kOp, inputs, 1, 1));
  OCTET_CHECK(check_rank(kOp, inputs[0], 4));
  OCTET_CHECK(check_params(params));
  const Shape& src = inputs[0].shape;
  if (params.global) return std::vector<Shape>{{src[0], 1, 1, src[3]}};
  Shape dst = src;
  for (const int axis : {0, 1}) {
    const size_t i = static_cast<size_t>(axis);
    OCTET_TRY(dst[axis + 1],
              window_output_size(kOp, src[axis + 1], params.kernel[i], params.strides[i], params.dilations[i],
                                 params.pads[i], params.pads[i + 2], params.ceil_mode));
  }
  if (dst.is_concrete() && dst.element_count() < 0) {
    return invalid("pool2d: a result of shape " + dst.to_string() + " is larger than " +
                   std::to_string(Shape::kMaxElements) + " elements");
  }
  return std::vector<Shape>{dst};
}

// Each element of a result looks at its window; a global one's windows are the elements that are read anyway.
int64_t count_operations(const Pool2dParams& params, Descs, Descs outputs) {
  if (params.global) return 0;
  const int64_t most = std::numeric_limits<int32_t>::max();  // each dimension of a window alone may be 2^63 - 1
  const int64_t window = std::min(params.kernel[0], most) * std::min(params.kernel[1], most);
  const auto all = static_cast<double>(window) * static_cast<double>(outputs[0].shape.element_count());
  return static_cast<int64_t>(std::min(all, 0x1p62));
}

Status check_types(const Pool2dParams& params, Descs inputs, Descs outputs) {
  const TensorDesc& src = inputs[0];
  const TensorDesc& dst = outputs[0];
  if (plain(src, DataType::kF32) && plain(dst, DataType::kF32)) return {};
  if (!per_tensor_u8(src)) return unsupported_types("pool2d", inputs, outputs);
  if (params.kind == PoolKind::kMax) {
    if (!per_tensor_u8(dst)) return unsupported_types("pool2d", inputs, outputs);
    if (!same_quantization(src, dst)) {
      return Error{ErrorCode::kUnsupported,
                   "pool2d: a maximum keeps its scale, but the source has " + std::to_string(src.quant().scale) +
                       " (zero point " + std::to_string(src.quant().zero_point) + ") and the destination " +
                       std::to_string(dst.quant().scale) + " (" + std::to_string(dst.quant().zero_point) + ")"};
    }
    return {};
  }
  if (!per_tensor_u8(dst) && !plain(dst, DataType::kF32)) return unsupported_types("pool2d", inputs, outputs);
  // Sums of a window are s32.
  constexpr int64_t kMaxTaps = INT32_MAX / 255;
  const PoolAxis rows(params, src.shape, 0), columns(params, src.shape, 1);
  if (columns.kernel > 0 && rows.kernel > kMaxTaps / columns.kernel) {
    return Error{ErrorCode::kUnsupported, "pool2d: 32-bit sums hold " + std::to_string(kMaxTaps) +
                                              " 8-bit integers, a window of " + std::to_string(rows.kernel) + "x" +
                                              std::to_string(columns.kernel) + " has more"};
  }
  return {};
}

std::span<const KernelRow<Pool2dParams>> kernel_table(const Pool2dParams&) {
  return kTable;
}

}  // namespace octet
