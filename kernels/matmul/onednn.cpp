// matmul on oneDNN, in f32.
#include <memory>
#include <optional>

#include "kernels/matmul/matmul_rows.h"
#include "kernels/onednn_context.h"

namespace octet {
namespace {

using onednn::Executable;

struct Prepared {
  std::optional<Executable> executable;
  size_t a_slot = 0;
  std::optional<size_t> b_slot;  // none for a constant: it was laid out when this was prepared
  size_t dst_slot = 0;
};

// oneDNN broadcasts dimensions of 1, but wants as many dimensions everywhere.
dnnl::memory::dims padded_dims(const Shape& shape, int rank) {
  dnnl::memory::dims dims(static_cast<size_t>(rank - shape.rank()), 1);
  dims.insert(dims.end(), shape.begin(), shape.end());
  return dims;
}

Result<Kernel> prepare(const Problem<MatmulParams>& problem) {
  const TensorDesc& a = problem.inputs[0];
  const TensorDesc& b = problem.inputs[1];
  const TensorDesc& dst = problem.outputs[0];
  const int rank = dst.shape.rank();
  const dnnl::memory::desc a_desc = onednn::dense_desc(DataType::kF32, padded_dims(a.shape, rank));
  const dnnl::memory::desc b_desc = onednn::dense_desc(DataType::kF32, padded_dims(b.shape, rank));
  const dnnl::memory::desc dst_desc = onednn::dense_desc(DataType::kF32, padded_dims(dst.shape, rank));
  const dnnl::memory::desc b_wish =
      b.is_constant() ? onednn::any_desc(DataType::kF32, padded_dims(b.shape, rank)) : b_desc;
  onednn::Attributes attributes;
  attributes.finish();
  const auto pd = onednn::matmul_desc(a_desc, b_wish, dst_desc, attributes.attr());
  if (onednn::is_reference(pd.impl_info_str())) {
    return Error{ErrorCode::kUnsupported, std::string("matmul: oneDNN has only ") + pd.impl_info_str()};
  }
  auto prepared = std::make_shared<Prepared>();
  Executable& executable = prepared->executable.emplace(dnnl::matmul(pd), pd, problem.scratchpad);
  prepared->a_slot = executable.bind(DNNL_ARG_SRC, a_desc);
  if (b.is_constant()) {
    executable.bind_constant(DNNL_ARG_WEIGHTS,
                             onednn::reordered(problem.packed, b.data, "matmul", b_desc, pd.weights_desc()));
  } else {
    prepared->b_slot = executable.bind(DNNL_ARG_WEIGHTS, b_desc);
  }
  prepared->dst_slot = executable.bind(DNNL_ARG_DST, dst_desc);
  return Kernel([prepared](const Buffers& buffers) {
    prepared->executable->set(prepared->a_slot, buffers.src[0]);
    if (prepared->b_slot) prepared->executable->set(*prepared->b_slot, buffers.src[1]);
    prepared->executable->set(prepared->dst_slot, buffers.dst[0]);
    prepared->executable->run();
  });
}

}  // namespace

bool matmul_onednn_supports(const Problem<MatmulParams>& problem) {
  const Shape& a = problem.inputs[0].shape;
  return problem.inputs[0].type == DataType::kF32 && problem.outputs[0].shape.element_count() > 0 &&
         a[a.rank() - 1] > 0;
}

Result<Kernel> prepare_matmul_onednn(const Problem<MatmulParams>& problem) {
  const onednn::ThreadScope threads(problem.threads);
  return onednn::guarded("matmul", [&] { return prepare(problem); });
}

}  // namespace octet
