// Passes that fold constants into layers: batch normalization, scales and shifts, biases, pads, constants.
#include <doctest/doctest.h>

#include <cmath>

#include "converter/import/import_limits.h"
#include "converter/passes/passes.h"
#include "converter/passes/rewrite.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr Conv2dParams kPadded{.pads = {1, 1, 1, 1}};

int rewrites_of(const Graph& graph, const char* pass) {
  int rewrites = 0;
  rewritten(graph, pass, rewrites);
  return rewrites;
}

}  // namespace

TEST_CASE("batch normalization folds into the convolution before it: dense, grouped, depthwise, padded") {
  struct Case {
    Shape weights;
    Conv2dParams params;
    bool bias;
  };
  const Case cases[] = {{{5, 3, 3, 4}, kPadded, true},
                        {{5, 3, 3, 4}, {.strides = {2, 2}}, false},
                        {{6, 3, 3, 2}, {.pads = {1, 1, 1, 1}, .groups = 2}, true},
                        {{4, 3, 3, 1}, {.pads = {1, 1, 1, 1}, .groups = 4}, false},
                        {{8, 1, 1, 1}, {.groups = 4}, true}};
  for (const Case& c : cases) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 6, 5, 4});
    b.output(b.batch_norm("bn", b.conv2d("conv", x, c.weights, c.params, c.bias), 3));
    int rewrites = 0;
    const Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
    CHECK(rewrites == 1);
    CHECK(after.nodes.size() == 1);
    CHECK(after.value(after.nodes[0].outputs[0]).name == "bn");
  }
}

TEST_CASE("batch normalization folds into the fully connected layer before it") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 7});
  b.output(b.batch_norm("bn", b.fully_connected("fc", x, 5), 1));
  int rewrites = 0;
  CHECK(rewritten(b.graph(), "fold_batch_norm", rewrites).nodes.size() == 1);
}

TEST_CASE("the epsilon of batch normalization stands inside the root") {
  // k = 3 / sqrt(0 + 0.25) = 6; outside the root it would be 3 / 0.25 = 12.
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 1, 1, 1});
  const ValueId w = b.constant_of({1, 1, 1, 1}, {2.0F});
  const ValueId conv = b.add("conv", Conv2dParams{}, {x, w});
  const ValueId one = b.constant_of({1}, {1.0F});
  const ValueId scale = b.constant_of({1}, {3.0F});
  const ValueId zero = b.constant_of({1}, {0.0F});
  b.output(b.add("bn", BatchNormParams{0.25F, 3}, {conv, scale, one, one, zero}));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
  CHECK(after.value(after.nodes[0].inputs[1]).constant->as<float>()[0] == 12.0F);  // 2 * k
  CHECK(after.value(after.nodes[0].inputs[2]).constant->as<float>()[0] == -5.0F);  // 1 - 1 * k
}

TEST_CASE("batch normalization folds into the layer behind it where nothing is padded") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 6, 5, 4});
  const ValueId bn = b.batch_norm("bn", x, 3);
  b.output(b.conv2d("conv", bn, {6, 3, 3, 2}, {.groups = 2}));
  int rewrites = 0;
  CHECK(rewritten(b.graph(), "fold_batch_norm", rewrites).nodes.size() == 1);

  GraphBuilder f;
  const ValueId y = f.input("y", {Shape::kDynamic, 6});
  f.output(f.fully_connected("fc", f.batch_norm("bn", y, 1), 3, false));
  CHECK(rewritten(f.graph(), "fold_batch_norm", rewrites).nodes.size() == 1);
}

TEST_CASE("batch normalization before a padded convolution folds only if its shift is 0") {
  for (const bool shifted : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 2});
    const std::vector<float> zeros{0, 0};
    const ValueId mean = shifted ? b.constant({2}) : b.constant_of({2}, zeros);
    const ValueId bias = b.constant_of({2}, zeros);
    const ValueId bn =
        b.add("bn", BatchNormParams{1e-3F, 3}, {x, b.constant({2}), bias, mean, b.constant({2}, 0.5F, 1)});
    b.output(b.conv2d("conv", bn, {3, 3, 3, 2}, kPadded));
    int rewrites = 0;
    const Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
    CHECK(after.nodes.size() == (shifted ? 2 : 1));
    CHECK(count_ops(after, "batch_norm") == 0);
  }
}

TEST_CASE("batch normalization alone becomes a depthwise convolution for images, arithmetic for other tensors") {
  GraphBuilder b;
  b.output(b.batch_norm("bn", b.input("x", {Shape::kDynamic, 4, 4, 3}), 3));
  int rewrites = 0;
  Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
  REQUIRE(after.nodes.size() == 1);
  CHECK(after.nodes[0].as<Conv2dParams>()->groups == 3);

  GraphBuilder v;
  v.output(v.batch_norm("bn", v.input("x", {Shape::kDynamic, 3, 5}), 1));
  after = rewritten(v.graph(), "fold_batch_norm", rewrites);
  CHECK(count_ops(after, "binary") == 2);
}

