// The one front to oneDNN: hides what differs between its majors 2 and 3, its exceptions, and how its calls take
// memory.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/clamp.h"
#include "kernels/packed_constants.h"
#include "kernels/scratchpad.h"
#include "kernels/thread_scope.h"
#include "octet/result.h"
#include "octet/types.h"

namespace octet::onednn {

// The CPU engine of this process. Its first use caps oneDNN's ISA as OCTET_MAX_ISA says. Throws dnnl::error.
const dnnl::engine& engine();

// Whether oneDNN's products of u8 and s8 are exact on this CPU: without VNNI, x86 saturates sums of two in 16 bits.
bool has_exact_int8();

// Whether oneDNN adds the residual to the product in one rounding, as kernels/quantization.h does.
bool has_fused_multiply_add();

// A tensor of `dims` whose element [i, j, ...] lies at i * strides[0] + j * strides[1] + ...
dnnl::memory::desc strided_desc(DataType type, const dnnl::memory::dims& dims, const dnnl::memory::dims& strides);
// A dense row-major tensor.
dnnl::memory::desc dense_desc(DataType type, const dnnl::memory::dims& dims);
// A dense NHWC tensor; in oneDNN's order of dimensions, N, C, H, W.
dnnl::memory::desc nhwc_desc(DataType type, const Shape& nhwc);
// The same dimensions in the layout that the primitive likes best.
dnnl::memory::desc any_desc(DataType type, const dnnl::memory::dims& dims);

// A window that slides over height and width, in octet's terms (dilation 1 means dense).
struct Window {
  dnnl::memory::dims kernel, strides, dilations, pads_before, pads_after;
};

// Attributes of a primitive, and the constant arguments that go with them in each call.
class Attributes {
 public:
  Attributes();

  // dst = multiplier * (accumulator + bias), for NCHW: one, or one per output channel. Comes before all post-operations.
  void set_multiplier(std::span<const float> multiplier);
  // The zero point of the argument `arg`; nothing is set for 0.
  void set_zero_point(int arg, int32_t zero_point);
  // Post-operations, in this order: adds scale * (dst as it was - zero_point), then clamps, then rounds half to even.
  void append_sum(float scale, int32_t zero_point, DataType type);
  void append_clamp(const Clamp& clamp);
  void append_round();
  // Makes what was set visible in attr(); call it last.
  void finish();

  const dnnl::primitive_attr& attr() const { return attr_; }
  const std::vector<std::pair<int, dnnl::memory>>& arguments() const { return arguments_; }

 private:
  void append_eltwise(dnnl::algorithm algorithm, float alpha, float beta);

  dnnl::primitive_attr attr_;
  dnnl::post_ops post_ops_;
  std::vector<std::pair<int, dnnl::memory>> arguments_;
};

// The descriptors of primitives, for both majors. `bias` may be null. All throw dnnl::error.
dnnl::convolution_forward::primitive_desc convolution_desc(const dnnl::memory::desc& src,
                                                           const dnnl::memory::desc& weights,
                                                           const dnnl::memory::desc* bias,
                                                           const dnnl::memory::desc& dst, const Window& window,
                                                           const dnnl::primitive_attr& attr);
#if OCTET_ONEDNN_MAJOR >= 3
using PoolingForward = dnnl::pooling_forward;
#else
using PoolingForward = dnnl::pooling_v2_forward;
#endif
PoolingForward::primitive_desc pooling_desc(dnnl::algorithm algorithm, const dnnl::memory::desc& src,
                                            const dnnl::memory::desc& dst, const Window& window,
                                            const dnnl::primitive_attr& attr);
dnnl::matmul::primitive_desc matmul_desc(const dnnl::memory::desc& src, const dnnl::memory::desc& weights,
                                         const dnnl::memory::desc& dst, const dnnl::primitive_attr& attr);

// A constant as a primitive takes it, with what keeps its bytes alive (null: they are the model's, or the memory's
// own).
struct Constant {
  dnnl::memory memory;
  PackedBytes owner;
};

// A primitive with its arguments, its stream and its scratchpad (its own if that is null), callable without allocating
// but for a table of the arguments that oneDNN makes in each call. Not thread-safe.
class Executable {
 public:
  // pd must come from attributes made by Attributes. Throws dnnl::error.
  template <class Primitive>
  Executable(const Primitive& primitive, const typename Primitive::primitive_desc& pd,
             std::shared_ptr<Scratchpad> scratchpad = nullptr)
      : Executable(primitive, pd.scratchpad_desc(), std::move(scratchpad)) {}

  // An argument that is the same in each call. Owns the memory object.
  void bind_constant(int arg, const dnnl::memory& memory);
  void bind_constant(int arg, const Constant& constant);
  // An argument whose address is given before each call. Returns the slot for set().
  size_t bind(int arg, const dnnl::memory::desc& desc);

  void set(size_t slot, const void* data);
  // Throws std::bad_alloc where there is no memory for that table: dst is then as it was, or in part.
  void run();

 private:
  Executable(dnnl::primitive primitive, const dnnl::memory::desc& scratch, std::shared_ptr<Scratchpad> scratchpad);

  dnnl::primitive primitive_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;
  std::vector<PackedBytes> owners_;
  std::shared_ptr<Scratchpad> scratchpad_;  // null: the primitive needs none
  size_t scratch_slot_ = 0;
  std::vector<const void*> addresses_;
  std::vector<dnnl_exec_arg_t> args_;
};

// `data` (laid out as `from`) in the layout `to`; `data` itself, not owned, if the layouts are the same. A copy is
// shared through `packed`; `from_name` is a name for the layout `from`. Throws dnnl::error.
Constant reordered(PackedConstants* packed, const void* data, const char* from_name, const dnnl::memory::desc& from,
                   const dnnl::memory::desc& to);
// A copy of `values` in memory that oneDNN owns, of dimensions `dims`.
template <class T>
dnnl::memory constant(DataType type, std::span<const T> values, const dnnl::memory::dims& dims) {
  dnnl::memory memory(dense_desc(type, dims), engine());
  std::copy(values.begin(), values.end(), static_cast<T*>(memory.get_data_handle()));
  return memory;
}

template <class T>
dnnl::memory constant(DataType type, std::span<const T> values) {
  return constant(type, values, {static_cast<dnnl::memory::dim>(values.size())});
}

// Whether oneDNN found nothing better than its own reference code, which is slower than ours.
bool is_reference(const char* impl_info);

// oneDNN plans for the team size that it finds.
using octet::ThreadScope;

// The Error for an exception of oneDNN: kUnsupported where it has no such primitive, else kResource.
Error to_error(const char* what, const dnnl::error& error);

// make() with what it throws turned into an Error. `what` names the object.
template <class F>
auto guarded(const char* what, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    return to_error(what, error);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kResource, std::string(what) + ": out of memory"};
  }
}

}  // namespace octet::onednn
