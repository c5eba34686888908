#include "kernels/slice/slice.h"

#include "kernels/checks.h"
#include "kernels/strides.h"

namespace octet {
namespace {

// What a slice takes of one axis.
struct Range {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

// ONNX Slice: with a positive step start and end are clamped to [0, dim], with a negative one start to [0, dim-1] and
// end to [-1, dim-1].
Range range_of(int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += dim;  // dim >= 0: cannot overflow
  if (end < 0) end += dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    return {start, step, start < end ? (end - start - 1) / step + 1 : 0};
  }
  start = std::min(std::max<int64_t>(start, 0), dim - 1);
  end = std::min(std::max<int64_t>(end, -1), dim - 1);
  if (start <= end) return {start, step, 0};
  const uint64_t stride = uint64_t{0} - static_cast<uint64_t>(step);  // the smallest step has no positive int64
  return {start, step, static_cast<int64_t>(static_cast<uint64_t>(start - end - 1) / stride + 1)};
}

StridedLoop<1> sliced(const Problem<SliceParams>& problem) {
  const SliceParams& params = problem.params;
  const Shape& src = problem.inputs[0].shape;
  StridedLoop<1> loop{problem.outputs[0].shape, {row_major_strides(src)}, {}};
  if (loop.shape.element_count() == 0) return loop;
  for (size_t i = 0; i < params.axes.size(); ++i) {
    const int64_t axis = params.axes[i];
    const Range range = range_of(src[static_cast<int>(axis)], params.starts[i], params.ends[i], params.steps[i]);
    loop.offsets[0] += range.start * loop.strides[0][axis];
    // One element needs no stride, and its step may be huge.
    loop.strides[0][axis] *= range.count > 1 ? range.step : 0;
  }
  return collapse(loop);
}

bool supports_all(const Problem<SliceParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<SliceParams>& problem) {
  return Kernel([loop = sliced(problem), bytes = element_bytes(problem.outputs[0].type), threads = problem.threads](
                    const Buffers& buffers) { copy_strided(loop, bytes, buffers.src[0], buffers.dst[0], threads); });
}

constexpr KernelRow<SliceParams> kTable[] = {{"reference", Isa::kAny, supports_all, prepare_reference}};

}  // namespace

Result<std::vector<Shape>> infer_shapes(const SliceParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  const size_t count = params.axes.size();
  for (const auto* values : {&params.starts, &params.ends, &params.steps}) {
    if (values->size() == count) continue;
    return invalid(params.kName,
                   std::to_string(values->size()) + " starts, ends or steps for " + std::to_string(count) + " axes");
  }
  Shape dst = inputs[0].shape;
  OCTET_CHECK(check_axes(params.kName, params.axes, dst.rank()));
  for (size_t i = 0; i < count; ++i) {
    if (params.steps[i] == 0) return invalid(params.kName, "step 0 along axis " + std::to_string(params.axes[i]));
    int64_t& dim = dst[static_cast<int>(params.axes[i])];
    if (dim == Shape::kDynamic) continue;
    dim = range_of(dim, params.starts[i], params.ends[i], params.steps[i]).count;
  }
  return single_output(params.kName, dst);
}

Status check_types(const SliceParams& params, Descs inputs, Descs outputs) {
  return check_moves(params.kName, inputs, outputs);
}

std::span<const KernelRow<SliceParams>> kernel_table(const SliceParams&) {
  return kTable;
}

}  // namespace octet
