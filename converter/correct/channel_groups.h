// Values whose channels can be rescaled together without changing what the network computes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "converter/correct/correct.h"

namespace octet {

// The values that pools, additions, residuals and flattening tie together, with all layers that make them and all that
// read them: dividing channel i of every maker's output by r_i > 0 and multiplying what the readers make of it by r_i
// keeps the function, as long as the activations in between are none, ReLU, or a bound that nothing reaches.
struct ChannelGroup {
  std::vector<size_t> makers, readers;  // indices of nodes: weighted layers. A depthwise one may end a group and begin
                                        // the next
  size_t channels = 0;
  std::vector<std::string> values = {};  // all of them, by name
};

// All groups of the graph, in the order of their first maker.
std::vector<ChannelGroup> find_channel_groups(const Graph& graph);

// Divides channel c of the value by r[c] > 0 where layers make it, and multiplies it where they read it, in both graphs.
void rescale_channels(Draft& draft, const ChannelGroup& group, std::span<const double> r);

// Per output channel of a layer, before its activation and with its residual, over all positions of all samples.
struct ChannelStats {
  std::vector<double> mean, deviation, min, max;
};
// Of every weighted layer of the float network, by the name of its node.
Result<std::map<std::string, ChannelStats>> observe_channels(const CorrectionContext& context, const Graph& teacher,
                                                             const ChannelBounds& bounds = {});

// max |w| per output channel, and per input channel.
std::vector<double> output_ranges(const Graph& graph, const Node& layer);
std::vector<double> input_ranges(const Graph& graph, const Node& layer);

}  // namespace octet
