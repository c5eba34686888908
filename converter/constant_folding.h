// Evaluation of one node whose inputs are constants, by the kernels that would run it.
#pragma once

#include <optional>
#include <vector>

#include "converter/graph.h"

namespace octet {

// The node's outputs; nothing where an input is computed, where a shape_of asks for a dynamic dimension, where an
// output has more than 2^26 elements (256 MiB of f32), or where no kernel computes it.
std::optional<std::vector<Tensor>> evaluate_constant(const Graph& graph, const Node& node);

}  // namespace octet
