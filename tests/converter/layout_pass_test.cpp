// The layout pass: what importers of NCHW models emit, and what is left of it.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

const std::vector<int64_t> kLast{0, 2, 3, 1};
const std::vector<int64_t> kFirst{0, 3, 1, 2};

// An op on NCHW images as importers emit it.
ValueId image_op(GraphBuilder& b, const std::string& name, GraphOp op, ValueId x, std::vector<ValueId> others = {}) {
  others.insert(others.begin(), b.add(name + ":transpose", TransposeParams{kLast}, {x}));
  const ValueId y = b.add(name + ":" + op_name(op), std::move(op), std::move(others));
  return b.add(name, TransposeParams{kFirst}, {y});
}

ValueId conv(GraphBuilder& b, const std::string& name, ValueId x, int64_t outputs, int64_t kernel = 3) {
  const int64_t pad = kernel / 2;
  const ValueId weights = b.constant({outputs, kernel, kernel, b.shape(x)[1]});
  return image_op(b, name, Conv2dParams{.pads = {pad, pad, pad, pad}}, x, {weights, b.constant({outputs})});
}

const Pool2dParams kGlobalAverage{.kind = PoolKind::kAverage, .global = true};
const Pool2dParams kMaxPool{.kind = PoolKind::kMax, .kernel = {2, 2}, .strides = {2, 2}};

}  // namespace

TEST_CASE("a residual network keeps one transpose, at its input, and every other node fuses") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 8, 8});
  const ValueId stem = b.relu("relu1", b.batch_norm("bn1", conv(b, "conv1", x, 4), 1));
  ValueId y = b.relu("relu2", b.batch_norm("bn2", conv(b, "conv2", stem, 6), 1));
  y = b.batch_norm("bn3", conv(b, "conv3", y, 6), 1);
  const ValueId shortcut = b.batch_norm("bn4", conv(b, "conv4", stem, 6, 1), 1);
  y = b.relu("relu3", b.add_up("sum", y, shortcut));
  y = image_op(b, "pool", kGlobalAverage, y);
  y = b.add("flatten", ReshapeParams{{0, -1}}, {y});
  b.output(b.add("softmax", SoftmaxParams{1}, {b.fully_connected("fc", y, 5)}));

  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "transpose") == 1);
  CHECK(after.nodes[0].is<TransposeParams>());
  CHECK(after.nodes[0].input(0) == after.inputs[0]);
  CHECK(count_ops(after, "conv2d") == 4);
  CHECK(after.nodes.size() == 9);  // and pool, reshape, fully_connected, softmax
  // Values go by the names of the source model's tensors.
  CHECK(after.value(after.nodes[1].outputs[0]).name == "relu1");
}

TEST_CASE("padding before the first convolution does not keep the transpose from the input") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 7, 7});
  const ValueId padded = b.add("pad", PadParams{.before = {0, 0, 1, 1}, .after = {0, 0, 0, 1}}, {x});
  b.output(b.add("flat", ReshapeParams{{0, -1}}, {image_op(b, "gap", kGlobalAverage, conv(b, "conv", padded, 4, 1))}));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "pad") == 0);
  CHECK(count_ops(after, "transpose") == 1);
  CHECK(after.nodes[0].is<TransposeParams>());
}

TEST_CASE("concatenations, slices, reductions and pools of NCHW images work on NHWC ones") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 8, 8});
  const ValueId left = b.relu("left", conv(b, "conv1", x, 4, 1));
  const ValueId right = b.add("right", UnaryParams{UnaryKind::kSigmoid}, {conv(b, "conv2", x, 5)});
  ValueId y = b.add("concat", ConcatParams{1}, {left, right});
  y = image_op(b, "pool", kMaxPool, y);
  y = b.add("slice", SliceParams{{1, 2}, {1, 0}, {8, 3}, {1, 1}}, {y});
  y = b.add_up("scaled", y, b.constant({7, 1, 1}), BinaryKind::kMul);
  y = b.add("pad", PadParams{.before = {0, 1, 0, 0}, .after = {0, 0, 2, 0}}, {y});
  y = conv(b, "conv3", y, 2, 1);
  b.output(b.add("mean", ReduceParams{ReduceKind::kMean, {2, 3}, false}, {y}));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "transpose") == 1);
  CHECK(count_ops(after, "reduce") == 0);
}

