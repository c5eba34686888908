// How the values of a corrected network stand to those of the model that it was made from, channel by channel.
//
// Corrections that rescale a network leave what it computes as it is, but not the values in between. Whoever holds
// these against the model's (compare.h) brings the model's into the same units first.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/result.h"

namespace octet {

// y = factor * (x[source] - shift) of the model's value x, and where shift > 0 not below 0: a ReLU's offset was
// absorbed.
struct ChannelRescaling {
  size_t source = 0;
  double factor = 1;  // > 0
  double shift = 0;   // >= 0
};

// Per channel of the value's last axis.
using ValueRescaling = std::vector<ChannelRescaling>;
// By the value's name; a value that is not here is the model's own.
using Rescaling = std::map<std::string, ValueRescaling>;

// The value's channels; those of a model where it is not in `rescaling` yet.
ValueRescaling& rescaling_of(Rescaling& rescaling, const std::string& value, size_t channels);

// Of a value [..., channels]. False, with `values` as they were, if they are not that many.
bool rescale_values(const ValueRescaling& channels, std::span<float> values);

// A packed file's metadata under this key.
inline constexpr const char* kRescalingKey = "rescaling";
// Lines "names;factors;shifts;sources": values that are rescaled alike, 3 characters a factor (relative error below
// 1e-4), then only channels that differ: "channel:shift" and "channel:source". Values whose channels are as they were
// are left out.
std::string to_text(const Rescaling& rescaling);
// kInvalidFile: not such a text.
Result<Rescaling> parse_rescaling(std::string_view text);

}  // namespace octet
