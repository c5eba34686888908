// Which node runs in which type.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "converter/graph.h"
#include "octet/result.h"

namespace octet {

// kInt4: integers as in kInt8, but weights of 4 bits in the file. What runs is the same, so that choose_precisions does
// not know it: mixed precision chooses it, and QuantizeOptions::weights_of tells.
enum class Precision { kF32, kBf16, kInt8, kInt4, kWeightOnly, kDynamic };

// One per node of the graph, in order. Weighted nodes are int8 unless `keep_float` names them; between them everything
// is that can be. Elementwise ops and data movement behind the last weighted node (box decoding, say) stay f32: there
// int8 would cost accuracy and save nothing; so do those that only f32 nodes read, named by `keep_float` or without an
// integer form (the variance in a layer normalization, say). A folded and fused graph is expected.
//
// Weighted nodes that `bf16` names are bf16, and what only moves elements from one of them to another.
std::vector<Precision> choose_precisions(const Graph& graph, const std::set<std::string>& keep_float,
                                         const std::set<std::string>& bf16 = {});

// Whether the node multiplies rows by a matrix of constants: a fully connected layer, or a 1x1 convolution over images
// of height 1, which is what MatMul with constant weights has become (matmul_to_conv), residual included.
bool is_matrix_layer(const Graph& graph, const Node& node);

// Whether the node is a recurrent layer, whose weights are matrices of constants, too.
bool is_recurrent_layer(const Graph& graph, const Node& node);

// `layers` for matrix and recurrent layers that `keep_float` does not name, kF32 for all else. One per node, in order.
std::vector<Precision> choose_matrix_layers(const Graph& graph, const std::set<std::string>& keep_float,
                                            Precision layers);

// The weighted nodes: convolutions and fully connected layers with constant weights, which can be int8 or bf16.
std::set<std::string> weighted_nodes(const Graph& graph);

// The node names that --keep-float means: `first` and `last` stand for the first and the last convolution or fully
// connected layer, unless a node has that name; anything else is a node's name, or that of a tensor it makes, as
// `compare` lists them. kUsage: there is neither.
Result<std::set<std::string>> resolve_keep_float(const Graph& graph, const std::vector<std::string>& names);

// The inputs of a node that carry its data (not weights, bias, indices or shapes): those that are u8 when the node is
// int8.
std::vector<size_t> data_inputs(const Node& node);

// Whether the node, on integers, can leave its accumulator as f32.
bool can_write_f32(const Node& node);

}  // namespace octet
