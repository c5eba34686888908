// Parts of a packed model, to look at a layer before its activation.
#pragma once

#include <string>
#include <vector>

#include "converter/correct/draft.h"
#include "runtime/packed_model.h"

namespace octet {

// The nodes that make the tensors `outputs` from the tensors `inputs`; constants are shared. Every output depends on
// inputs and constants alone.
PackedModel cut_model(const PackedModel& model, const std::vector<int32_t>& inputs,
                      const std::vector<int32_t>& outputs);

// An f32 model in which every convolution and fully connected node is without clamp; a clip node follows where it had
// one. The tensor before the clip is called unclamped_name(its name). Nodes in `bounds` are cut there, too, channel by
// channel.
std::string unclamped_name(const std::string& tensor);
PackedModel open_clamps(const PackedModel& model, const ChannelBounds& bounds = {});

}  // namespace octet
