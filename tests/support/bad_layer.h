// A network that loses most of its accuracy in one layer.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "converter/correct/draft.h"
#include "tests/support/graph_builder.h"

namespace octet::test {

// Four layers, one scale for all weights of each. In `bad` one channel, that the next layer hardly reads, has weights a
// hundred times the others', so that the others are left with three levels.
inline Graph net_with_bad_layer(const std::string& bad, int64_t channels = 8) {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 4});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {channels, 3, 3, 4}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {channels, 1, 1, channels}));
  const ValueId c = g.relu("c_relu", g.conv2d("c", b, {channels, 1, 1, channels}));
  g.output(g.conv2d("d", c, {3, 1, 1, channels}));
  Graph graph = after_all_passes(g.graph());
  for (size_t i = 0; i + 1 < graph.nodes.size(); ++i) {
    if (graph.nodes[i].name != bad) continue;
    std::vector<float> weights = layer_weights(graph, graph.nodes[i]);
    const size_t taps = weights.size() / static_cast<size_t>(channels);
    std::fill_n(weights.begin(), taps, 0.0F);
    weights[0] = -100;  // behind the ReLU this channel is 0
    set_layer_weights(graph, graph.nodes[i], weights);
  }
  return graph;
}

}  // namespace octet::test
