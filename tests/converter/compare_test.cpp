// The packed network beside the float one, tensor by tensor.
#include "converter/compare.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "converter/rescaling.h"
#include "tests/support/correction.h"
#include "tests/support/graph_builder.h"
#include "tests/support/npy_file.h"
#include "tests/support/scratch_folder.h"

namespace octet::test {
namespace {

// A network whose channels balance changes by far, its float form, and what balance makes of it.
struct Balanced {
  Model reference;
  PackedModel packed;
  std::string rescaling;
  std::vector<Sample> samples;
};

Model model_of(const PackedModel& packed) {
  return Model::from_packed(std::make_shared<PackedModel>(packed));
}

Balanced balanced() {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 6, 6, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, {.pads = {1, 1, 1, 1}}));
  const ValueId b = g.relu("b_relu", g.conv2d("b", a, {8, 3, 3, 1}, {.pads = {1, 1, 1, 1}, .groups = 8}));
  g.output(g.conv2d("c", b, {4, 1, 1, 8}));
  Graph graph = after_all_passes(g.graph());
  for (Node& node : graph.nodes) {
    std::vector<float> weights = layer_weights(graph, node);
    if (node.name == "a") std::for_each(weights.begin(), weights.begin() + 27, [](float& w) { w *= 20; });
    set_layer_weights(graph, node, weights);
  }
  std::vector<Sample> samples = random_samples(graph, 8, 71, -1, 1);
  Draft draft = corrected("balance", draft_of(graph, samples), context_of(samples));
  const Result<PackedModel> f32 = lower_f32(graph);
  Result<PackedModel> packed = lower_draft(draft);
  REQUIRE(f32.ok());
  REQUIRE(packed.ok());
  packed->metadata["correct"] = "balance+bias";
  return {model_of(*f32), std::move(*packed), to_text(draft.rescaling), std::move(samples)};
}

Result<Comparison> compare(const Balanced& net) {
  std::vector<float> numbers;
  for (const Sample& sample : net.samples) {
    const auto x = sample[0].as<float>();
    numbers.insert(numbers.end(), x.begin(), x.end());
  }
  const ScratchFolder folder;
  const std::string path = folder.write("x.npy", npy_file<float>("<f4", "(8, 6, 6, 3)", numbers));
  const Dataset data = Dataset::open({path}, net.reference.inputs(), "").value();
  const std::vector<size_t> indices = {0, 1, 2, 3, 4, 5, 6, 7};
  return octet::compare(net.reference, model_of(net.packed), data, indices, 2, {});
}

}  // namespace

TEST_CASE("a rescaled network's tensors are compared in its own units") {
  Balanced net = balanced();
  net.packed.metadata[kRescalingKey] = net.rescaling;
  const Result<Comparison> found = compare(net);
  REQUIRE(found.ok());
  for (const char* name : {"x", "a_relu", "b_relu", "c"}) {
    CAPTURE(name);
    const auto row = std::ranges::find(found->layers, name, &LayerComparison::name);
    REQUIRE(row != found->layers.end());
    CHECK(!row->is_rescaled);
    CHECK(row->cumulative.sqnr_db() > 30);
    CHECK(row->isolated.sqnr_db() > 30);
  }
  // What the values were before: far from what the integers are.
  net.packed.metadata[kRescalingKey] = "";
  CHECK(compare(net)->layers[1].cumulative.sqnr_db() < 20);
}

TEST_CASE("a file that does not say what became of its values has no figures of them") {
  const Balanced net = balanced();
  const Result<Comparison> found = compare(net);
  REQUIRE(found.ok());
  REQUIRE(found->layers.size() == 4);
  for (const LayerComparison& row : found->layers) {
    CAPTURE(row.name);
    const bool is_inner = row.name == "a_relu" || row.name == "b_relu";
    CHECK(row.is_rescaled == is_inner);
    CHECK((row.cumulative.count() == 0) == is_inner);
  }
  CHECK(found->outputs[0].cumulative.sqnr_db() > 30);
  CHECK(worst_nodes(found->layers).empty());
}

TEST_CASE("a tensor of other channels than the file says has no figures, and a list that is none is refused") {
  Balanced net = balanced();
  net.packed.metadata[kRescalingKey] = "a_relu;gAAgAAgAAgAAgAA";
  const Result<Comparison> found = compare(net);
  REQUIRE(found.ok());
  CHECK(std::ranges::find(found->layers, "a_relu", &LayerComparison::name)->is_rescaled);
  net.packed.metadata[kRescalingKey] = "a_relu";
  const Result<Comparison> refused = compare(net);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kInvalidFile);
}

}  // namespace octet::test
