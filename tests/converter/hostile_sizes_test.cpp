// Sizes that a few bytes of a file ask for: they are refused before there is anything of that size.
#include <doctest/doctest.h>

#include "converter/constant_folding.h"
#include "converter/import/import_limits.h"
#include "converter/ops/integer_sums.h"
#include "tests/support/one_node.h"

namespace octet::test {
namespace {

constexpr int64_t kBig = int64_t{1} << 30;

// Whether the node's constant is refused by its shape.
bool is_too_large(const SourceBuilder& source, const std::string& shape) {
  const std::string said = source.error();
  CAPTURE(said);
  return contains(said, "the shape " + shape + " of a constant is negative or has more than 67108864 elements");
}

SourceBuilder transposed_convolution(const Shape& x, const Shape& weights, Attributes attributes) {
  const Floats ones(static_cast<size_t>(weights.element_count()), 1);
  return one_node("ConvTranspose", 13, x, {"w"}, std::move(attributes)).f32("w", weights, ones);
}

// f32 zeros as a constant of `shape`, which takes no bytes in the file: Sum of it, over and over.
SourceBuilder sum_of_zeros(const Ints& shape, size_t count) {
  SourceBuilder source;
  source.input("x", {1}).s64("shape", shape).node("ConstantOfShape", {"shape"}, {"zeros"});
  source.node("Sum", std::vector<std::string>(count, "zeros"), {"sum"}).node("ReduceMax", {"sum"}, {"most"});
  return source.node("Add", {"x", "most"}, {"y"}).output("y"), source;
}

}  // namespace

TEST_CASE("a constant of a size that is given is refused before it is there") {
  int64_t bytes_left = 100;
  CHECK(make_constant(DataType::kF32, {25}, bytes_left).ok());
  CHECK(bytes_left == 0);
  const auto error = [&](DataType type, const Shape& shape) {
    return make_constant(type, shape, bytes_left).error().message;
  };
  CHECK(error(DataType::kU8, {1}) == "a constant of the shape 1 would take 1 bytes, but only 0 are left for constants");
  CHECK(error(DataType::kU8, {kMaxFoldedElements + 1}) ==
        "the shape 67108865 of a constant is negative or has more than 67108864 elements");
  CHECK(contains(error(DataType::kU8, {-3}), "is negative"));
  CHECK(make_constant(DataType::kS64, {0, 3}, bytes_left).ok());
}

TEST_CASE("readers refuse constants as large as their inputs or attributes are") {
  CHECK(is_too_large(one_node("Hardmax", 13, {1, kBig}), "1x1073741824"));
  CHECK(is_too_large(one_node("Pad", 19, {1, 1 << 26}, {"p"}, {{"mode", "wrap"}}).s64("p", {0, 0, 0, kBig}),
                     "1140850688"));
  CHECK(is_too_large(one_node("Trilu", 14, {1, kBig, 4}), "1073741824x4"));
  CHECK(is_too_large(one_node("EyeLike", 13, {kBig, 4}), "1073741824x4"));
  CHECK(is_too_large(one_node("Expand", 13, {1}, {"s"}).s64("s", {kBig, 2}), "1073741824x2"));
  CHECK(is_too_large(one_node("Expand", 13, {1}, {"s"}).s64("s", {-3}), "-3"));
}

TEST_CASE("the zeros between the pixels of a ConvTranspose have a limit") {
  const auto error = [](Ints strides, const Shape& weights) {
    return transposed_convolution({1, 1, 1, 1}, weights, {{"strides", std::move(strides)}}).error();
  };
  CHECK(contains(error({16384, 16384}, {1, 1, 1, 1}),
                 "with 268435456 pixels between two of the input's, but at most 67108864 are possible"));
  CHECK(contains(error({INT32_MAX, INT32_MAX}, {1, 1, 1, 1}), "with 4611686014132420609 pixels"));
  CHECK(contains(error({8192, 4096}, {1, 3, 1, 1}), "at most 22369621 are possible"));
  CHECK(contains(error({8192, 1024}, {1, 3, 1, 9217}), "of a constant"));
}

TEST_CASE("a ConvTranspose refuses axes whose outputs cannot be counted in 64 bits") {
  const int64_t size = (int64_t{1} << 36) + 1;
  const std::string said = transposed_convolution({1, 1, size}, {1, 1, 1}, {{"strides", Ints{1 << 28}}}).error();
  CHECK(contains(said, "1x1x68719476737, its weights 1x1x1, with more than 2147483647 pixels along an axis"));
}

TEST_CASE("dimensions are bounded beside one of 0") {
  const int64_t huge = Shape::kMaxElements;
  CHECK(is_too_large(one_node("Expand", 13, {1}, {"s"}).s64("s", {0, huge, huge}), "0x1099511627776x1099511627776"));
  // By what shapes become as well.
  SourceBuilder product;
  product.input("x", {1}).s64("a", {0, huge, 1}).s64("b", {0, 1, huge});
  product.node("ConstantOfShape", {"a"}, {"left"}).node("ConstantOfShape", {"b"}, {"right"});
  product.node("Add", {"left", "right"}, {"sum"}).node("ReduceMax", {"sum"}, {"most"});
  product.node("Add", {"x", "most"}, {"y"}).output("y");
  CHECK(contains(product.error(), "the output 0x1099511627776x1099511627776 has more than 1099511627776 elements"));
}

TEST_CASE("an Einsum takes the diagonal of a square alone") {
  const auto error = [](const Shape& x) {
    return one_node("Einsum", 13, x, {}, {{"equation", std::string("ii->i")}}).error();
  };
  CHECK(error({3, 3}) == "no error");
  CHECK(contains(error({1, Shape::kMaxElements}), "its axis 'i' is 1 and 1099511627776"));
}

TEST_CASE("a product of integers takes no more than so many parts") {
  const auto product = [](int64_t depth) {
    SourceBuilder source;
    source.input("x", {1, depth}).node("Cast", {"x"}, {"a"}, {{"to", int64_t{2}}});
    source.s64("to", {depth, 1}).node("Reshape", {"a", "to"}, {"b"}).node("MatMulInteger", {"a", "b"}, {"sum"});
    return source.node("Cast", {"sum"}, {"y"}, {{"to", int64_t{1}}}).output("y");
  };
  constexpr int64_t kMost = static_cast<int64_t>(kMaxParts) * (kMaxExactWeight / 255);
  CHECK(contains(product(kBig).error(), "its sums over 1073741824 products take more than 128 parts"));
  CHECK(contains(product(kMost + 1).error(), "more than 128 parts"));
  CHECK(product(kMost).error() == "no error");
}

TEST_CASE("what is folded in a node counts before it is computed") {
  const std::string said = sum_of_zeros({1 << 26}, 20).error();
  CHECK(contains(said, "the constants that are folded up to here, or that nodes share, take "));
}

TEST_CASE("a constant that nodes share counts for each of them, which may get one of its own") {
  constexpr int64_t kSide = 1024;
  constexpr int64_t kBytes = kSide * kSide * 4;
  constexpr int64_t kMost = kMaxFoldedBytes + 4 * kBytes;
  constexpr size_t kReaders = 1 + kMost / kBytes;  // the first reads the file's own
  const auto error = [&](const std::string& op, const Shape& x, size_t count, const std::string& domain = "") {
    SourceBuilder source;
    source.input("v0", x).f32("w", {kSide, kSide}, Floats(kSide * kSide, 1));
    for (size_t i = 0; i < count; ++i) {
      source.node(op, {"v" + std::to_string(i), "w"}, {"v" + std::to_string(i + 1)}, {}, domain);
    }
    return source.output("v" + std::to_string(count)), source.error();
  };
  const std::string refusal = "or that nodes share, take " + std::to_string(kMost + kBytes) + " bytes, but at most " +
                              std::to_string(kMost) + " are allowed";
  // Weights that fold what follows, or become integers; a product that becomes a layer; and a sum whose layout changes.
  CHECK(error("fully_connected", {1, kSide}, kReaders, kJsonDomain) == "no error");
  CHECK(contains(error("fully_connected", {1, kSide}, kReaders + 1, kJsonDomain), refusal));
  CHECK(error("MatMul", {1, 2, kSide}, kReaders) == "no error");
  CHECK(contains(error("MatMul", {1, 2, kSide}, kReaders + 1), refusal));
  CHECK(contains(error("Add", {1, 1, kSide, kSide}, kReaders + 1), refusal));
}

TEST_CASE("what a file becomes has a limit") {
  Graph graph;
  graph.values.resize(kMaxValues);
  CHECK(check_values(graph).ok());
  graph.values.emplace_back();
  CHECK(check_values(graph).error().message ==
        "the nodes up to here become 120001 values, but at most 120000 are made");
}

TEST_CASE("zeros for the places of a batch in a Concat have a limit") {
  SourceBuilder source;
  source.input("x", {Shape::kDynamic, kBig}).f32("w", {1, 1}, {1}).node("Concat", {"x", "w"}, {"y"}, {{"axis", 1}});
  source.output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(graph.ok());
  CHECK(graph->value(graph->inputs[0]).shape == Shape{1, kBig});
  REQUIRE(report.warnings.size() == 1);
  CHECK(
      contains(report.warnings[0], "node 'Concat0' (concat): the shape 1x1073741825 of a constant is negative or has"));
}

TEST_CASE("layers of no weights are refused by their name") {
  const auto error = [](const std::string& op, const Shape& x, const Shape& weights, const std::string& domain = "") {
    return one_node(op, 13, x, {"w"}, {}, domain).f32("w", weights, {}).error();
  };
  CHECK(contains(error("Conv", {1, 3, 4, 4}, {kBig, 0, 1, 1}),
                 "its weights 'w' have the shape 1073741824x0x1x1, which has 0 elements"));
  CHECK(contains(error("Conv", {1, 3, 4, 4}, {0, 3, 1, 1}), "'w' have the shape 0x3x1x1, which has 0 elements"));
  CHECK(contains(error("Gemm", {2, 3}, {3, 0}), "have the shape 0x3, which has 0 elements"));
  CHECK(contains(error("MatMul", {2, 3}, {3, 0}), "have the shape 0x3, which has 0 elements"));
  CHECK(contains(error("fully_connected", {2, 3}, {0, 3}, kJsonDomain), "have the shape 0x3, which has 0 elements"));
  SourceBuilder integers;
  integers.input("x", {1, 3, 4, 4}).node("Cast", {"x"}, {"a"}, {{"to", int64_t{2}}});
  integers.model.constants.emplace_back("w", Tensor(DataType::kS8, {kBig, 0, 1, 1}));
  integers.node("ConvInteger", {"a", "w"}, {"y"}).output("y");
  CHECK(contains(integers.error(), "have the shape 1073741824x0x1x1, which has 0 elements"));
}

}  // namespace octet::test
