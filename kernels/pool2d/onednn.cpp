// pool2d on oneDNN: maxima, and averages of f32. Averages of u8 are the reference's: oneDNN has no rescaling there.
#include <memory>
#include <optional>

#include "kernels/onednn_context.h"
#include "kernels/pool2d/pool2d_problem.h"

namespace octet {
namespace {

using onednn::Executable;

struct Prepared {
  std::optional<Executable> executable;
  size_t src_slot = 0;
  size_t dst_slot = 0;
};

// oneDNN wants pads that make the output size by rounding down: with ceil_mode, more of them at the end.
int64_t pad_after(const PoolAxis& axis, int64_t outputs) {
  const int64_t needed = (outputs - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1;
  return std::max(needed - axis.size - axis.pad_before, axis.pad_after);
}

Result<Kernel> prepare(const Problem<Pool2dParams>& problem) {
  const TensorDesc& src = problem.inputs[0];
  const TensorDesc& dst = problem.outputs[0];
  const PoolAxis rows(problem.params, src.shape, 0), columns(problem.params, src.shape, 1);
  const onednn::Window window{
      .kernel = {rows.kernel, columns.kernel},
      .strides = {rows.stride, columns.stride},
      .dilations = {rows.dilation, columns.dilation},
      .pads_before = {rows.pad_before, columns.pad_before},
      .pads_after = {pad_after(rows, dst.shape[1]), pad_after(columns, dst.shape[2])},
  };
  const auto algorithm = problem.params.kind == PoolKind::kMax ? dnnl::algorithm::pooling_max
                         : problem.params.count_include_pad    ? dnnl::algorithm::pooling_avg_include_padding
                                                               : dnnl::algorithm::pooling_avg_exclude_padding;
  onednn::Attributes attributes;
  attributes.finish();
  const dnnl::memory::desc src_desc = onednn::nhwc_desc(src.type, src.shape);
  const dnnl::memory::desc dst_desc = onednn::nhwc_desc(dst.type, dst.shape);
  const auto pd = onednn::pooling_desc(algorithm, src_desc, dst_desc, window, attributes.attr());
  if (onednn::is_reference(pd.impl_info_str())) {
    return Error{ErrorCode::kUnsupported, std::string("pool2d: oneDNN has only ") + pd.impl_info_str()};
  }
  auto prepared = std::make_shared<Prepared>();
  Executable& executable = prepared->executable.emplace(onednn::PoolingForward(pd), pd, problem.scratchpad);
  prepared->src_slot = executable.bind(DNNL_ARG_SRC, src_desc);
  prepared->dst_slot = executable.bind(DNNL_ARG_DST, dst_desc);
  return Kernel([prepared](const Buffers& buffers) {
    prepared->executable->set(prepared->src_slot, buffers.src[0]);
    prepared->executable->set(prepared->dst_slot, buffers.dst[0]);
    prepared->executable->run();
  });
}

}  // namespace

bool onednn_supports(const Problem<Pool2dParams>& problem) {
  const Pool2dParams& params = problem.params;
  const TensorDesc& src = problem.inputs[0];
  if (src.shape.element_count() == 0 || problem.outputs[0].shape.element_count() == 0) return false;
  const bool average = params.kind == PoolKind::kAverage;
  if (average && src.type != DataType::kF32) return false;
  for (const size_t axis : {0, 1}) {
    const PoolAxis a(params, src.shape, axis);
    // Windows may then lie between two taps inside src; and oneDNN's averages count otherwise.
    if (a.dilation > 1 && (average || a.pad_before > 0 || a.pad_after > 0 || params.ceil_mode)) return false;
    // A window larger than the image has no tap in its pads that oneDNN could skip cheaply.
    if (a.kernel > a.size + a.pad_before + a.pad_after) return false;
  }
  // What ceil_mode adds behind the pads does not count for ONNX, but does for oneDNN.
  return !(average && params.count_include_pad && params.ceil_mode);
}

Result<Kernel> prepare_onednn(const Problem<Pool2dParams>& problem) {
  const onednn::ThreadScope threads(problem.threads);
  return onednn::guarded("pool2d", [&] { return prepare(problem); });
}

}  // namespace octet
