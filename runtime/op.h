// The closed list of ops as one variant, and what can be asked of any op.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "kernels/binary/binary.h"
#include "kernels/cast/cast.h"
#include "kernels/concat/concat.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/fully_connected/fully_connected.h"
#include "kernels/gather/gather.h"
#include "kernels/matmul/matmul.h"
#include "kernels/pad/pad.h"
#include "kernels/pool2d/pool2d.h"
#include "kernels/quantize/quantize.h"
#include "kernels/reduce/reduce.h"
#include "kernels/reshape/reshape.h"
#include "kernels/resize/resize.h"
#include "kernels/slice/slice.h"
#include "kernels/softmax/softmax.h"
#include "kernels/transpose/transpose.h"
#include "kernels/unary/unary.h"
#include "kernels/zoo/compare.h"
#include "kernels/zoo/cumulative_sum.h"
#include "kernels/zoo/index.h"
#include "kernels/zoo/math.h"
#include "kernels/zoo/non_max_suppression.h"
#include "kernels/zoo/recurrent.h"
#include "kernels/zoo/top_k.h"
#include "kernels/zoo/where.h"

namespace octet {

namespace internal {
template <class Nothing, class... Params>
struct MakeVariant {
  using type = std::variant<Params...>;
};
}  // namespace internal

#define OCTET_OP(id, Name) , Name##Params
// The parameters of one op of op_list.inc, in its order.
using OpParams = internal::MakeVariant<void
#include "runtime/op_list.inc"
                                       >::type;
#undef OCTET_OP

// The op's name: "conv2d", ...
const char* op_name(const OpParams& op);
// The op's number on disk, and the op with default parameters that a number stands for.
uint16_t op_id(const OpParams& op);
std::optional<OpParams> op_from_id(uint16_t id);

// The functions of kernels/kernel.h for whichever op it is.
Result<std::vector<Shape>> infer_shapes(const OpParams& op, Descs inputs);
Status check_types(const OpParams& op, Descs inputs, Descs outputs);
int64_t count_macs(const OpParams& op, Descs inputs, Descs outputs);
int in_place_input(const OpParams& op, Descs inputs, Descs outputs);
bool is_view(const OpParams& op);
bool keeps_samples_apart(const OpParams& op, Descs inputs, Descs outputs);
bool reads_only_shape(const OpParams& op, size_t input);
// `op`, `inputs` and `outputs` outlive the kernel; `packed` need not.
Result<SelectedKernel> select_kernel(const OpParams& op, Descs inputs, Descs outputs, int threads,
                                     PackedConstants* packed = nullptr,
                                     const std::shared_ptr<Scratchpad>& scratchpad = nullptr);

}  // namespace octet
