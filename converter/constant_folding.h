// Evaluation of one node whose inputs are constants, by the kernels that would run it.
#pragma once

#include <optional>
#include <vector>

#include "converter/graph.h"

namespace octet {

// What folding may take of one model: seconds. A file of a few hundred bytes can ask for years.
inline constexpr int64_t kMaxFoldingOperations = int64_t{1} << 32;

// An estimate of what evaluate_constant would do: multiply-accumulates, comparisons, or elements read and written. 0
// where it computes nothing.
int64_t folding_operations(const Graph& graph, const Node& node);
// Takes them from `left`; kUnsupported with both numbers where they are more.
Status charge_folding(const Graph& graph, const Node& node, int64_t& left);

// The node's outputs; nothing where an input is computed, where a shape_of asks for a dynamic dimension, where an
// output has more than 2^26 elements (256 MiB of f32), or where no kernel computes it.
std::optional<std::vector<Tensor>> evaluate_constant(const Graph& graph, const Node& node);

}  // namespace octet