TEST_CASE("a flatten permutes the weights behind it instead of the image") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 2, 4, 3});
  const ValueId image = conv(b, "conv", x, 3);
  const ValueId flat = b.add("flat", ReshapeParams{{0, -1}}, {image});
  b.output(b.fully_connected("fc1", flat, 4));
  b.output(b.fully_connected("fc2", flat, 2));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "transpose") == 1);
}

TEST_CASE("a flatten that is an output, or feeds anything but layers, keeps its order") {
  for (const bool output : {true, false}) {
    GraphBuilder b;
    const ValueId x = b.input("x", {Shape::kDynamic, 2, 4, 3});
    const ValueId flat = b.add("flat", ReshapeParams{{0, -1}}, {conv(b, "conv", x, 3)});
    b.output(b.fully_connected("fc", flat, 4));
    b.output(output ? flat : b.add("softmax", SoftmaxParams{1}, {flat}));
    CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 2);
  }
}

TEST_CASE("an image as output is NCHW again, under its name") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 4, 4});
  b.output(b.relu("y", b.batch_norm("bn", conv(b, "conv", x, 4), 1)));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "transpose") == 2);
  CHECK(after.nodes.size() == 3);
}

TEST_CASE("a network that is NHWC itself keeps no transpose between its own and the importer's") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 6, 6, 3});
  ValueId y = b.relu("relu", conv(b, "conv", b.transpose("to_nchw", x, kFirst), 4));
  y = b.transpose("to_nhwc", y, kLast);
  b.output(b.add("softmax", SoftmaxParams{3}, {y}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 0);
}

TEST_CASE("detection heads: transpose and reshape of the model itself cancel with the layout") {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 3, 8, 8});
  const ValueId trunk = b.relu("relu", conv(b, "conv", x, 4));
  std::vector<ValueId> heads;
  for (const std::string name : {"a", "b"}) {
    const ValueId head = b.transpose(name + "_nhwc", conv(b, name, trunk, 6), kLast);
    heads.push_back(b.add(name + "_flat", ReshapeParams{{1, -1, 2}}, {head}));
  }
  b.output(b.add("scores", SoftmaxParams{2}, {b.add("concat", ConcatParams{1}, heads)}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 1);
}

TEST_CASE("tokens of an image: joining height and width commutes with the layout") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 4, 4});
  const ValueId tokens = b.add("tokens", ReshapeParams{{0, 5, 16}}, {conv(b, "conv", x, 5, 1)});
  b.output(b.transpose("y", tokens, {0, 2, 1}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 1);
}

TEST_CASE("squeeze and excite: vectors reach the image by reshapes alone") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 4, 4});
  const ValueId image = b.relu("relu", conv(b, "conv", x, 6));
  ValueId s = b.add("mean", ReduceParams{ReduceKind::kMean, {2, 3}, false}, {image});
  s = b.add("gate", UnaryParams{UnaryKind::kSigmoid}, {b.fully_connected("fc", s, 6)});
  s = b.add("wide", ReshapeParams{{0, 6, 1, 1}}, {s});
  const ValueId y = b.add_up("scaled", image, s, BinaryKind::kMul);
  b.output(b.add("out", ReduceParams{ReduceKind::kMean, {2, 3}, false}, {conv(b, "conv2", y, 2)}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 1);
}

TEST_CASE("an operand that is computed as NCHW is transposed only where that costs less") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 4, 4});
  const ValueId other = b.input("other", {Shape::kDynamic, 3, 4, 4});
  const ValueId sum = b.add_up("sum", conv(b, "conv", x, 3), other);
  b.output(b.add("mean", ReduceParams{ReduceKind::kMean, {2, 3}, false}, {conv(b, "conv2", sum, 2)}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 2);  // one for each input
}

