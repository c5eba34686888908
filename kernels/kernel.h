// What a kernel is: a row in its op's table that turns a described problem into a prepared function.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/packed_constants.h"
#include "kernels/scratchpad.h"
#include "octet/result.h"
#include "octet/types.h"

namespace octet {

// A tensor as a kernel sees it when it is prepared: everything but the address of an activation.
//
// scales       empty: not quantized. One: per tensor. shape[axis] of them: per channel.
// zero_points  as many as scales, or empty when they are all 0.
// data         the elements of a constant (64-byte aligned, alive as long as the kernel); null for an activation
// present      false stands for an optional input that the node does not have
// bits, group  of s8 constants: 4 bits are runs of `group` elements of a row (0: all of it), each a factor times
//              integers in [-7, 7]; a kernel may store them so
struct TensorDesc {
  DataType type = DataType::kF32;
  Shape shape;
  std::span<const float> scales;
  std::span<const int32_t> zero_points;
  int axis = 0;
  const void* data = nullptr;
  bool present = true;
  int bits = 8;
  int64_t group = 0;

  bool is_quantized() const { return !scales.empty(); }
  bool is_constant() const { return data != nullptr; }
  // The per-tensor parameters; scale 1 and zero point 0 if it is not quantized.
  QuantParams quant() const {
    if (scales.empty()) return {};
    return {scales[0], zero_points.empty() ? 0 : zero_points[0]};
  }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

using Descs = std::span<const TensorDesc>;

// A desc of inputs[i], or one with present == false where the node has no such input.
const TensorDesc& input_or_absent(Descs inputs, size_t i);

// One op with concrete shapes, ready to be matched against kernels. `params` and the descs' spans outlive the kernel.
template <class Params>
struct Problem {
  const Params& params;
  Descs inputs;
  Descs outputs;
  int threads = 1;  // >= 1; the kernel may use fewer
  // Where kernels share what they make of constants (pack_constant); null: each has its own.
  PackedConstants* packed = nullptr;
  // Memory that kernels may use while they run, one at a time; null: each has its own.
  std::shared_ptr<Scratchpad> scratchpad = nullptr;
};

// Addresses for one call, in the order of the op's inputs and outputs; null for what is absent.
struct Buffers {
  const void* const* src;
  void* const* dst;
};

// A prepared kernel. Calling it computes and nothing else: it cannot fail, it does not allocate (oneDNN's do, and throw
// where they cannot, onednn_context.h). Not thread-safe: one prepared kernel belongs to one session.
using Kernel = std::function<void(const Buffers&)>;

// A row of an op's kernel table. Rows stand fastest first; the last one is the reference, which supports everything.
template <class Params>
struct KernelRow {
  const char* name;  // "onednn", "avx512", "reference"
  Isa isa;           // what the CPU must have
  bool (*supports)(const Problem<Params>&);
  // Does all that can fail or allocate. kUnsupported lets the next row try.
  Result<Kernel> (*prepare)(const Problem<Params>&);
};

struct SelectedKernel {
  const char* name;
  Kernel kernel;
};

// The first row whose ISA is available and that supports and prepares the problem.
template <class Params>
Result<SelectedKernel> select_kernel(std::span<const KernelRow<Params>> table, const Problem<Params>& problem) {
  for (const KernelRow<Params>& row : table) {
    if (!is_available(row.isa) || !row.supports(problem)) continue;
    Result<Kernel> prepared = row.prepare(problem);
    if (prepared.ok()) return SelectedKernel{row.name, std::move(*prepared)};
    if (prepared.error().code != ErrorCode::kUnsupported) return prepared.error();
  }
  return Error{ErrorCode::kUnsupported, "no kernel takes this combination of types and shapes"};
}

// Every op family defines, for its Params struct, beside its formula:
//   static constexpr const char* kName;                      the op's name on every floor
//   template <class Self, class V> static void visit_fields(Self&, V&)   name and value of each field, in file order
//   Result<std::vector<Shape>> infer_shapes(const Params&, Descs inputs)
//       the shape rule; checks ranks, dims and parameter values (they may come from a hostile file). Inputs may have
//       dynamic dimensions, which then go through to the outputs.
//   Status check_types(const Params&, Descs inputs, Descs outputs)
//       which combinations of data types, constants and quantization the reference kernel takes
//   std::span<const KernelRow<Params>> kernel_table(const Params&)
// and may define
//   int64_t count_macs(const Params&, Descs inputs, Descs outputs)    multiply-accumulates; else 0
//   int64_t count_operations(const Params&, Descs inputs, Descs outputs)
//       what a kernel does beyond reading and writing each element once; else the multiply-accumulates
//   int in_place_input(const Params&, Descs inputs, Descs outputs)    the input whose memory output 0 may take; else -1
//   bool is_view(const Params&)                                       output 0 is input 0's bytes; else false
//   bool keeps_samples_apart(const Params&, Descs inputs, Descs outputs)
//       whether sample i of each output (axis 0 counts samples) comes from sample i of the activations alone, by the
//       same arithmetic for any number of samples; else false
//   bool reads_only_shape(const Params&, size_t input)                of that input kernels read no element; else false
template <class Params>
int64_t count_macs(const Params&, Descs, Descs) {
  return 0;
}
template <class Params>
int64_t count_operations(const Params& params, Descs inputs, Descs outputs) {
  return count_macs(params, inputs, outputs);
}
template <class Params>
int in_place_input(const Params&, Descs, Descs) {
  return -1;
}
template <class Params>
bool is_view(const Params&) {
  return false;
}
template <class Params>
bool keeps_samples_apart(const Params&, Descs, Descs) {
  return false;
}
template <class Params>
bool reads_only_shape(const Params&, size_t) {
  return false;
}

// Helpers for the functions above: each names the op and what is wrong.
Error unsupported_types(const char* op, Descs inputs, Descs outputs);
Status check_input_count(const char* op, Descs inputs, size_t at_least, size_t at_most);
Status check_rank(const char* op, const TensorDesc& tensor, int rank);
// Both not quantized, or both per tensor with the same scale and zero point.
bool same_quantization(const TensorDesc& a, const TensorDesc& b);
bool per_tensor_u8(const TensorDesc& tensor);
bool plain(const TensorDesc& tensor, DataType type);
// Whether every input that is no constant has `rank`: its axis 0 is then not broadcast as another axis.
bool activations_have_rank(Descs inputs, int rank);

}  // namespace octet
