// Values of a packed graph as values of an ONNX graph in QDQ form: their names, integers and order of axes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "converter/export/onnx_builder.h"
#include "kernels/clamp.h"
#include "runtime/packed_model.h"

namespace octet {

// order[i] is the place in ONNX of the packed tensor's axis i.
using AxisOrder = std::vector<int64_t>;

AxisOrder same_order(int rank);
// NHWC in NCHW, and convolution weights [O, KH, KW, C] in [O, C, KH, KW].
inline const AxisOrder kChannelsFirst{0, 2, 3, 1};
// list[i], a number for the packed axis i, in the places of ONNX.
std::vector<int64_t> reordered(const std::vector<int64_t>& list, const AxisOrder& order);

// A packed tensor has one ONNX value, of any order of axes: a transpose is then no node but another order, and an op on
// images finds its channels first. Integers pass through DequantizeLinear before each op that reads them, and every op
// that makes integers ends in QuantizeLinear, the pattern that runtimes look for to run the op on integers.
class QdqWriter {
 public:
  QdqWriter(const PackedModel& model, OnnxBuilder& onnx, bool exact_residuals);

  bool exact_residuals() const { return exact_residuals_; }

  OnnxBuilder& onnx() { return onnx_; }
  const PackedTensor& tensor(int32_t id) const { return model_.tensors[static_cast<size_t>(id)]; }
  int rank(int32_t id) const { return tensor(id).shape.rank(); }

  // The order in which an activation stands; a constant stands in any.
  AxisOrder order(int32_t id) const;
  // The real numbers (plain integers as they are) of tensor `id` in `order`, whose size is the rank or, for constants,
  // more: leading axes of 1 are put in front. `scales` replace those of the tensor.
  std::string read(int32_t id, const AxisOrder& order, const std::vector<float>& scales = {});
  std::string read(int32_t id) { return read(id, same_order(rank(id))); }

  // What a node's output is named before it is clamped and quantized.
  const std::string& output_name(const PackedNode& node) const { return tensor(node.outputs[0]).name; }
  // The node's output is `value`, real numbers in `order`, still to be clamped and quantized.
  void write(const PackedNode& node, std::string value, const AxisOrder& order, const Clamp& clamp = {});
  // The same for output i, which nothing clamps.
  void write_output(const PackedNode& node, size_t i, std::string value, const AxisOrder& order);
  // The same for numbers that count in steps of the output (real / scale), as the clamp does: no scale will be rounded
  // in again.
  void write_integers(const PackedNode& node, std::string value, const AxisOrder& order, const Clamp& clamp);
  // The node's output is another name for what input 0 holds, its axes permuted.
  void write_view(const PackedNode& node, const AxisOrder& order);
  // The node has no form in ONNX: what reads its outputs is written all the same, so that all such nodes are found.
  void write_nothing(const PackedNode& node);
  // The ONNX node of this name is an addition of integers that rounds before the zero point is added: not what ONNX
  // Runtime's kernel does, but octet is to when it reads the file again.
  void note_separate_zero_points(const std::string& name) { separate_zero_points_ += name + "\n"; }
  // All of them, a line each.
  const std::string& separate_zero_points() const { return separate_zero_points_; }
  // Names an input of the model.
  void write_input(int32_t id);

 private:
  struct Form {
    std::string value;  // integers where the tensor is quantized; empty: not made yet, or a constant
    AxisOrder order;
  };

  std::string read_constant(int32_t id, const AxisOrder& order, const std::vector<float>& scales);
  std::string quantization_op(const char* op, const std::string& value, const std::string& output,
                              const PackedTensor& tensor, const AxisOrder& order, const std::vector<float>& scales);
  void write(int32_t id, std::string value, const AxisOrder& order, const Clamp& clamp, const PackedTensor& dst);
  std::string clamped(const std::string& value, Clamp clamp, const PackedTensor& dst);

  const PackedModel& model_;
  OnnxBuilder& onnx_;
  bool exact_residuals_;
  std::vector<Form> forms_;
  std::string separate_zero_points_;
};

}  // namespace octet
