// Parts of a packed model, to look at a layer before its activation.
#pragma once

#include <string>
#include <vector>

#include "runtime/packed_model.h"

namespace octet {

// The nodes that the tensors `outputs` depend on, with the model's own inputs; constants are shared.
PackedModel cut_model(const PackedModel& model, const std::vector<int32_t>& outputs);

// The model up to its convolution or fully connected node `node`, which makes f32 without clamp and without residual:
// s_x s_w (accumulator + bias), the tensor kProbeName. The layer's residual, if it has one, is an output too.
inline constexpr const char* kProbeName = "before activation";
PackedModel probe_layer(const PackedModel& model, size_t node);

// An f32 model in which every convolution and fully connected node is without clamp; a clip node follows where it had
// one. The tensor before the clip is called unclamped_name(its name).
std::string unclamped_name(const std::string& tensor);
PackedModel open_clamps(const PackedModel& model);

}  // namespace octet
