// Which node runs in which type.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "converter/graph.h"

namespace octet {

enum class Precision { kF32, kInt8 };

// One per node of the graph, in order. Weighted nodes are int8 unless `keep_float` names them; between them everything
// is that can be. Elementwise ops and data movement behind the last weighted node (box decoding, say) stay f32: there
// int8 would cost accuracy and save nothing. A folded and fused graph is expected.
std::vector<Precision> choose_precisions(const Graph& graph, const std::set<std::string>& keep_float);

// The inputs of a node that carry its data (not weights, bias or indices): those that are u8 when the node is int8.
std::vector<size_t> data_inputs(const Node& node);

}  // namespace octet
