#include "kernels/onednn_context.h"

#include <cassert>
#include <cstring>
#include <limits>
#include <new>

#include "kernels/cpu_features.h"

namespace octet::onednn {
namespace {

using Dims = dnnl::memory::dims;

void cap_isa() {
#if defined(__x86_64__)
  if (!isa_is_capped()) return;
  // A failure means that oneDNN was used before, by the application: then its own cap stands.
  switch (best_isa()) {
    case Isa::kAny:
    case Isa::kSse41:
      (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
      break;
    case Isa::kAvx2:
      (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
      break;
    case Isa::kAvx512:
      (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core);
      break;
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Vbmi:
      (void)dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core_vnni);
      break;
  }
#endif
}

dnnl::memory::data_type to_onednn(DataType type) {
  switch (type) {
    case DataType::kF32:
      return dnnl::memory::data_type::f32;
    case DataType::kU8:
      return dnnl::memory::data_type::u8;
    case DataType::kS8:
      return dnnl::memory::data_type::s8;
    case DataType::kS32:
      return dnnl::memory::data_type::s32;
    case DataType::kBf16:
      return dnnl::memory::data_type::bf16;
    default:
      return dnnl::memory::data_type::undef;
  }
}

// oneDNN counts the elements between taps.
Dims to_onednn_dilations(Dims dilations) {
  for (dnnl::memory::dim& dilation : dilations) --dilation;
  return dilations;
}

// All that a descriptor says, as a key; of oneDNN 3 what can be asked: its blob has bytes that nothing wrote. What that
// leaves out, what weights hold besides themselves for the zero point of src, has a size.
std::string bytes_of(const dnnl::memory::desc& desc) {
#if OCTET_ONEDNN_MAJOR >= 3
  Dims all{static_cast<dnnl::memory::dim>(desc.get_data_type()), static_cast<dnnl::memory::dim>(desc.get_format_kind()),
           static_cast<dnnl::memory::dim>(desc.get_size()), desc.get_submemory_offset()};
  for (const Dims& dims : {desc.get_dims(), desc.get_padded_dims(), desc.get_padded_offsets(), desc.get_strides(),
                           desc.get_inner_blks(), desc.get_inner_idxs()}) {
    all.push_back(static_cast<dnnl::memory::dim>(dims.size()));
    all.insert(all.end(), dims.begin(), dims.end());
  }
  return {reinterpret_cast<const char*>(all.data()), all.size() * sizeof all[0]};
#else
  return {reinterpret_cast<const char*>(&desc.data), sizeof desc.data};
#endif
}

#if defined(__x86_64__)
// Of the CPU, as far as oneDNN may use it.
bool has_features(int features) {
  (void)guarded("oneDNN's engine", []() -> Status { return engine(), Status{}; });
  // Values are sets of features: a CPU with AMX has all bits of VNNI.
  return (static_cast<int>(dnnl::get_effective_cpu_isa()) & features) == features;
}
#endif

}  // namespace
}  // namespace octet::onednn

namespace octet {

bool has_native_bf16() {
#if defined(__x86_64__)
  static const bool native = onednn::has_features(dnnl_cpu_isa_avx512_core_bf16);
  return native;
#else
  return false;
#endif
}

}  // namespace octet

namespace octet::onednn {

const dnnl::engine& engine() {
  static const dnnl::engine cpu = [] {
    cap_isa();
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return cpu;
}

bool has_exact_int8() {
#if defined(__x86_64__)
  static const bool exact = has_features(dnnl_cpu_isa_avx512_core_vnni) || has_features(dnnl_cpu_isa_avx2_vnni);
  return exact;
#else
  return true;
#endif
}

bool has_fused_multiply_add() {
#if defined(__x86_64__)
  static const bool fused = has_features(dnnl_cpu_isa_avx2);
  return fused;
#else
  return true;
#endif
}

dnnl::memory::desc strided_desc(DataType type, const Dims& dims, const Dims& strides) {
  return dnnl::memory::desc(dims, to_onednn(type), strides);
}

dnnl::memory::desc dense_desc(DataType type, const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strided_desc(type, dims, strides);
}

dnnl::memory::desc nhwc_desc(DataType type, const Shape& nhwc) {
  assert(nhwc.rank() == 4);
  const int64_t h = nhwc[1], w = nhwc[2], c = nhwc[3];
  return strided_desc(type, {nhwc[0], c, h, w}, {h * w * c, 1, w * c, c});
}

dnnl::memory::desc any_desc(DataType type, const Dims& dims) {
  return dnnl::memory::desc(dims, to_onednn(type), dnnl::memory::format_tag::any);
}

Attributes::Attributes() {
  // oneDNN's own scratchpad belongs to the thread that makes the primitive; ours moves with the kernel.
  attr_.set_scratchpad_mode(dnnl::scratchpad_mode::user);
}

void Attributes::set_multiplier(std::span<const float> multiplier) {
#if OCTET_ONEDNN_MAJOR >= 3
  // Its scales multiply the accumulator before the bias is added, which rounds otherwise; a post-operation does not.
  const Dims dims{1, static_cast<Dims::value_type>(multiplier.size()), 1, 1};
  post_ops_.append_binary(dnnl::algorithm::binary_mul, dense_desc(DataType::kF32, dims));
  arguments_.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, constant(DataType::kF32, multiplier, dims));
#else
  attr_.set_output_scales(multiplier.size() == 1 ? 0 : 2, {multiplier.begin(), multiplier.end()});
#endif
}

void Attributes::set_zero_point(int arg, int32_t zero_point) {
  if (zero_point == 0) return;
#if OCTET_ONEDNN_MAJOR >= 3
  attr_.set_zero_points_mask(arg, 0);
  arguments_.emplace_back(DNNL_ARG_ATTR_ZERO_POINTS | arg,
                          constant(DataType::kS32, std::span<const int32_t>(&zero_point, 1)));
#else
  attr_.set_zero_points(arg, 0, {zero_point});
#endif
}

void Attributes::append_sum(float scale, int32_t zero_point, DataType type) {
  post_ops_.append_sum(scale, zero_point, to_onednn(type));
}

void Attributes::append_clamp(const Clamp& clamp) {
  if (clamp.is_none()) return;
  constexpr float kMax = std::numeric_limits<float>::max();
  const bool relu = clamp == Clamp{.min = 0};
  const dnnl::algorithm algorithm = relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_clip;
  const float alpha = relu ? 0.0F : std::max(clamp.min, -kMax);
  const float beta = relu ? 0.0F : std::min(clamp.max, kMax);
  append_eltwise(algorithm, alpha, beta);
}

void Attributes::append_round() {
  append_eltwise(dnnl::algorithm::eltwise_round, 0.0F, 0.0F);
}

void Attributes::append_eltwise(dnnl::algorithm algorithm, float alpha, float beta) {
#if OCTET_ONEDNN_MAJOR >= 3
  post_ops_.append_eltwise(algorithm, alpha, beta);
#else
  post_ops_.append_eltwise(1.0F, algorithm, alpha, beta);
#endif
}

void Attributes::finish() {
  attr_.set_post_ops(post_ops_);
}

dnnl::convolution_forward::primitive_desc convolution_desc(const dnnl::memory::desc& src,
                                                           const dnnl::memory::desc& weights,
                                                           const dnnl::memory::desc* bias,
                                                           const dnnl::memory::desc& dst, const Window& window,
                                                           const dnnl::primitive_attr& attr) {
  // Winograd and the like round differently; direct is also what int8 has.
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
  const Dims dilates = to_onednn_dilations(window.dilations);
  const dnnl::memory::desc bias_desc = bias != nullptr ? *bias : dnnl::memory::desc();
#if OCTET_ONEDNN_MAJOR >= 3
  return {engine(), kInference,         kDirect,           src, weights, bias_desc, dst, window.strides,
          dilates,  window.pads_before, window.pads_after, attr};
#else
  return {dnnl::convolution_forward::desc(kInference, kDirect, src, weights, bias_desc, dst, window.strides, dilates,
                                          window.pads_before, window.pads_after),
          attr, engine()};
#endif
}

PoolingForward::primitive_desc pooling_desc(dnnl::algorithm algorithm, const dnnl::memory::desc& src,
                                            const dnnl::memory::desc& dst, const Window& window,
                                            const dnnl::primitive_attr& attr) {
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
  const Dims dilates = to_onednn_dilations(window.dilations);
#if OCTET_ONEDNN_MAJOR >= 3
  return {engine(), kInference,         algorithm,         src, dst, window.strides, window.kernel,
          dilates,  window.pads_before, window.pads_after, attr};
#else
  return {dnnl::pooling_v2_forward::desc(kInference, algorithm, src, dst, window.strides, window.kernel, dilates,
                                         window.pads_before, window.pads_after),
          attr, engine()};
#endif
}

dnnl::matmul::primitive_desc matmul_desc(const dnnl::memory::desc& src, const dnnl::memory::desc& weights,
                                         const dnnl::memory::desc& dst, const dnnl::primitive_attr& attr) {
#if OCTET_ONEDNN_MAJOR >= 3
  return {engine(), src, weights, dst, attr};
#else
  return {dnnl::matmul::desc(src, weights, dst), attr, engine()};
#endif
}

Executable::Executable(dnnl::primitive primitive, const dnnl::memory::desc& scratch,
                       std::shared_ptr<Scratchpad> scratchpad)
    : primitive_(std::move(primitive)), stream_(engine()) {
  if (scratch.get_size() == 0) return;
  scratchpad_ = scratchpad ? std::move(scratchpad) : std::make_shared<Scratchpad>();
  scratchpad_->reserve(scratch.get_size());
  scratch_slot_ = bind(DNNL_ARG_SCRATCHPAD, scratch);
}

void Executable::bind_constant(int arg, const dnnl::memory& memory) {
  memories_.push_back(memory);
  addresses_.push_back(memory.get_data_handle());
  args_.push_back({arg, memory.get()});
}

void Executable::bind_constant(int arg, const Constant& constant) {
  owners_.push_back(constant.owner);
  bind_constant(arg, constant.memory);
}

size_t Executable::bind(int arg, const dnnl::memory::desc& desc) {
  bind_constant(arg, dnnl::memory(desc, engine(), nullptr));
  return args_.size() - 1;
}

void Executable::set(size_t slot, const void* data) {
  if (addresses_[slot] == data) return;
  addresses_[slot] = data;
  [[maybe_unused]] const dnnl_status_t status =
      dnnl_memory_set_data_handle(args_[slot].memory, const_cast<void*>(data));
  assert(status == dnnl_success);
}

void Executable::run() {
  if (scratchpad_) set(scratch_slot_, scratchpad_->data());
  const dnnl_status_t status =
      dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(args_.size()), args_.data());
  // Its table of the arguments throws as much; no status but this one depends on more than what was prepared.
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  if (status != dnnl_success) throw dnnl::error(status, "a prepared primitive does not execute");
}

Constant reordered(PackedConstants* packed, const void* data, const char* from_name, const dnnl::memory::desc& from,
                   const dnnl::memory::desc& to) {
  dnnl::memory source(from, engine(), const_cast<void*>(data));
  if (from == to) return {source, nullptr};
  PackedBytes bytes = pack_constant(packed, data, from_name + bytes_of(to), to.get_size(), [&](std::byte* memory) {
    dnnl::memory target(to, engine(), memory);
    dnnl::stream stream(engine());
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
  });
  return {dnnl::memory(to, engine(), const_cast<std::byte*>(bytes.get())), std::move(bytes)};
}

bool is_reference(const char* impl_info) {
  return std::strncmp(impl_info, "ref", 3) == 0;
}

Error to_error(const char* what, const dnnl::error& error) {
  // A runtime error is code that did not fit into its buffer: unrolled loops with long post-operations.
  const bool unsupported = error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments ||
                           error.status == dnnl_runtime_error;
  return {unsupported ? ErrorCode::kUnsupported : ErrorCode::kResource,
          std::string(what) + ": oneDNN says: " + error.what()};
}

}  // namespace octet::onednn
