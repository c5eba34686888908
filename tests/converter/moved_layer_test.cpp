// Constants and clamps that fold into a layer whose value reshapes, transposes and slices have moved.
#include <doctest/doctest.h>

#include "converter/passes/passes.h"
#include "tests/support/graph_builder.h"
#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;

std::vector<float> some_floats(size_t count, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(count);
  for (float& v : values) v = uniform(random);
  return values;
}

struct Upsampling {
  const char* what;
  Shape x, weights;  // the latter [C, O / G, K...]
  bool bias;
  SourceBuilder::Attributes attributes;
};

// ConvTranspose, BatchNormalization, Relu.
SourceBuilder upsampling(const Upsampling& c) {
  const auto group = c.attributes.find("group");
  const int64_t groups = group == c.attributes.end() ? 1 : std::get<int64_t>(group->second);
  const int64_t outputs = c.weights[1] * groups;
  const auto count = static_cast<size_t>(outputs);
  SourceBuilder s;
  s.input("x", c.x).f32("w", c.weights, some_floats(static_cast<size_t>(c.weights.element_count()), 1));
  std::vector<std::string> inputs{"x", "w"};
  if (c.bias) {
    s.f32("b", {outputs}, some_floats(count, 2));
    inputs.emplace_back("b");
  }
  s.node("ConvTranspose", inputs, {"up"}, c.attributes);
  s.f32("scale", {outputs}, some_floats(count, 3)).f32("shift", {outputs}, some_floats(count, 4));
  s.f32("mean", {outputs}, some_floats(count, 5)).f32("variance", {outputs}, some_floats(count, 6, 0.1F, 2));
  s.node("BatchNormalization", {"up", "scale", "shift", "mean", "variance"}, {"bn"}).node("Relu", {"bn"}, {"y"});
  return s.output("y");
}

const Shape kImage{Shape::kDynamic, 6, 5, 4};

// Depth to space of a convolution of 2 * 2 * `channels` outputs.
ValueId blocks(GraphBuilder& b, int64_t channels) {
  ValueId y = b.conv2d("conv", b.input("x", {2, 3, 4, 5}), {4 * channels, 1, 1, 5});
  y = b.add("split", ReshapeParams{{2, 3, 4, 2, 2, channels}}, {y});
  y = b.transpose("order", y, {0, 1, 3, 2, 4, 5});
  return b.add("join", ReshapeParams{{2, 6, 8, channels}}, {y});
}

}  // namespace

TEST_CASE("batch normalization and ReLU fold into the transposed convolution before them") {
  const Upsampling cases[] = {
      {"twice the size", {2, 6, 5, 4}, {6, 3, 2, 2}, true, {{"strides", Ints{2, 2}}}},
      {"overlapping, cut, no bias",
       {2, 6, 5, 4},
       {6, 3, 4, 3},
       false,
       {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 1, 1}}}},
      {"groups",
       {2, 6, 5, 4},
       {6, 2, 3, 3},
       true,
       {{"strides", Ints{2, 2}}, {"group", int64_t{3}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"depthwise", {2, 6, 5, 4}, {6, 1, 2, 2}, false, {{"strides", Ints{2, 1}}, {"group", int64_t{6}}}},
      {"gaps between the taps", {2, 6, 5, 4}, {6, 3, 2, 2}, true, {{"strides", Ints{3, 3}}}},
      {"one output", {2, 6, 5, 4}, {6, 1, 2, 2}, true, {{"strides", Ints{2, 2}}}},
      {"stride 1", {2, 6, 5, 4}, {6, 3, 3, 3}, true, {{"pads", Ints{1, 1, 1, 1}}}},
      {"one axis", {2, 6, 5}, {6, 3, 4}, true, {{"strides", Ints{2}}, {"pads", Ints{1, 1}}}}};
  for (const Upsampling& c : cases) {
    CAPTURE(c.what);
    const Graph graph = upsampling(c).graph();
    REQUIRE(count_ops(graph, "batch_norm") == 1);
    int rewrites = 0;
    CHECK(count_ops(rewritten(graph, "fold_batch_norm", rewrites), "batch_norm") == 0);
    CHECK(rewrites == 1);
    const Graph after = after_all_passes(graph);  // compares what both compute
    CHECK(count_ops(after, "conv2d") == 1);
    for (const char* op : {"batch_norm", "binary", "unary"}) CHECK(count_ops(after, op) == 0);
  }
}

