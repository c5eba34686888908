// How images enter a network: the run of nodes that makes u8, channels last, of the f32 that the user gives.
#pragma once

#include <optional>
#include <vector>

#include "kernels/quantize/padded_rows.h"
#include "runtime/packed_model.h"

namespace octet {

// pad(0)? -> mul(scale)? -> add(shift)? -> quantize -> transpose(0,2,3,1)?, constants per channel or one for all,
// nothing between read by anybody else. Without the transpose the channels are last (or there is one).
struct ImageChain {
  size_t count = 0;  // of nodes
  int32_t src = -1;
  ImagePads pads{};
  std::vector<float> scale, shift;  // one each for a channel, or one for all
  QuantParams quant;
  bool has_transpose = false;

  float scale_of(size_t channel) const { return scale[scale.size() == 1 ? 0 : channel]; }
  float shift_of(size_t channel) const { return shift[shift.size() == 1 ? 0 : channel]; }
};

// How many nodes, and graph outputs, read a tensor's elements.
int64_t count_readers(const PackedModel& model, int32_t tensor);

// The chain that starts at nodes[first], as long as it can be; nothing if it does not reach a quantize, or its source
// has not four axes.
std::optional<ImageChain> read_image_chain(const PackedModel& model, size_t first);

}  // namespace octet
