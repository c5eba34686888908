// A quantized network while it is being corrected: still floats, beside all that decides its integers.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/graph.h"
#include "converter/lower.h"
#include "converter/rescaling.h"

namespace octet {

// Upper bounds of a layer's output channels, by the name of its node.
using ChannelBounds = std::map<std::string, std::vector<double>>;

// `teacher` computes what the user's model computes. `graph` has the same nodes and values (same indices, same names),
// and is what gets lowered: its weights and biases carry the corrections. Passes that rescale the network change both.
// Where a rescaled activation's bound differs between channels, which no layer can have, `bounds` has the teacher's.
// `rescaling` has what passes made of the values of the user's model. Copies are cheap: constants are shared.
struct Draft {
  Graph graph;
  Graph teacher;
  Ranges ranges;
  QuantizeOptions options;
  ChannelBounds bounds = {};
  Rescaling rescaling = {};
};

// The integer network that the draft stands for. Scales of weights that are not fixed yet are from then on, so that
// corrections of a bias do not move them.
Result<PackedModel> lower_draft(Draft& draft);

// A convolution or fully connected layer with integer weights, of a draft and of the packed model made from it.
struct DraftLayer {
  size_t node;         // in Draft::graph.nodes and Draft::teacher.nodes
  size_t packed_node;  // in PackedModel::nodes
};

// In the order in which they run.
std::vector<DraftLayer> draft_layers(const Draft& draft, const PackedModel& packed);

// The layer's constants as floats; bias is zeros where the node has none.
std::vector<float> layer_weights(const Graph& graph, const Node& node);
std::vector<float> layer_bias(const Graph& graph, const Node& node);
// What is NaN or infinite leaves the number as it was: where NaN flows through the network on some sample, means and
// sums over the samples are NaN, too, and there is nothing to correct by.
void set_layer_weights(Graph& graph, Node& node, std::span<const float> weights);
void set_layer_bias(Graph& graph, Node& node, std::span<const float> bias);

// Brings the layer's integers in `packed` up to date with the draft, as lowering the whole draft would.
void requantize_layer(const Draft& draft, PackedModel& packed, const DraftLayer& layer);

// The layer's constants as the integers make them.
std::vector<float> integer_weights(const PackedModel& packed, const DraftLayer& layer);
std::vector<double> integer_bias(const PackedModel& packed, const DraftLayer& layer);

// A clamp's place in a node that may have one, else null.
const Clamp* clamp_of(const Node& node);
Clamp* clamp_of(Node& node);

}  // namespace octet
