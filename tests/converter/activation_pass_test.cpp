// fuse_activation: what is spelled out becomes one node, whatever the spelling.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "converter/passes/passes.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

// Writes y = f(x) into a graph, node by node.
class Spelling {
 public:
  ValueId x() { return x_; }
  ValueId number(float value) { return b_.constant_of({}, {value}); }
  ValueId op(BinaryKind kind, ValueId a, ValueId b) { return b_.add(name(), BinaryParams{kind, {}}, {a, b}); }
  ValueId add(ValueId a, ValueId b) { return op(BinaryKind::kAdd, a, b); }
  ValueId mul(ValueId a, ValueId b) { return op(BinaryKind::kMul, a, b); }
  ValueId div(ValueId a, float b) { return op(BinaryKind::kDiv, a, number(b)); }
  ValueId unary(UnaryParams params, ValueId a) { return b_.add(name(), params, {a}); }
  GraphBuilder& builder() { return b_; }

 private:
  std::string name() { return "n" + std::to_string(count_++); }

  GraphBuilder b_;
  int count_ = 0;
  ValueId x_ = b_.input("x", {Shape::kDynamic, 3, 4});
};

Graph fused(Spelling& spelling, ValueId y) {
  spelling.builder().output(y);
  int rewrites = 0;
  return rewritten(spelling.builder().graph(), "fuse_activation", rewrites);
}

}  // namespace

TEST_CASE("an activation is found in every spelling") {
  struct Row {
    const char* name;
    UnaryKind kind;
    std::function<ValueId(Spelling&)> write;
  };
  constexpr UnaryParams kRelu6{UnaryKind::kClip, 0, 6};
  const auto erf_of = [](Spelling& s) { return s.unary({UnaryKind::kErf}, s.div(s.x(), std::sqrt(2.0F))); };
  const Row rows[] = {
      {"sigmoid in front", UnaryKind::kSilu, [](Spelling& s) { return s.mul(s.unary({UnaryKind::kSigmoid}, s.x()), s.x()); }},
      {"1 / (1 + exp(-x))", UnaryKind::kSigmoid,
       [](Spelling& s) {
         const ValueId e = s.unary({UnaryKind::kExp}, s.unary({UnaryKind::kNeg}, s.x()));
         return s.op(BinaryKind::kDiv, s.number(1), s.add(e, s.number(1)));
       }},
      {"x * relu6(x + 3) / 6", UnaryKind::kHardSwish,
       [&](Spelling& s) { return s.div(s.mul(s.x(), s.unary(kRelu6, s.add(s.x(), s.number(3)))), 6); }},
      {"x * (relu6(3 + x) * 0.16667)", UnaryKind::kHardSwish,
       [&](Spelling& s) {
         return s.mul(s.x(), s.mul(s.unary(kRelu6, s.add(s.number(3), s.x())), s.number(1.0F / 6)));
       }},
      {"relu6(x + 3) / 6", UnaryKind::kHardSigmoid,
       [&](Spelling& s) { return s.div(s.unary(kRelu6, s.add(s.x(), s.number(3))), 6); }},
      {"x * (1 + erf) * 0.5", UnaryKind::kGelu,
       [&](Spelling& s) { return s.mul(s.mul(s.x(), s.add(erf_of(s), s.number(1))), s.number(0.5F)); }},
      {"0.5 x * (1 + erf)", UnaryKind::kGelu,
       [&](Spelling& s) { return s.mul(s.mul(s.number(0.5F), s.x()), s.add(erf_of(s), s.number(1))); }},
      {"gelu by tanh", UnaryKind::kGeluTanh,
       [](Spelling& s) {
         const ValueId cube = s.op(BinaryKind::kPow, s.x(), s.number(3));
         const ValueId inner = s.mul(s.add(s.x(), s.mul(cube, s.number(0.044715F))), s.number(0.7978846F));
         return s.mul(s.mul(s.x(), s.number(0.5F)), s.add(s.unary({UnaryKind::kTanh}, inner), s.number(1)));
       }},
      {"mish", UnaryKind::kMish,
       [](Spelling& s) {
         return s.mul(s.x(), s.unary({UnaryKind::kTanh}, s.unary({UnaryKind::kSoftplus}, s.x())));
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Spelling spelling;
    const Graph graph = fused(spelling, row.write(spelling));
    REQUIRE(graph.nodes.size() == 1);
    REQUIRE(graph.nodes[0].is<UnaryParams>());
    CHECK(graph.nodes[0].as<UnaryParams>()->kind == row.kind);
  }
}

TEST_CASE("an activation is left alone") {
  Spelling s;
  const ValueId gate = s.unary({UnaryKind::kSigmoid}, s.x());
  SUBCASE("where somebody reads what is in between") {
    s.builder().output(gate);
    CHECK(fused(s, s.mul(s.x(), gate)).nodes.size() == 2);
  }
  SUBCASE("where the constants are others") {
    CHECK(fused(s, s.mul(s.x(), s.mul(gate, s.number(1.01F)))).nodes.size() == 3);
  }
  SUBCASE("where the gate is another value's") {
    const ValueId other = s.unary({UnaryKind::kAbs}, s.x());
    CHECK(fused(s, s.mul(other, gate)).nodes.size() == 3);
  }
  SUBCASE("where a constant differs from element to element") {
    CHECK(fused(s, s.mul(s.mul(s.x(), gate), s.builder().constant({4}))).nodes.size() == 2);
  }
}

}  // namespace octet::test