TEST_CASE("a layer that feeds something else, or is an output, keeps its weights") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId conv = b.conv2d("conv", x, {3, 1, 1, 3});
  b.output(b.batch_norm("bn", conv, 3));
  b.output(conv);
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fold_batch_norm", rewrites);
  CHECK(count_ops(after, "conv2d") == 2);  // the convolution, and the normalization beside it
}

TEST_CASE("weights that two layers share are folded for one of them only") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId w = b.constant({3, 1, 1, 3});
  const ValueId first = b.add("first", Conv2dParams{}, {x, w});
  b.output(b.batch_norm("bn", first, 3));
  b.output(b.add("second", Conv2dParams{}, {x, w}));
  CHECK(rewrites_of(b.graph(), "fold_batch_norm") == 1);
}

TEST_CASE("constants that multiply a layer's output or input fold into its weights") {
  for (const BinaryKind kind : {BinaryKind::kMul, BinaryKind::kDiv}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{1, 1, 3}, Shape{1, 1, 1, 1}}) {
      GraphBuilder b;
      const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
      const ValueId scaled = b.add_up("scaled", x, b.constant(shape, 0.5F, 2), kind);
      const ValueId conv = b.conv2d("conv", scaled, {3, 3, 3, 3}, kPadded);
      b.output(b.add_up("y", conv, b.constant(shape, 0.5F, 2), kind));
      int rewrites = 0;
      const Graph after = rewritten(b.graph(), "fold_scale_shift", rewrites);
      CHECK(rewrites == 2);
      CHECK(after.nodes.size() == 1);
    }
  }
}

TEST_CASE("a shift before a layer folds into its bias, but not where the layer pads") {
  for (const bool padded : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
    const ValueId shifted = b.add_up("shifted", x, b.constant({3}), BinaryKind::kSub);
    b.output(b.conv2d("conv", shifted, {2, 3, 3, 3}, padded ? kPadded : Conv2dParams{}, false));
    CHECK(rewrites_of(b.graph(), "fold_scale_shift") == (padded ? 0 : 1));
  }
}

TEST_CASE("scales that vary along the image, or enlarge the tensor, stay") {
  for (const Shape& shape : {Shape{1, 3, 1}, Shape{2, 1, 1, 3}, Shape{1, 1, 1, 1, 3}}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 2, 3, 3});
    const ValueId conv = b.conv2d("conv", x, {3, 1, 1, 3});
    b.output(b.add_up("y", conv, b.constant(shape), BinaryKind::kMul));
    CHECK(rewrites_of(b.graph(), "fold_scale_shift") == 0);
  }
}

TEST_CASE("a division by 0 is not folded into weights") {
  GraphBuilder b;
  const ValueId conv = b.conv2d("conv", b.input("x", {1, 2, 3, 3}), {3, 1, 1, 3});
  b.output(b.add_up("y", conv, b.constant_of({3}, {0, 1, 2}), BinaryKind::kDiv));
  Graph after = b.graph();
  REQUIRE(run_passes(after).ok());
  CHECK(after.nodes.size() == 2);
}

TEST_CASE("a constant added to a layer becomes its bias, from either side, added or subtracted") {
  for (const bool first : {false, true}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 4, 4, 3});
    const ValueId conv = b.conv2d("conv", x, {5, 3, 3, 3}, {}, false);
    const ValueId c = b.constant({1, 1, 5});
    const ValueId sum = first ? b.add_up("sum", c, conv) : b.add_up("sum", conv, c);
    b.output(b.add_up("y", sum, b.constant({}), BinaryKind::kSub));
    int rewrites = 0;
    const Graph after = rewritten(b.graph(), "fuse_bias", rewrites);
    CHECK(rewrites == 2);
    CHECK(after.nodes.size() == 1);
  }
  GraphBuilder b;  // c - conv is not conv + c
  const ValueId conv = b.conv2d("conv", b.input("x", {1, 2, 2, 3}), {5, 1, 1, 3});
  b.output(b.add_up("y", b.constant({5}), conv, BinaryKind::kSub));
  CHECK(rewrites_of(b.graph(), "fuse_bias") == 0);
}

TEST_CASE("zero padding folds into convolutions") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 5, 5, 3});
  const PadParams pad{.before = {0, 1, 2, 0}, .after = {0, 0, 1, 0}};
  const ValueId padded = b.add("pad", pad, {x});
  b.output(b.conv2d("conv", padded, {2, 3, 3, 3}, {.strides = {2, 2}, .pads = {0, 0, 1, 0}}));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fold_pad", rewrites);
  REQUIRE(after.nodes.size() == 1);
  CHECK(after.nodes[0].as<Conv2dParams>()->pads == std::array<int64_t, 4>{1, 2, 1, 1});
}

