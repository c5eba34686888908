#include "kernels/pad/pad.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/checks.h"
#include "kernels/parallel.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

struct PadAxis {
  int64_t src = 1;
  int64_t dst = 1;
  int64_t before = 0;
  int64_t after = 0;
  int64_t stride = 0;  // in src, in elements

  // Elements of dst before, and behind, those that are copied as they stand.
  int64_t left() const { return std::max<int64_t>(before, 0); }
  int64_t right() const { return std::max<int64_t>(after, 0); }
};

// The axes down to the last one that is padded; what lies below is moved as blocks of `block` elements.
struct PadPlan {
  PadMode mode = PadMode::kConstant;
  int rank = 0;
  std::array<PadAxis, Shape::kMaxRank> axes;
  int64_t rows = 1;  // all but the last axis
  int64_t block = 1;
  int threads = 1;
};

// The index in src that index i of dst shows; -1 for the constant.
int64_t source_index(PadMode mode, const PadAxis& axis, int64_t i) {
  const int64_t at = i - axis.before;
  if (at >= 0 && at < axis.src) return at;
  switch (mode) {
    case PadMode::kConstant:
      return -1;
    case PadMode::kReflect:
      return at < 0 ? -at : 2 * (axis.src - 1) - at;
    case PadMode::kEdge:
      break;
  }
  return at < 0 ? 0 : axis.src - 1;
}

template <class T>
void pad_row(const PadPlan& plan, const T* src, T value, T* dst) {
  const PadAxis& axis = plan.axes[plan.rank - 1];
  const auto pad_range = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = source_index(plan.mode, axis, i);
      if (from < 0) {
        std::fill_n(dst + i * plan.block, plan.block, value);
      } else {
        std::copy_n(src + from * plan.block, plan.block, dst + i * plan.block);
      }
    }
  };
  const int64_t middle = axis.dst - axis.left() - axis.right();
  pad_range(0, axis.left());
  std::copy_n(src + (axis.left() - axis.before) * plan.block, middle * plan.block, dst + axis.left() * plan.block);
  pad_range(axis.left() + middle, axis.dst);
}

template <class T>
void pad(const PadPlan& plan, T value, const T* src, T* dst) {
  const int64_t row_elements = plan.axes[plan.rank - 1].dst * plan.block;
  parallel_for(plan.threads, plan.rows, kElementsPerThread / row_elements + 1, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t offset = 0;
      bool constant = false;
      int64_t rest = row;
      for (int i = plan.rank - 2; i >= 0; --i) {
        const PadAxis& axis = plan.axes[i];
        const int64_t index = source_index(plan.mode, axis, rest % axis.dst);
        rest /= axis.dst;
        constant = constant || index < 0;
        offset += index * axis.stride;
      }
      if (constant) {
        std::fill_n(dst + row * row_elements, row_elements, value);
      } else {
        pad_row(plan, src + offset, value, dst + row * row_elements);
      }
    }
  });
}

template <class T>
Kernel make_kernel(const PadPlan& plan, T value) {
  return [plan, value](const Buffers& buffers) {
    pad(plan, value, static_cast<const T*>(buffers.src[0]), static_cast<T*>(buffers.dst[0]));
  };
}

bool supports_all(const Problem<PadParams>&) {
  return true;
}

Result<Kernel> prepare_reference(const Problem<PadParams>& problem) {
  const PadParams& params = problem.params;
  const TensorDesc& src = problem.inputs[0];
  const TensorDesc& dst = problem.outputs[0];
  if (dst.shape.element_count() == 0) return Kernel([](const Buffers&) {});
  PadPlan plan{.mode = params.mode, .rank = 1, .threads = problem.threads};
  for (int i = 0; i < src.shape.rank(); ++i) {
    plan.axes[i] = {src.shape[i], dst.shape[i], params.before[i], params.after[i], 0};
    if (params.before[i] != 0 || params.after[i] != 0) plan.rank = i + 1;
  }
  int64_t stride = 1;
  for (int i = src.shape.rank() - 1; i >= 0; --i) {
    plan.axes[i].stride = stride;
    // An empty tensor may have other dimensions of any size; its strides are never used.
    stride = src.shape.element_count() == 0 ? 0 : stride * src.shape[i];
    if (i >= plan.rank) plan.block *= src.shape[i];
    if (i < plan.rank - 1) plan.rows *= dst.shape[i];
  }
  switch (src.type) {
    case DataType::kU8:
      return make_kernel(plan, quantize_u8(params.value, dst.quant()));
    case DataType::kS64:
      return make_kernel(plan, static_cast<int64_t>(params.value));
    default:
      return make_kernel(plan, params.value);
  }
}

constexpr KernelRow<PadParams> kTable[] = {{"reference", Isa::kAny, supports_all, prepare_reference}};

// The padded size of one axis.
Result<int64_t> padded(const PadParams& params, int axis, int64_t dim) {
  const int64_t before = params.before[axis];
  const int64_t after = params.after[axis];
  const auto fail = [&](const char* why) {
    return invalid(params.kName, "axis " + std::to_string(axis) + " with " + std::to_string(dim) + " elements, " +
                                     std::to_string(before) + " before and " + std::to_string(after) + " after" + why);
  };
  // Far below where sums overflow, far above every tensor.
  constexpr int64_t kMost = Shape::kMaxElements;
  if (before < -kMost || before > kMost || after < -kMost || after > kMost) return fail(": too large");
  if (dim == Shape::kDynamic) return Shape::kDynamic;
  if (dim > kMost) return fail(": too large");
  const int64_t left = dim + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
  if (left < 0) return fail(": more is removed than there is");
  const int64_t most_added = std::max<int64_t>({before, after, 0});
  if (params.mode == PadMode::kReflect && most_added >= std::max<int64_t>(left, 1)) {
    return fail(": too few to reflect");
  }
  if (params.mode == PadMode::kEdge && most_added > 0 && left == 0) return fail(": there is no edge to repeat");
  return dim + before + after;
}

}  // namespace

Result<std::vector<Shape>> infer_shapes(const PadParams& params, Descs inputs) {
  OCTET_CHECK(check_input_count(params.kName, inputs, 1, 1));
  OCTET_CHECK(check_enum(params.kName, "mode", static_cast<int64_t>(params.mode), 3));
  Shape dst = inputs[0].shape;
  const auto rank = static_cast<size_t>(dst.rank());
  if (params.before.size() != rank || params.after.size() != rank) {
    return invalid(params.kName, std::to_string(params.before.size()) + " pads before and " +
                                     std::to_string(params.after.size()) + " after a tensor of rank " +
                                     std::to_string(rank));
  }
  for (int i = 0; i < dst.rank(); ++i) {
    OCTET_TRY(dst[i], padded(params, i, dst[i]));
  }
  return single_output(params.kName, dst);
}

Status check_types(const PadParams& params, Descs inputs, Descs outputs) {
  OCTET_CHECK(check_moves(params.kName, inputs, outputs));
  if (plain(inputs[0], DataType::kF32) || per_tensor_u8(inputs[0])) return {};
  // Not every f32 is an s64.
  const bool whole = std::fabs(params.value) < 9.2e18F && std::trunc(params.value) == params.value;
  if (plain(inputs[0], DataType::kS64) && whole) return {};
  return unsupported_types(params.kName, inputs, outputs);
}

std::span<const KernelRow<PadParams>> kernel_table(const PadParams&) {
  return kTable;
}

}  // namespace octet