TEST_CASE("scales, biases and clamps fold into a layer through a change of layout") {
  GraphBuilder b;
  ValueId y = blocks(b, 3);
  y = b.add_up("scaled", y, b.constant({3}), BinaryKind::kMul);
  y = b.add_up("shifted", y, b.constant({1, 3}));
  b.output(b.relu("y", y));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "conv2d") == 1);
  CHECK(count_ops(after, "binary") + count_ops(after, "unary") == 0);

  // A fully connected layer whose outputs are the pixels of images.
  GraphBuilder f;
  y = f.fully_connected("fc", f.input("x", {Shape::kDynamic, 5}), 3 * 4);
  y = f.batch_norm("bn", f.add("images", ReshapeParams{{0, 3, 2, 2}}, {y}), 1);
  f.output(f.relu("y", y));
  int rewrites = 0;
  CHECK(rewritten(f.graph(), "fold_batch_norm", rewrites).nodes.size() == 3);
  CHECK(rewritten(f.graph(), "fuse_clamp", rewrites).nodes.size() == 4);  // not over the batch_norm between
  const Graph images = after_all_passes(f.graph());
  CHECK(count_ops(images, "batch_norm") + count_ops(images, "binary") + count_ops(images, "unary") == 0);
}

TEST_CASE("a channel of the layer that ends up in two places takes no constant") {
  int rewrites = 0;
  for (const int64_t axis : {1, 2, 3}) {  // along rows of the image a channel is in many
    CAPTURE(axis);
    GraphBuilder b;
    b.output(b.batch_norm("bn", blocks(b, 3), axis));
    const Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
    CHECK((after.nodes.size() == 4) == (axis == 3));
  }
  GraphBuilder rows;  // of each channel's rows every other one
  ValueId y = rows.conv2d("conv", rows.input("x", {2, 4, 3, 5}), {6, 1, 1, 5});
  y = rows.add("split", ReshapeParams{{2, 2, 2, 3, 6}}, {y});
  rows.output(rows.batch_norm("bn", y, 2));
  CHECK(count_ops(rewritten(rows.graph(), "fold_batch_norm", rewrites), "binary") == 2);
}

TEST_CASE("a slice of channels, and a moved value that others read, keep the layer's weights") {
  int rewrites = 0;
  GraphBuilder cut;
  ValueId y = cut.conv2d("conv", cut.input("x", kImage), {6, 1, 1, 4});
  y = cut.add("cut", SliceParams{{3}, {1}, {5}, {2}}, {y});
  cut.output(cut.batch_norm("bn", y, 3));
  CHECK(count_ops(rewritten(cut.graph(), "fold_batch_norm", rewrites), "conv2d") == 2);

  GraphBuilder read;
  y = read.conv2d("conv", read.input("x", kImage), {6, 1, 1, 4});
  const ValueId moved = read.transpose("moved", y, {0, 3, 1, 2});
  read.output(read.relu("relu", read.batch_norm("bn", read.transpose("back", moved, {0, 2, 3, 1}), 3)));
  read.output(moved);
  CHECK(count_ops(rewritten(read.graph(), "fold_batch_norm", rewrites), "conv2d") == 2);

  GraphBuilder clamp;
  y = clamp.conv2d("conv", clamp.input("x", kImage), {6, 1, 1, 4});
  y = clamp.transpose("moved", y, {0, 3, 1, 2});
  clamp.output(clamp.relu("relu", y));
  CHECK(count_ops(rewritten(clamp.graph(), "fuse_clamp", rewrites), "unary") == 0);
  clamp.output(y);
  CHECK(count_ops(rewritten(clamp.graph(), "fuse_clamp", rewrites), "unary") == 1);
}

}  // namespace octet::test