TEST_CASE("padding of other values, modes, axes or signs stays, and so does padding that others read") {
  const PadParams zero{.before = {0, 1, 1, 0}, .after = {0, 1, 1, 0}};
  std::vector<PadParams> pads(5, zero);
  pads[0].value = 1;
  pads[1].mode = PadMode::kEdge;
  pads[2].before[3] = 1;
  pads[3].before[1] = -1;
  for (size_t i = 0; i < pads.size(); ++i) {
    GraphBuilder b;
    const ValueId x = b.input("x", {1, 5, 5, 3});
    const ValueId padded = b.add("pad", pads[i], {x});
    b.output(b.conv2d("conv", padded, {2, 3, 3, b.shape(padded)[3]}));
    if (i == 4) b.output(padded);
    CHECK(rewrites_of(b.graph(), "fold_pad") == 0);
  }
}

TEST_CASE("padding folds into pools only where zeros mean the same") {
  const PadParams pad{.before = {0, 1, 1, 0}, .after = {0, 1, 1, 0}};
  struct Case {
    Pool2dParams pool;
    bool behind_relu;
    int folds;
  };
  const Case cases[] = {
      {{.kind = PoolKind::kAverage, .kernel = {3, 3}}, false, 1},
      {{.kind = PoolKind::kAverage, .kernel = {3, 3}, .pads = {1, 1, 1, 1}}, false, 0},
      {{.kind = PoolKind::kAverage, .kernel = {3, 3}, .pads = {1, 1, 1, 1}, .count_include_pad = true}, false, 1},
      {{.kind = PoolKind::kAverage, .kernel = {3, 3}, .strides = {2, 2}, .ceil_mode = true}, false, 0},
      {{.kind = PoolKind::kAverage, .kernel = {1, 1}}, false, 0},
      {{.kind = PoolKind::kAverage, .global = true}, false, 0},
      {{.kind = PoolKind::kMax, .kernel = {3, 3}}, false, 0},
      {{.kind = PoolKind::kMax, .kernel = {3, 3}, .strides = {2, 2}}, true, 1}};
  for (const Case& c : cases) {
    GraphBuilder b;
    ValueId x = b.input("x", {Shape::kDynamic, 6, 6, 3});
    if (c.behind_relu) x = b.relu("relu", x);
    b.output(b.add("pool", c.pool, {b.add("pad", pad, {x})}));
    CHECK(rewrites_of(b.graph(), "fold_pad") == c.folds);
  }
}

TEST_CASE("what depends on constants alone is computed") {
  GraphBuilder b;
  const ValueId x = b.input("x", {2, 3});
  const ValueId sum = b.add_up("sum", b.constant({3}), b.constant({1}));
  const ValueId wide = b.add("wide", ReshapeParams{{1, 3}}, {sum});
  b.output(b.add_up("y", x, wide));
  int rewrites = 0;
  const Graph after = rewritten(b.graph(), "fold_constants", rewrites);
  CHECK(rewrites == 2);
  CHECK(after.nodes.size() == 1);
  CHECK(after.value(after.nodes[0].inputs[1]).name == "wide");
}

TEST_CASE("a mean over height and width becomes a global pool, with or without its dimensions") {
  for (const bool keep : {false, true}) {
    for (const ReduceKind kind : {ReduceKind::kMean, ReduceKind::kMax}) {
      GraphBuilder b;
      const ValueId x = b.input("x", {Shape::kDynamic, 4, 5, 3});
      b.output(b.add("mean", ReduceParams{kind, {2, 1}, keep}, {x}));
      int rewrites = 0;
      const Graph after = rewritten(b.graph(), "reduce_to_pool", rewrites);
      CHECK(count_ops(after, "pool2d") == 1);
      CHECK(count_ops(after, "reduce") == 0);
    }
  }
  GraphBuilder b;
  b.output(b.add("mean", ReduceParams{ReduceKind::kMean, {1}, true}, {b.input("x", {1, 4, 5, 3})}));
  CHECK(rewrites_of(b.graph(), "reduce_to_pool") == 0);
}

TEST_CASE("a layer whose weights are replaced, over and over, holds them once") {
  GraphBuilder b;
  b.output(b.fully_connected("fc", b.input("x", {1, 64}), 64));
  const int64_t before = constant_bytes(b.graph(), 0);
  const std::vector<double> k(64, 2), shift(64, 1);
  for (int i = 0; i < 20; ++i) scale_outputs(b.graph(), b.graph().nodes[0], k, shift);
  CHECK(constant_bytes(b.graph(), 0) == before);
  CHECK(b.graph().value(b.graph().nodes[0].input(kConvWeights)).is_constant());
}

}  // namespace octet::test
