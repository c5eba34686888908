// Passes that fuse nodes: residuals, clamps; and those that drop or share them.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "converter/passes/passes.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr Conv2dParams kSame{.pads = {1, 1, 1, 1}};

int rewrites_of(const Graph& graph, const char* pass) {
  int rewrites = 0;
  rewritten(graph, pass, rewrites);
  return rewrites;
}

UnaryParams clip(float low, float high) {
  return {UnaryKind::kClip, low, high};
}

}  // namespace

TEST_CASE("an addition becomes the residual of the convolution that makes one operand") {
  for (const bool first : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
    const ValueId conv = b.conv2d("conv", x, {3, 3, 3, 3}, kSame, first);
    b.output(first ? b.add_up("y", conv, x) : b.add_up("y", x, conv));
    int rewrites = 0;
    const Graph after = rewritten(b.graph(), "fuse_residual", rewrites);
    REQUIRE(after.nodes.size() == 1);
    CHECK(after.nodes[0].input(kConvResidual) == after.inputs[0]);
  }
}

TEST_CASE("of two convolutions the later one takes the residual") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId main = b.conv2d("main", x, {5, 3, 3, 3}, kSame);
  const ValueId shortcut = b.conv2d("shortcut", x, {5, 1, 1, 3});
  b.output(b.add_up("y", main, shortcut));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fuse_residual", rewrites);
  REQUIRE(after.nodes.size() == 2);
  CHECK(after.nodes[1].name == "shortcut");
  CHECK(after.value(after.nodes[1].input(kConvResidual)).name == "main");
}

TEST_CASE("a convolution that runs before its residual is ready moves behind it") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId conv = b.conv2d("conv", x, {3, 3, 3, 3}, kSame);
  const ValueId late = b.relu("late", x);
  b.output(b.add_up("y", conv, late));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fuse_residual", rewrites);
  REQUIRE(after.nodes.size() == 2);
  CHECK(after.nodes[1].name == "conv");
}

TEST_CASE("sums that broadcast, double a value, or read a shared or clamped convolution stay") {
  for (const int which : {0, 1, 2, 3, 4}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 4, 4, 3});
    const ValueId conv =
        b.conv2d("conv", x, {3, 3, 3, 3}, {.pads = {1, 1, 1, 1}, .clamp = {which == 3 ? 0 : -INFINITY}});
    const ValueId other = which == 0 ? b.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {x}) : x;
    b.output(which == 1   ? b.add_up("y", conv, conv)
             : which == 4 ? b.add_up("y", conv, other, BinaryKind::kMul)
                          : b.add_up("y", conv, other));
    if (which == 2) b.output(conv);
    CHECK(rewrites_of(b.graph(), "fuse_residual") == 0);
  }
}

TEST_CASE("ReLU, ReLU6 and Clip become the clamp of the node before them") {
  for (const UnaryParams& params : {clip(0, INFINITY), clip(0, 6), clip(-0.5F, 0.25F), clip(-INFINITY, 0)}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
    const ValueId conv = b.add("a", params, {b.conv2d("conv", x, {3, 3, 3, 3}, kSame)});
    const ValueId sum = b.add("b", params, {b.add_up("sum", conv, x)});
    const ValueId flat = b.add("flat", ReshapeParams{{0, -1}}, {sum});
    b.output(b.add("c", params, {b.fully_connected("fc", flat, 4)}));
    int rewrites = 0;
    const Graph after = rewritten(b.graph(), "fuse_clamp", rewrites);
    CHECK(rewrites == 3);
    CHECK(count_ops(after, "unary") == 0);
    CHECK(after.nodes[0].as<Conv2dParams>()->clamp == Clamp{params.alpha, params.beta});
    CHECK(after.value(after.nodes[0].outputs[0]).name == "a");
  }
}

TEST_CASE("clamps compose exactly, even where they do not overlap") {
  const float bounds[][4] = {
      {0, 6, -1, 1}, {-1, 1, 0, 6}, {0, 1, -1, 0.5F}, {0, 0.25F, 0.5F, 0.75F}, {0.5F, 1, -1, 0.25F}};
  for (const auto& [a, b, c, d] : bounds) {
    GraphBuilder g;
    const ValueId x = g.input("x", {Shape::kDynamic, 50});
    g.output(g.add("second", clip(c, d), {g.add("first", clip(a, b), {x})}));
    int rewrites = 0;
    const Graph after = rewritten(g.graph(), "fuse_clamp", rewrites);
    CHECK(after.nodes.size() == 1);
    const auto inputs = random_inputs(g.graph());
    CHECK(largest_difference(run_graph(g.graph(), inputs), run_graph(after, inputs)) == 0);
  }
}

TEST_CASE("a maximum or minimum with a number is a clip, and becomes a clamp") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId conv = b.conv2d("conv", x, {3, 3, 3, 3}, kSame);
  const ValueId relu = b.add_up("relu", conv, b.constant_of({}, {0}), BinaryKind::kMax);
  const ValueId relu6 = b.add_up("relu6", b.constant_of({1, 1}, {6}), relu, BinaryKind::kMin);
  b.output(relu6);
  b.output(b.add_up("channels", relu6, b.constant_of({3}, {1, 2, 3}), BinaryKind::kMin));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fuse_clamp", rewrites);
  CHECK(after.nodes[0].as<Conv2dParams>()->clamp == Clamp{0, 6});
  CHECK(count_ops(after, "binary") == 1);
  const auto inputs = random_inputs(b.graph());
  CHECK(largest_difference(run_graph(b.graph(), inputs), run_graph(after, inputs)) == 0);
}

