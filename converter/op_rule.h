// What the converter must know of each op: one row per op, listed in op_table.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "converter/import/node_reader.h"

namespace octet {

// How an op behaves when a network becomes integers.
enum class QuantizationRule {
  kFloat,      // always f32
  kWeighted,   // u8 in, s8 weights, own range at the output: conv2d, fully_connected
  kOwnRange,   // u8 in, u8 out, own range at the output: average pool, add, sigmoid
  kSameRange,  // moves or selects values: inputs and output share one range: max pool, concat, reshape, slice
};

struct OpRule {
  std::string_view name;  // the op's name; also its file's
  // How this node is quantized (an op may decide by its parameters).
  QuantizationRule (*quantization)(const Graph& graph, const Node& node);
  // Makes the node work on inputs whose axes are permuted: transpose(x, p).shape[i] = x.shape[p[i]]. On return the
  // layout pass replaces each computed input by its transpose; permute itself rewrites the parameters (axes, pads) and
  // the constant inputs (by new constants, one of lower rank first lifted to the rank by leading 1s), so that the
  // output comes out as transpose(output, permutation). On entry every computed data input has the permutation's rank,
  // or is to be lifted to it as broadcasting does; the values' shapes are the old ones. False, with nothing changed,
  // where that cannot be done. Null: transposes stop here (reshape and transpose, which the pass knows by itself; and
  // what is NHWC by definition).
  bool (*permute)(Graph& graph, Node& node, std::span<const int64_t> permutation);
  // Names and readers in the source formats.
  std::span<const OpReader> readers;
};

// All rows.
std::span<const OpRule* const> op_rules();
// The row of a node's op.
const OpRule& op_rule(const GraphOp& op);
// The reader of a source model's node, or null: ONNX nodes of the standard domain are found by op_type, JSON's own by
// their name there.
const OpReader* find_reader(const SourceNode& node);
// Why a node that has none is not read.
std::string unknown_operation(const SourceNode& node);

}  // namespace octet
