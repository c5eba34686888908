// conv2d on oneDNN. Int8 works in units of dst: one multiplier per output channel after the bias, no other scales, so that
// both majors of oneDNN compute what kernels/quantization.h says.
#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/conv2d/conv2d_problem.h"
#include "kernels/onednn_context.h"

namespace octet {
namespace {

using onednn::Executable;
using Dims = dnnl::memory::dims;

struct Prepared {
  std::optional<Executable> executable;
  size_t src_slot = 0;
  size_t dst_slot = 0;
  size_t residual_bytes = 0;

  void operator()(const Buffers& buffers) {
    void* dst = buffers.dst[0];
    // oneDNN adds to what stands in dst; the runtime mostly lets dst take the residual's memory.
    if (residual_bytes > 0 && buffers.src[kConvResidual] != dst) {
      std::memcpy(dst, buffers.src[kConvResidual], residual_bytes);
    }
    executable->set(src_slot, buffers.src[kConvSrc]);
    executable->set(dst_slot, dst);
    executable->run();
  }
};

bool is_int8(const Problem<Conv2dParams>& problem) {
  return problem.inputs[kConvSrc].type == DataType::kU8;
}

// [O, KH, KW, C/groups] in oneDNN's order of dimensions: [groups,] O, C, H, W.
Dims weights_dims(const Conv2dSizes& s) {
  Dims dims{s.o_of_g, s.c_of_g, s.kh, s.kw};
  if (s.groups > 1) dims.insert(dims.begin(), s.groups);
  return dims;
}

Dims weights_strides(const Conv2dSizes& s) {
  Dims strides{s.taps(), 1, s.kw * s.c_of_g, s.c_of_g};
  if (s.groups > 1) strides.insert(strides.begin(), s.o_of_g * s.taps());
  return strides;
}

void set_attributes(const Problem<Conv2dParams>& problem, onednn::Attributes& attributes) {
  const TensorDesc& residual = input_or_absent(problem.inputs, kConvResidual);
  const TensorDesc& dst = problem.outputs[0];
  if (!is_int8(problem)) {
    if (residual.present) attributes.append_sum(1.0F, 0, dst.type);
    attributes.append_clamp(problem.params.clamp);
    return;
  }
  attributes.set_multiplier(conv2d_multipliers(problem.inputs, dst));
  attributes.set_zero_point(DNNL_ARG_SRC, problem.inputs[kConvSrc].quant().zero_point);
  if (dst.type == DataType::kF32) {
    attributes.append_clamp(problem.params.clamp);
    return;
  }
  const Requantization r = conv2d_requantization(problem.params, problem.inputs, dst);
  if (residual.present) attributes.append_sum(r.residual_scale, r.residual_zero_point, DataType::kU8);
  attributes.append_clamp({r.clamp_min, r.clamp_max});
  if (r.dst_zero_point != 0) attributes.append_round();  // oneDNN adds the zero point, and then rounds
  attributes.set_zero_point(DNNL_ARG_DST, r.dst_zero_point);
}

// oneDNN 2 takes the s32 bias of the accumulator, oneDNN 3 an f32 one, which it adds to the unscaled accumulator.
dnnl::memory make_bias(const Problem<Conv2dParams>& problem, const TensorDesc& bias) {
  const Dims dims{bias.shape[0]};
#if OCTET_ONEDNN_MAJOR >= 3
  if (is_int8(problem)) {
    const std::span<const int32_t> integers(bias.as<int32_t>(), static_cast<size_t>(bias.shape[0]));
    const std::vector<float> floats(integers.begin(), integers.end());
    return onednn::constant(DataType::kF32, std::span<const float>(floats));
  }
#else
  (void)problem;
#endif
  return {onednn::dense_desc(bias.type, dims), onednn::engine(), const_cast<void*>(bias.data)};
}

// What is wrong in oneDNN (found by the random sweep of the tests):
// * 2.6.3: GEMM of several groups with a zero point of src: the taps in the pads are compensated wrongly
// * both: depthwise int8 on AVX2 with VNNI, now and then; 2.6.3 also rounds sums beyond 2^24 otherwise there for f32
// * 3.7.2: int8 with one input channel, unless depthwise or 1x1: 4 % of the problems, mostly those with strides > 1
// * 2.6.3: SSE4.1 with a residual adds from addresses that it takes for aligned, and crashes
// The next implementation is no way out: in 2.6, asking for it reads a descriptor that no longer exists.
bool is_trusted(const std::string& name, const Problem<Conv2dParams>& problem) {
  const Conv2dSizes sizes(problem);
  if (!is_int8(problem)) {
    const bool adds = input_or_absent(problem.inputs, kConvResidual).present;
    return !(name.find("sse41") != std::string::npos && adds && sizes.o % 4 != 0);
  }
  const bool is_avx2 = name.find("avx2_vnni") != std::string::npos;
  if (is_avx2 && sizes.is_depthwise()) return false;
#if OCTET_ONEDNN_MAJOR >= 3
  return sizes.c_of_g > 1 || sizes.is_depthwise() || sizes.taps() == 1;
#else
  if (is_avx2 && problem.outputs[0].type == DataType::kF32) return false;
  const bool has_zero_point = problem.inputs[kConvSrc].quant().zero_point != 0;
  return !(name.find("gemm") != std::string::npos && sizes.groups > 1 && has_zero_point);
#endif
}

// Two products with u8, added in 16 bits as CPUs without VNNI do, do not saturate: 2 * 255 * 64 < 2^15.
bool has_safe_weights(const Problem<Conv2dParams>& problem) {
  const TensorDesc& weights = problem.inputs[kConvWeights];
  const int8_t* values = weights.as<int8_t>();
  return std::all_of(values, values + weights.shape.element_count(), [](int8_t w) { return w >= -64 && w <= 64; });
}

// Whether the bytes of an int8 problem are those of the reference.
bool is_exact(const Problem<Conv2dParams>& problem) {
  if (onednn::has_exact_int8()) return true;
#if defined(__x86_64__)
  // Own kernels are as exact, and do not have to look at the weights first.
  const bool has_own = dense_supports(problem) || depthwise_supports(problem);
  return !has_own && onednn::has_fused_multiply_add() && has_safe_weights(problem);
#else
  return false;
#endif
}

Result<Kernel> prepare(const Problem<Conv2dParams>& problem) {
  const Conv2dParams& params = problem.params;
  const Conv2dSizes sizes(problem);
  const TensorDesc& weights = problem.inputs[kConvWeights];
  const TensorDesc& bias = input_or_absent(problem.inputs, kConvBias);
  const TensorDesc& residual = input_or_absent(problem.inputs, kConvResidual);
  const TensorDesc& dst = problem.outputs[0];

  onednn::Attributes attributes;
  set_attributes(problem, attributes);
  attributes.finish();

  // Activations are NHWC on every floor, so oneDNN is not asked; it may choose for the weights.
  const dnnl::memory::desc src_desc = onednn::nhwc_desc(problem.inputs[kConvSrc].type, problem.inputs[kConvSrc].shape);
  const dnnl::memory::desc dst_desc = onednn::nhwc_desc(dst.type, dst.shape);
  const onednn::Window window{
      .kernel = {sizes.kh, sizes.kw},
      .strides = {params.strides[0], params.strides[1]},
      .dilations = {params.dilations[0], params.dilations[1]},
      .pads_before = {params.pads[0], params.pads[1]},
      .pads_after = {params.pads[2], params.pads[3]},
  };
  dnnl::memory bias_memory;
  dnnl::memory::desc bias_desc;
  if (bias.present) {
    bias_memory = make_bias(problem, bias);
    bias_desc = bias_memory.get_desc();
  }
  const auto pd = onednn::convolution_desc(src_desc, onednn::any_desc(weights.type, weights_dims(sizes)),
                                           bias.present ? &bias_desc : nullptr, dst_desc, window, attributes.attr());
  if (onednn::is_reference(pd.impl_info_str()) || !is_trusted(pd.impl_info_str(), problem)) {
    return Error{ErrorCode::kUnsupported, std::string("conv2d: oneDNN offers ") + pd.impl_info_str()};
  }

  auto prepared = std::make_shared<Prepared>();
  Executable& executable = prepared->executable.emplace(dnnl::convolution_forward(pd), pd, problem.scratchpad);
  prepared->src_slot = executable.bind(DNNL_ARG_SRC, src_desc);
  prepared->dst_slot = executable.bind(DNNL_ARG_DST, dst_desc);
  const auto canonical = onednn::strided_desc(weights.type, weights_dims(sizes), weights_strides(sizes));
  executable.bind_constant(DNNL_ARG_WEIGHTS,
                           onednn::reordered(problem.packed, weights.data, "conv2d", canonical, pd.weights_desc()));
  if (bias.present) executable.bind_constant(DNNL_ARG_BIAS, bias_memory);
  for (const auto& [arg, memory] : attributes.arguments()) executable.bind_constant(arg, memory);
  if (residual.present) {
    prepared->residual_bytes = static_cast<size_t>(dst.shape.element_count() * element_bytes(dst.type));
  }
  return Kernel([prepared](const Buffers& buffers) { (*prepared)(buffers); });
}

}  // namespace

bool onednn_supports(const Problem<Conv2dParams>& problem) {
  const Conv2dParams& params = problem.params;
  const Conv2dSizes sizes(problem);
  if (has_weight_zero_points(problem.inputs)) return false;
  if (problem.outputs[0].shape.element_count() == 0 || problem.inputs[kConvSrc].shape.element_count() == 0)
    return false;
  // Pads that hold a whole window are no pads of a real net, and oneDNN's 32-bit sizes need not hold them.
  const int64_t max_pad_h = params.dilations[0] * (sizes.kh - 1), max_pad_w = params.dilations[1] * (sizes.kw - 1);
  if (std::max(params.pads[0], params.pads[2]) > max_pad_h) return false;
  if (std::max(params.pads[1], params.pads[3]) > max_pad_w) return false;
  // A dilated window may step over a source that is smaller than a step; oneDNN 2.6 then crashes.
  if (sizes.h < params.dilations[0] || sizes.w < params.dilations[1]) return false;
  // Without the instructions oneDNN emulates bf16, slower than f32.
  if (problem.inputs[kConvSrc].type == DataType::kBf16) return has_native_bf16();
  return !is_int8(problem) || is_exact(problem);
}

Result<Kernel> prepare_onednn(const Problem<Conv2dParams>& problem) {
  const onednn::ThreadScope threads(problem.threads);
  return onednn::guarded("conv2d", [&] { return prepare(problem); });
}

}  // namespace octet