TEST_CASE("a clip that shuts out 0, reads a shared value, or clips an output stays") {
  for (const int which : {0, 1, 2}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 4, 4, 3});
    const ValueId conv = b.conv2d("conv", x, {3, 3, 3, 3}, kSame);
    b.output(b.add("y", which == 0 ? clip(0.5F, 6) : which == 1 ? clip(-6, -1) : clip(0, 6), {conv}));
    if (which == 2) b.output(conv);
    CHECK(rewrites_of(b.graph(), "fuse_clamp") == 0);
  }
}

TEST_CASE("nodes that change nothing go, and the names of outputs stay") {
  GraphBuilder b;
  ValueId x = b.relu("relu", b.input("x", {Shape::kDynamic, 4, 4, 3}));
  x = b.add("identity", IdentityParams{}, {x});
  x = b.add("reshape", ReshapeParams{{0, 4, 4, 3}}, {x});
  x = b.transpose("transpose", x, {0, 1, 2, 3});
  x = b.add("clip", clip(-INFINITY, INFINITY), {x});
  x = b.add("pad", PadParams{.before = {0, 0, 0, 0}, .after = {0, 0, 0, 0}}, {x});
  x = b.add("slice", SliceParams{{1, 3}, {0, 0}, {100, 3}, {1, 1}}, {x});
  x = b.add("concat", ConcatParams{2}, {x});
  x = b.add_up("mul", x, b.constant_of({3}, {1, 1, 1}), BinaryKind::kMul);
  x = b.add_up("add", b.constant_of({}, {0}), x);
  b.output(b.add_up("div", x, b.constant_of({1}, {1}), BinaryKind::kDiv));
  const Graph after = after_all_passes(b.graph());
  REQUIRE(after.nodes.size() == 1);
  CHECK(after.value(after.outputs[0]).name == "div");
}

TEST_CASE("arithmetic that broadcasts, and slices and pads that change something, stay") {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 4, 1, 3});
  b.output(b.add_up("wide", x, b.constant_of({1, 1, 2, 1}, {1, 1}), BinaryKind::kMul));
  b.output(b.add("slice", SliceParams{{1}, {1}, {4}, {1}}, {x}));
  b.output(b.add("back", SliceParams{{1}, {-1}, {-100}, {-1}}, {x}));
  b.output(b.add("pad", PadParams{.before = {0, 1, 0, 0}, .after = {0, -1, 0, 0}}, {x}));
  b.output(b.add_up("sub", b.constant_of({}, {0}), x, BinaryKind::kSub));
  CHECK(rewrites_of(b.graph(), "remove_identity") == 0);
}

TEST_CASE("an identity between an input and an output, or two outputs, becomes a node that can run") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3});
  b.output(b.add("y", IdentityParams{}, {x}));
  const ValueId relu = b.relu("relu", x);
  b.output(relu);
  b.output(b.add("z", IdentityParams{}, {relu}));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "identity") == 0);
  CHECK(after.nodes.size() == 3);
}

TEST_CASE("reshapes join, and a slice of the batch is no identity") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 2, 2, 3});
  const ValueId wide = b.add("wide", ReshapeParams{{0, 3, 4}}, {x});
  b.output(b.add("flat", ReshapeParams{{0, -1}}, {wide}));
  b.output(b.add("slice", SliceParams{{0}, {0}, {1}, {1}}, {x}));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "reshape") == 1);
  CHECK(count_ops(after, "slice") == 1);
}

TEST_CASE("a batch that reshapes join with other axes is not taken for the batch") {
  const int64_t n = Shape::kDynamic;
  GraphBuilder b;
  const ValueId x = b.input("x", {n, 8, 4});
  const ValueId joined = b.add("joined", ReshapeParams{{-1, 4, 4}}, {x});
  b.output(b.add("apart", ReshapeParams{{-1, 2, 8}}, {joined}));
  const ValueId back = b.add("back", ReshapeParams{{-1, 8, 4}}, {b.relu("relu", joined)});
  b.output(b.relu("y", back));
  const Graph after = after_all_passes(b.graph());
  std::map<std::string, std::vector<int64_t>> dims;
  for (const Node& node : after.nodes) {
    if (const auto* reshape = node.as<ReshapeParams>()) dims[node.name] = reshape->dims;
  }
  CHECK(dims["apart"] == std::vector<int64_t>{-1, 2, 8});
  CHECK(dims["back"] == std::vector<int64_t>{-1, 8, 4});
}

TEST_CASE("equal movements of a value share a node, different ones do not") {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3, 4});
  const ValueId first = b.transpose("first", x, {0, 2, 1});
  const ValueId second = b.transpose("second", x, {0, 2, 1});
  const ValueId third = b.transpose("third", x, {2, 0, 1});
  b.output(b.add_up("y", b.relu("r1", first), second));
  b.output(b.relu("r3", third));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "merge_duplicates", rewrites);
  CHECK(rewrites == 1);
  CHECK(count_ops(after, "transpose") == 2);
}

TEST_CASE("every pass has a name, a description, and leaves a folded graph alone") {
  GraphBuilder b;
  ValueId x = b.input("x", {Shape::kDynamic, 8, 8, 3});
  const ValueId stem = b.relu("relu", b.batch_norm("bn", b.conv2d("conv", x, {4, 3, 3, 3}, kSame), 3));
  const ValueId branch = b.batch_norm("bn2", b.conv2d("conv2", stem, {4, 3, 3, 4}, kSame), 3);
  b.output(b.relu("relu2", b.add_up("sum", branch, stem)));
  const Graph after = after_all_passes(b.graph());
  CHECK(after.nodes.size() == 2);
  for (const Pass& pass : passes()) {
    CHECK(std::string_view(pass.description).size() > 10);
    CHECK_MESSAGE(rewrites_of(after, pass.name) == 0, pass.name);
  }
}

}  // namespace octet::test
