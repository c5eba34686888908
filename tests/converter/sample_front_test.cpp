// Runs that begin in the middle of a network see what runs from its inputs see.
#include "converter/correct/sample_front.h"

#include <doctest/doctest.h>

#include <map>

#include "converter/correct/layer_geometry.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// A residual and a branch: at most places more than one value is alive.
Graph branched_net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 9, 7, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {8, 3, 3, 4}, {.pads = {0, 1, 2, 1}, .groups = 2}));
  const ValueId c = g.relu("c_relu", g.add_up("sum", g.conv2d("c", b, {8, 1, 1, 8}), a));
  const ValueId d = g.conv2d(
      "d", c, {8, 3, 2, 1}, {.strides = {2, 1}, .dilations = {1, 2}, .pads = {1, 0, 0, 2}, .groups = 8});
  g.output(g.conv2d("e", g.relu("d_relu", d), {4, 1, 1, 8}));
  return after_all_passes(g.graph());
}

// Tensor `name` of every sample, as bytes.
std::vector<std::string> bytes_of_tensor(const PackedModel& model, const std::string& name,
                                         std::span<const Sample> samples) {
  std::vector<std::string> found(samples.size());
  const Status status =
      run_samples(model, samples, 1, [&](size_t sample, const std::string& seen, const TensorView& tensor) {
        if (seen != name) return;
        found[sample].assign(static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.byte_count()));
      });
  REQUIRE(status.ok());
  return found;
}

}  // namespace

TEST_CASE("a front that moves from layer to layer shows what whole runs show, while the layers change") {
  const Graph graph = branched_net();
  const std::vector<Sample> samples = random_samples(graph, 5, 41, -1, 1);
  const int64_t most_bytes[] = {0, 3000, SampleFront::kFrontBytes};  // stays at the inputs; moves at times; always
  for (const int64_t most : most_bytes) {
    CAPTURE(most);
    Draft draft = draft_of(graph, samples);
    Result<PackedModel> packed = lower_draft(draft);
    REQUIRE(packed.ok());
    SampleFront front(samples, 2, most);
    for (const DraftLayer& layer : draft_layers(draft, *packed)) {
      const PackedNode& packed_node = packed->nodes[layer.packed_node];
      CAPTURE(packed_node.name);
      REQUIRE(front.advance(*packed, layer.packed_node).ok());
      const std::vector<int32_t> wanted{packed_node.inputs[kConvSrc], packed_node.outputs[0]};
      std::vector<std::vector<std::string>> seen(wanted.size(), std::vector<std::string>(samples.size()));
      const Status status = front.visit(*packed, wanted, [&](size_t sample, size_t k, const TensorView& tensor) {
        seen[k][sample].assign(static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.byte_count()));
      });
      REQUIRE_MESSAGE(status.ok(), status.error().message);
      for (size_t k = 0; k < wanted.size(); ++k) {
        const PackedTensor& tensor = packed->tensors[static_cast<size_t>(wanted[k])];
        CHECK(seen[k] == bytes_of_tensor(*packed, tensor.name, samples));
      }
      // What comes behind must see the layer as it is now.
      Node& node = draft.graph.nodes[layer.node];
      std::vector<float> bias = layer_bias(draft.graph, node);
      for (float& b : bias) b += 0.3F;
      set_layer_bias(draft.graph, node, bias);
      requantize_layer(draft, *packed, layer);
    }
  }
}

TEST_CASE("what a layer makes of its mean patch is the mean of what it makes") {
  const Graph graph = branched_net();
  const std::vector<Sample> samples = random_samples(graph, 3, 42, -1, 1);
  Draft draft = draft_of(graph, samples);
  const Result<PackedModel> packed = lower_draft(draft);
  REQUIRE(packed.ok());
  const auto quant_of = [&](int32_t id) { return packed->tensors[static_cast<size_t>(id)].desc().quant(); };
  for (const DraftLayer& layer : draft_layers(draft, *packed)) {
    const PackedNode& node = packed->nodes[layer.packed_node];
    if (node.name == "c") continue;  // its residual is no part of the patch
    CAPTURE(node.name);
    PackedModel opened = *packed;  // without clamp and rounding of the output
    const auto output = static_cast<size_t>(node.outputs[0]);
    if (auto* conv = std::get_if<Conv2dParams>(&opened.nodes[layer.packed_node].op)) conv->clamp = {};
    opened.tensors[output].type = DataType::kF32;
    opened.tensors[output].scales.clear();
    opened.tensors[output].zero_points.clear();
    opened.outputs = {node.outputs[0]};
    opened.nodes.resize(layer.packed_node + 1);

    const LayerGeometry geometry(draft.graph, draft.graph.nodes[layer.node]);
    const std::vector<float> weights = integer_weights(*packed, layer);
    const std::vector<double> bias = integer_bias(*packed, layer);
    const auto taps = static_cast<size_t>(geometry.taps());
    std::vector<std::vector<double>> patches(samples.size());
    std::vector<std::vector<double>> means(samples.size());
    const Status status = SampleFront(samples, 1).visit(
        opened, {node.inputs[kConvSrc], node.outputs[0]}, [&](size_t sample, size_t k, const TensorView& tensor) {
          if (k == 0) patches[sample] = mean_patch(geometry, tensor, quant_of(node.inputs[kConvSrc]));
          if (k == 0) return;
          means[sample] = channel_sums(tensor, {});
          const double positions = static_cast<double>(tensor.shape.element_count() / geometry.o);
          for (double& mean : means[sample]) mean /= positions;
        });
    REQUIRE_MESSAGE(status.ok(), status.error().message);
    for (size_t i = 0; i < samples.size(); ++i) {
      for (size_t o = 0; o < bias.size(); ++o) {
        double mean = bias[o];
        const double* patch = patches[i].data() + o / static_cast<size_t>(geometry.group_o()) * taps;
        for (size_t k = 0; k < taps; ++k) mean += static_cast<double>(weights[o * taps + k]) * patch[k];
        CHECK(mean == doctest::Approx(means[i][o]).epsilon(1e-4));  // f32 sums of some dozen pixels
      }
    }
  }
}

}  // namespace octet::test
