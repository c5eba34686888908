// Weights that stand in the file in half precision, and are f32 again when it is loaded.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "converter/graph.h"
#include "runtime/packed_model.h"

namespace octet {

// Every node in f32, as lower_f32 does it. Weights of convolutions and fully connected layers, constant matrices,
// tables that are gathered from and weights of recurrent layers are rounded to the nearest half: two bytes each in the
// file, multiplied as f32. Biases and all other constants stay as they are, and what a node of `keep_float` or any
// other op reads; so does a tensor with numbers beyond 65504, which no half is, and `notices` gets a line. A folded
// graph is expected. kUnsupported: an op that only a float graph has is left.
Result<PackedModel> lower_halves(const Graph& graph, const std::set<std::string>& keep_float,
                                 std::vector<std::string>& notices);

}  // namespace octet
