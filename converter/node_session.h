// One node of a packed model, run alone.
#pragma once

#include <vector>

#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

// The node as a model of its own, for one sample. Its inputs are the node's activations, each once: `activations` gets their tensors in
// `model`, in that order. Constants are shared with `model`.
Result<Session> session_of_node(const PackedModel& model, const PackedNode& node, std::vector<int32_t>& activations);

}  // namespace octet
