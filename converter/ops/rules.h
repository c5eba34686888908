// The rows of op_table.cpp, each defined in the file of its op; and what several of them share.
#pragma once

#include <cstdint>

#include "converter/op_rule.h"

namespace octet {

extern const OpRule kConv2dRule, kFullyConnectedRule, kPool2dRule, kBinaryRule, kUnaryRule, kConcatRule, kResizeRule,
    kSoftmaxRule, kReshapeRule, kTransposeRule, kSliceRule, kPadRule, kReduceRule, kQuantizeRule, kDequantizeRule,
    kMatmulRule, kGatherRule, kCastRule, kBatchNormRule, kShapeOfRule, kIdentityRule, kCompareRule, kWhereRule,
    kMathRule, kTopKRule, kCumulativeSumRule, kIndexRule, kNonMaxSuppressionRule, kRecurrentRule, kFakeQuantizeRule;
// Readers without an op: what they make are constants, or several nodes of other ops.
extern const OpRule kConstantRule, kNormalizationRule, kConvTransposeRule, kRearrangeRule, kEinsumRule;

template <QuantizationRule rule>
QuantizationRule always(const Graph&, const Node&) {
  return rule;
}

// OpRule::permute of an op that treats all elements alike.
inline bool permute_nothing(Graph&, Node&, std::span<const int64_t>) {
  return true;
}

// The place of `axis` among the permuted axes.
int64_t permuted_axis(int64_t axis, std::span<const int64_t> permutation);
// One entry per axis, in the order of the permuted axes.
std::vector<int64_t> permuted_list(const std::vector<int64_t>& list, std::span<const int64_t> permutation);
// Replaces the constant inputs of a node that broadcasts them by permuted ones. False, with nothing changed, where one
// has more axes than the permutation.
bool permute_constants(Graph& graph, Node& node, std::span<const int64_t> permutation);

// Each axis in [0, rank); an error that names the node where one is not.
Result<std::vector<int64_t>> normalize_axes(const NodeReader& reader, std::vector<int64_t> axes, int rank);

// The type that an attribute names: a number of ONNX's, or in JSON a name.
Result<DataType> target_type(const NodeReader& reader, const char* attribute);

// Input 1 of an operation on two tensors. Before opset 7 an attribute names the axis of input 0 where its axes begin;
// ones behind them make it what broadcasts today.
Result<ValueId> second_operand(NodeReader& reader);

// A one-element f32 constant, for arithmetic around an op.
ValueId scalar_constant(NodeReader& reader, float value, std::string_view suffix);

// Window attributes that Conv and the pools share: kernel_shape, strides, dilations, pads, auto_pad. Rank 3 (one
// spatial axis) is read as an image of height 1.
struct Window {
  std::array<int64_t, 2> kernel{1, 1}, strides{1, 1}, dilations{1, 1};
  std::array<int64_t, 4> pads{};  // top, left, bottom, right
};
// `kernel` is the one that the weights imply, or empty where kernel_shape must be there.
Result<Window> read_window(const NodeReader& reader, std::span<const int64_t> kernel);

// An op on one f32 image of rank 4 (NCHW) or 3 (NCW, as an image of height 1).
Result<ValueId> apply_to_image(NodeReader& reader, ValueId image, GraphOp op, std::vector<ValueId> others = {});
// An op on f32 images, for a source value of rank 4 (NCHW) or 3 (NCW, as images of height 1), of integers by way of
// f32. Binds output 0.
Status emit_image_op(NodeReader& reader, GraphOp op, std::vector<ValueId> others = {});

}  // namespace octet
