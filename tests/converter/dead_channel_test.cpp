// Channels whose weights are nearly 0 and whose bias is not: an s32 bias at their scale would be beyond all bounds.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet {
namespace {

// Two layers; of the first one's 12 channels `dead` have weights of 1e-14 of theirs and biases of 2.
Graph two_layers(size_t dead) {
  test::GraphBuilder b(3);
  const ValueId x = b.input("x", {1, 6, 6, 4});
  const ValueId a = b.relu("a_relu", b.conv2d("a", x, {12, 3, 3, 4}));
  b.output(b.conv2d("b", a, {5, 1, 1, 12}));
  Graph graph = test::after_all_passes(b.graph());
  for (Node& node : graph.nodes) {
    if (node.name != "a") continue;
    std::vector<float> weights = layer_weights(graph, node);
    std::vector<float> bias = layer_bias(graph, node);
    const size_t taps = weights.size() / bias.size();
    for (size_t i = 0; i < dead * taps; ++i) weights[i] *= 1e-14F;
    std::fill_n(bias.begin(), dead, 2.0F);
    set_layer_weights(graph, node, weights);
    set_layer_bias(graph, node, bias);
  }
  return graph;
}

struct Quantized {
  double sqnr_db;
  int32_t largest_bias;
};

Quantized quantize(const Graph& graph) {
  const std::vector<Sample> samples = test::random_samples(graph, 40, 9, -1, 1);
  Draft draft = test::draft_of(graph, samples);
  const Result<PackedModel> packed = lower_draft(draft);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE(judge.ok());
  Quantized found{judge->measure(*packed)->sqnr_db(), 0};
  for (const PackedTensor& tensor : packed->tensors) {
    if (tensor.type != DataType::kS32 || tensor.data == nullptr) continue;
    for (int64_t i = 0; i < tensor.shape.element_count(); ++i) {
      found.largest_bias = std::max(found.largest_bias, std::abs(tensor.desc().as<int32_t>()[i]));
    }
  }
  return found;
}

}  // namespace

TEST_CASE("a network with nearly dead channels is as accurate as without them, and no bias is clipped") {
  const Quantized alive = quantize(two_layers(0)), dead = quantize(two_layers(4));
  CHECK(alive.sqnr_db > 30);
  CHECK(dead.sqnr_db > alive.sqnr_db - 2);
  CHECK(dead.largest_bias > alive.largest_bias);
  CHECK(dead.largest_bias <= 1 << 30);
}

}  // namespace octet
