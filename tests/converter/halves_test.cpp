#include "converter/halves.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "runtime/half.h"
#include "runtime/packed_format.h"
#include "tests/support/graph_builder.h"

namespace octet {
namespace {

// Two layers; the second one's weights are also an output's, if so asked.
Graph two_layers(bool reads_weights_otherwise) {
  test::GraphBuilder b;
  const ValueId x = b.input("x", {1, 8, 8, 16});
  const ValueId a = b.conv2d("a", x, {32, 3, 3, 16});
  const ValueId y = b.conv2d("b", a, {32, 1, 1, 32});
  b.output(y);
  if (reads_weights_otherwise) {
    const ValueId weights = b.graph().nodes.back().inputs[1];
    b.output(b.add("weights", ReshapeParams{{32, 32}}, {weights}));
  }
  return b.graph();
}

int count_halves(const PackedModel& model) {
  return static_cast<int>(std::ranges::count(model.tensors, 16, &PackedTensor::file_bits));
}

}  // namespace

TEST_CASE("weights become halves, biases and what a node is to keep do not") {
  const Graph graph = two_layers(false);
  std::vector<std::string> notices;
  const Result<PackedModel> packed = lower_halves(graph, {}, notices);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  CHECK(count_halves(*packed) == 2);
  CHECK(notices.empty());
  for (const PackedTensor& tensor : packed->tensors) {
    if (tensor.data == nullptr) continue;
    CHECK(tensor.file_bits == (tensor.shape.rank() == 4 ? 16 : 8));
    const auto before = std::ranges::find(graph.values, tensor.name, &Value::name);
    REQUIRE(before != graph.values.end());
    for (int64_t i = 0; i < tensor.shape.element_count(); ++i) {
      const float from = before->constant->as<float>()[static_cast<size_t>(i)];
      const float to = tensor.desc().as<float>()[i];
      REQUIRE(to == (tensor.file_bits == 16 ? half_to_float(float_to_half(from)) : from));
    }
  }
  const size_t whole = write_model(*lower_halves(graph, {"a", "b"}, notices)).size();
  CHECK(whole - write_model(*packed).size() == 2 * (32 * 9 * 16 + 32 * 32));
  CHECK(count_halves(*lower_halves(graph, {"a"}, notices)) == 1);
}

TEST_CASE("weights that something else reads, or that are too great, stay f32") {
  std::vector<std::string> notices;
  CHECK(count_halves(*lower_halves(two_layers(true), {}, notices)) == 1);
  CHECK(notices.empty());
  Graph graph = two_layers(false);
  Value& weights = graph.value(graph.nodes[0].inputs[1]);
  Tensor large = Tensor::f32(weights.shape, weights.constant->as<float>());
  large.as<float>()[5] = 70000;
  weights.constant = large;
  CHECK(count_halves(*lower_halves(graph, {}, notices)) == 1);
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].find("65504") != std::string::npos);
}

}  // namespace octet