TEST_CASE("a lower-rank operand that is computed is lifted as broadcasting reads it") {
  GraphBuilder b;
  const ValueId x = b.input("x", {1, 3, 4, 4});
  const ValueId row = b.relu("row_relu", b.input("row", {4}));
  const ValueId channel = b.relu("channel_relu", b.input("channel", {3, 1, 1}));
  ValueId y = b.add_up("a", conv(b, "conv", x, 3), row);
  y = b.add_up("b", y, channel);
  b.output(b.add("mean", ReduceParams{ReduceKind::kMean, {2, 3}, false}, {conv(b, "conv2", y, 2)}));
  const Graph after = after_all_passes(b.graph());
  CHECK(count_ops(after, "transpose") <= 2);
}

TEST_CASE("images of one channel need no transpose at all") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 1, 6, 6});
  b.output(b.add("flat", ReshapeParams{{0, -1}}, {image_op(b, "gap", kGlobalAverage, conv(b, "conv", x, 4))}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 0);
}

TEST_CASE("a value that is read in both layouts costs one transpose") {
  GraphBuilder b;
  const ValueId x = b.input("x", {Shape::kDynamic, 3, 4, 4});
  const ValueId image = b.relu("relu", conv(b, "conv", x, 4));
  const ValueId flat = b.add("flat", ReshapeParams{{0, -1}}, {image});
  b.output(b.add("probabilities", SoftmaxParams{1}, {flat}));
  const ValueId branch = image_op(b, "gap", kGlobalAverage, conv(b, "conv2", image, 2));
  b.output(b.add("gap_flat", ReshapeParams{{0, -1}}, {branch}));
  CHECK(count_ops(after_all_passes(b.graph()), "transpose") == 2);
}

TEST_CASE("the layout pass comes to an end on random tangles of transposes") {
  const std::vector<std::vector<int64_t>> permutations{kLast,        kFirst,       {0, 1, 3, 2},
                                                       {0, 3, 2, 1}, {1, 0, 2, 3}, {3, 2, 1, 0}};
  for (uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    GraphBuilder b(seed);
    std::vector<ValueId> values{b.input("x", {2, 2, 2, 2}), b.input("y", {2, 2, 2, 2})};
    const auto any = [&] { return values[random() % values.size()]; };
    for (int i = 0; i < 14; ++i) {
      const std::string name = "n" + std::to_string(i);
      switch (random() % 7) {
        case 0:
        case 1:
          values.push_back(b.transpose(name, any(), permutations[random() % permutations.size()]));
          break;
        case 2:
          values.push_back(b.add_up(name, any(), any()));
          break;
        case 3:
          values.push_back(b.add(name, UnaryParams{UnaryKind::kTanh}, {any()}));
          break;
        case 4:
          values.push_back(b.add(name, ReshapeParams{{2, 4, 2}}, {any()}));
          values.back() = b.add(name + "b", ReshapeParams{{2, 2, 2, 2}}, {values.back()});
          break;
        case 5:
          values.push_back(b.conv2d(name, any(), {2, 1, 1, 2}));
          break;
        default:
          values.push_back(b.add_up(name, any(), b.constant({2, 1}), BinaryKind::kMul));
      }
    }
    b.output(values.back());
    if (values[values.size() - 2] != values.back()) b.output(values[values.size() - 2]);
    const int before = count_ops(b.graph(), "transpose");
    CHECK(count_ops(after_all_passes(b.graph()), "transpose") <= before + 1);
  }
}

// 3000 nodes, for which a search of all nodes in every question, or a transpose a sweep, would take many minutes.
TEST_CASE("a chain of thousands of transposes and activations is laid out in seconds") {
  const std::vector<std::vector<int64_t>> orders{kLast, {0, 1, 2, 3}, kFirst};
  for (const size_t step : {0, 1}) {
    GraphBuilder b;
    ValueId y = b.input("x", {1, 2, 3, 4});
    for (size_t i = 0; i < 1500; ++i) {
      y = b.add("move" + std::to_string(i), TransposeParams{orders[i * step % 3]}, {y});
      y = b.add("act" + std::to_string(i), UnaryParams{UnaryKind::kTanh}, {y});
    }
    b.output(y);
    const Graph after = after_all_passes(b.graph());
    CHECK(count_ops(after, "transpose") <= 2);  // at the input and the output at most
    CHECK(count_ops(after, "unary") == 1500);
  }
}

}  // namespace octet::test
