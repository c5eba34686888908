// matmul_to_conv and sink_reshape: the layers of transformers.
#include <doctest/doctest.h>

#include "converter/passes/passes.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr int64_t kN = Shape::kDynamic;

Graph converted(GraphBuilder& b, ValueId y) {
  b.output(y);
  int rewrites = 0;
  return rewritten(b.graph(), "matmul_to_conv", rewrites);
}

}  // namespace

TEST_CASE("a product with constant weights becomes a convolution of as many axes as it has") {
  for (const Shape& shape : {Shape{kN, 5, 8}, Shape{kN, 2, 5, 8}, Shape{kN, 2, 3, 5, 8}, Shape{3, 5, 8}}) {
    CAPTURE(shape.to_string());
    GraphBuilder b;
    const ValueId x = b.input("x", shape);
    const Graph graph = converted(b, b.add("y", MatmulParams{}, {x, b.constant({8, 6})}));
    CHECK(count_ops(graph, "matmul") == 0);
    CHECK(count_ops(graph, "conv2d") == 1);
    CHECK(count_ops(graph, "reshape") == (shape.rank() == 4 ? 0 : 2));
  }
}

TEST_CASE("other products stay what they are") {
  GraphBuilder b;
  const ValueId x = b.input("x", {kN, 5, 8});
  SUBCASE("of two activations") {
    const ValueId y = b.input("y", {kN, 8, 5});
    CHECK(count_ops(converted(b, b.add("z", MatmulParams{}, {x, y})), "matmul") == 1);
  }
  SUBCASE("with weights for each sample") {
    CHECK(count_ops(converted(b, b.add("z", MatmulParams{}, {x, b.constant({1, 8, 6})})), "matmul") == 1);
  }
}

TEST_CASE("bias, residual and activation of a transformer's layer end up in or behind the convolution") {
  GraphBuilder b;
  const ValueId x = b.input("x", {kN, 5, 8});
  const ValueId up = b.add("up", MatmulParams{}, {x, b.constant({8, 16})});
  const ValueId shifted = b.add_up("up_bias", b.constant({16}), up);
  const ValueId active = b.add("gelu", UnaryParams{.kind = UnaryKind::kGelu}, {shifted});
  const ValueId down = b.add("down", MatmulParams{}, {active, b.constant({16, 8})});
  b.output(b.add_up("y", x, b.add_up("down_bias", down, b.constant({8}))));
  const Graph graph = after_all_passes(b.graph());
  CHECK(count_ops(graph, "conv2d") == 2);
  CHECK(count_ops(graph, "unary") == 1);
  CHECK(count_ops(graph, "binary") == 0);
  CHECK(count_ops(graph, "matmul") == 0);
  for (const Node& node : graph.nodes) {
    if (node.name == "down") CHECK(node.input(kConvResidual) != kNoValue);
  }
}

TEST_CASE("a reshape stays in front of arithmetic that differs along its other axes") {
  GraphBuilder b;
  const ValueId x = b.input("x", {kN, 1, 6, 4});
  const ValueId conv = b.conv2d("conv", x, {4, 1, 1, 4});
  const ValueId flat = b.add("flat", ReshapeParams{{0, 6, 4}}, {conv});
  const auto sinks = [&](ValueId y) {
    b.output(y);
    int rewrites = 0;
    rewritten(b.graph(), "sink_reshape", rewrites);
    return rewrites > 0;
  };
  SUBCASE("") { CHECK(!sinks(b.add_up("y", flat, b.constant({6, 1})))); }
  SUBCASE("") { CHECK(!sinks(b.add_up("y", flat, b.input("z", {kN, 6, 4}), BinaryKind::kMul))); }
  SUBCASE("") { CHECK(sinks(b.add_up("y", flat, b.input("z", {kN, 6, 4})))); }
  SUBCASE("") { CHECK(sinks(b.add_up("y", b.constant({4}), flat, BinaryKind::kSub))); }
}

}  // namespace octet::test
