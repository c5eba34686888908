// From a source model to a graph: order, names, problems, constants, batch.
#include <doctest/doctest.h>

#include <numeric>

#include "converter/op_rule.h"
#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;
constexpr int64_t kN = Shape::kDynamic;

SourceBuilder relu_net() {
  SourceBuilder source;
  source.input("x", {kN, 3}).node("Relu", {"x"}, {"y"}).output("y");
  return source;
}

}  // namespace

TEST_CASE("every op of a graph has a row, and no two readers share a name") {
  std::set<std::string_view> onnx, json, names;
  for (const OpRule* rule : op_rules()) {
    CHECK(names.insert(rule->name).second);
    CHECK(bool(rule->quantization != nullptr));
    for (const OpReader& reader : rule->readers) {
      CAPTURE(reader.onnx);
      CAPTURE(reader.json);
      CHECK((reader.onnx.empty() || onnx.insert(reader.onnx).second));
      CHECK((reader.json.empty() || json.insert(reader.json).second));
      CHECK(!(reader.onnx.empty() && reader.json.empty()));
    }
  }
  // What the graph can hold: visit every alternative.
  const auto check = [](const GraphOp& op) { CHECK(op_rule(op).name == op_name(op)); };
  [&]<size_t... i>(std::index_sequence<i...>) {
    (check(GraphOp(std::in_place_index<i>)), ...);
  }
  (std::make_index_sequence<std::variant_size_v<GraphOp>>());
}

TEST_CASE("nodes may stand in any order") {
  SourceBuilder source;
  source.input("x", {1, 3}).node("Exp", {"b"}, {"y"}).node("Relu", {"a"}, {"b"}).node("Neg", {"x"}, {"a"}).output("y");
  const Graph graph = source.graph();
  REQUIRE(graph.nodes.size() == 3);
  CHECK(graph.nodes[0].name == "Neg2");
  CHECK(graph.nodes[2].name == "Exp0");
}

TEST_CASE("a cycle is refused by the names of its nodes") {
  SourceBuilder source;
  source.input("x", {1, 3}).node("Add", {"x", "c"}, {"a"}).node("Relu", {"a"}, {"b"}).node("Neg", {"b"}, {"c"});
  source.output("c");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(!graph.ok());
  CHECK(graph.error().code == ErrorCode::kInvalidFile);
  for (const char* name : {"'Add0'", "'Relu1'", "'Neg2'", "cycle"}) {
    CHECK(graph.error().message.find(name) != std::string::npos);
  }
  SourceBuilder self;
  self.node("Relu", {"a"}, {"a"}).output("a");
  CHECK(self.error() == "node 'Relu0' reads its own output");
}

TEST_CASE("a name that is given twice is refused") {
  CHECK(relu_net().f32("y", {1}, {0}).error() ==
        "the name 'y' is given twice: to a constant and to an output of node 'Relu0'");
  CHECK(relu_net().input("x", {1}).error() == "the name 'x' is given twice: to an input and to an input");
  CHECK(relu_net().node("Neg", {"x"}, {"y"}).error() ==
        "the name 'y' is given twice: to an output of node 'Relu0' and to an output of node 'Neg1'");
  CHECK(relu_net().output("y").error() == "the output 'y' is listed twice");
}

TEST_CASE("nodes without a name, or with another's, get one") {
  SourceBuilder source = relu_net();
  source.model.nodes[0].name = "";
  source.node("Neg", {"y"}, {"z"}).node("Exp", {"z"}, {"w"});
  source.model.nodes[1].name = source.model.nodes[2].name = "same";
  source.model.outputs = {"w"};
  const Graph graph = source.graph();
  CHECK(graph.nodes[0].name == "Relu_0");
  CHECK(graph.nodes[1].name == "same");
  CHECK(graph.nodes[2].name == "same_2");
}

TEST_CASE("a value that nothing writes is refused, as a node's input and as an output") {
  CHECK(SourceBuilder().node("Relu", {"x"}, {"y"}).output("y").error() ==
        "node 'Relu0' (Relu): it reads 'x', which nothing writes");
  CHECK(relu_net().output("z").error() == "'z': the model lists this output, but nothing writes it");
  SourceBuilder nothing;
  CHECK(nothing.input("x", {1}).error() == "the model has no outputs");
}

TEST_CASE("all problems are listed at once, and none that only follows from another") {
  SourceBuilder source;
  source.input("x", {1, 3})
      .node("Unheard", {"x"}, {"a"})
      .node("Relu", {"a"}, {"b"})
      .node("Strange", {"b"}, {"c"}, {}, "com.example")
      .node("Concat", {"x", "x"}, {"d"})
      .node("Add", {"c", "d"}, {"y"})
      .output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(!graph.ok());
  REQUIRE(report.problems.size() == 3);
  CHECK(report.problems[0].node == "Unheard0");
  CHECK(report.problems[0].op == "Unheard");
  CHECK(report.problems[0].reason == "octet does not know this operation");
  CHECK(report.problems[1].reason == "octet does not know the operations of the domain 'com.example'");
  CHECK(report.problems[2].reason == "it has no 'axis'");
  CHECK(graph.error().message ==
        "node 'Unheard0' (Unheard): octet does not know this operation (and 2 more, see octet check)");
}

TEST_CASE("names of megabytes are shortened where a problem tells of them") {
  const std::string name(1 << 20, 'n');
  SourceBuilder source;
  source.input("x", {1, 3}).node(name, {"x"}, {"a"}).node("Add", {"a", name}, {"y"}).output("y").output(name + "!");
  source.model.nodes[0].name = name;
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(!graph.ok());
  REQUIRE(report.problems.size() == 3);
  for (const ImportProblem& problem : report.problems) CHECK(to_string(problem).size() < 2700);
  CHECK(graph.error().message.size() < 800);
  const std::string start = "node '" + std::string(125, 'n') + "...(1048326 bytes)...";
  CHECK(graph.error().message.starts_with(start));
  CHECK(report.problems[1].reason.ends_with("n', which nothing writes"));
}

TEST_CASE("inputs that nothing writes are all listed, behind what cannot be read and in a cycle too") {
  SourceBuilder source;
  source.input("x", {1, 3})
      .node("Unheard", {"x"}, {"a"})
      .node("Conv", {"a", "w", "b"}, {"c"})
      .node("FusedConv", {"c", "w"}, {"y"}, {}, "com.microsoft")
      .output("y");
  const auto reasons = [&] {
    ImportReport report;
    const Result<Graph> graph = source.build(report);
    REQUIRE(!graph.ok());
    CHECK(graph.error().code == ErrorCode::kInvalidFile);
    std::vector<std::string> lines;
    for (const ImportProblem& problem : report.problems) lines.push_back(to_string(problem));
    return lines;
  };
  const std::vector<std::string> expected{
      "node 'Unheard0' (Unheard): octet does not know this operation",
      "node 'Conv1' (Conv): it reads 'w', which nothing writes",
      "node 'Conv1' (Conv): it reads 'b', which nothing writes",
      "node 'FusedConv2' (FusedConv): octet does not know this operation of the domain 'com.microsoft'"};
  CHECK(reasons() == expected);
  source.model.nodes[0].inputs = {"c"};
  std::vector<std::string> in_cycle = expected;
  in_cycle.insert(in_cycle.begin(), "the nodes 'Unheard0', 'Conv1' read each other in a cycle");
  CHECK(reasons() == in_cycle);
}

TEST_CASE("what no output needs is not read") {
  SourceBuilder source = relu_net().node("Unheard", {"x"}, {"z"});
  CHECK(source.graph().nodes.size() == 1);
}

TEST_CASE("an output that a reader leaves out is missed only where it is read") {
  SourceBuilder source;
  const std::vector<int64_t> kernel{2, 2};
  source.input("x", {1, 1, 2, 2}).node("MaxPool", {"x"}, {"d", "places"}, {{"kernel_shape", kernel}});
  source.node("Relu", {"d"}, {"y"}).output("y");
  CHECK(source.error() == "no error");
  source.output("places");
  CHECK(source.error() == "'places': octet does not compute this output");
  source.model.outputs = {"z"};
  source.node("Relu", {"places"}, {"z"});
  CHECK(source.error() ==
        "node 'Relu2' (Relu): it reads 'places', an output of 'MaxPool0' that octet does not compute");
}

TEST_CASE("weights may come by way of Identity") {
  SourceBuilder source;
  source.input("x", {1, 2}).f32("w", {2, 1}, {3, 4}).node("Identity", {"w"}, {"shared"});
  source.node("Gemm", {"x", "shared"}, {"y"}).output("y");
  CHECK(compute(source, {1, 10}).values == std::vector<float>{43});
}

TEST_CASE("a model of constants alone is refused") {
  SourceBuilder source;
  source.f32("c", {1}, {1}).node("Neg", {"c"}, {"y"}).output("y");
  CHECK(source.error() == "the model has no inputs: nothing is left to run");
}

TEST_CASE("a wrong shape is an invalid file") {
  SourceBuilder source;
  source.input("x", {1, 3}).f32("b", {4}, {1, 2, 3, 4}).node("Add", {"x", "b"}, {"y"}).output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(!graph.ok());
  CHECK(graph.error().code == ErrorCode::kInvalidFile);
  CHECK(graph.error().message.find("1x3") != std::string::npos);
}

TEST_CASE("a type that no kernel takes is unsupported") {
  SourceBuilder source;
  source.input("x", {1, 3}, DataType::kS32).node("Relu", {"x"}, {"y"}).output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(!graph.ok());
  CHECK(graph.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("shapes of inputs come from the options, which must name inputs") {
  SourceBuilder source;
  source.input("x", {kN, 3, kN}).node("Relu", {"x"}, {"y"}).output("y");
  CHECK(source.error() == "'x': the shape Nx3xN of this input is open beyond the batch; give it with --input-shape");
  ImportReport report;
  const Result<Graph> graph = source.build(report, {{{"x", {kN, 3, 7}}}});
  REQUIRE(graph.ok());
  CHECK(graph->value(graph->outputs[0]).shape == Shape{kN, 3, 7});
  for (const ImportOptions& options : {ImportOptions{{{"z", {1}}}}, ImportOptions{{{"x", {1, 3}}}}}) {
    const Result<Graph> refused = source.build(report, options);
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == ErrorCode::kUsage);
  }
}

TEST_CASE("the shape arithmetic of exporters becomes constants, and its batch free") {
  SourceBuilder source;
  source.input("x", {kN, 3, 4})
      .s64("zero", {0})
      .s64("rest", {-1})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "zero"}, {"batch"})
      .node("Concat", {"batch", "rest"}, {"dims"}, {{"axis", int64_t{0}}})
      .node("Reshape", {"x", "dims"}, {"y"})
      .output("y");
  const Graph graph = source.graph();
  REQUIRE(graph.nodes.size() == 1);
  CHECK(graph.value(graph.outputs[0]).shape == Shape{kN, 12});
}

TEST_CASE("a batch of 1 becomes free where every operation treats samples apart") {
  SourceBuilder source;
  source.input("x", {1, 3, 4}).s64("dims", {1, 12}).node("Reshape", {"x", "dims"}, {"y"}).output("y");
  CHECK(source.graph().value(0).shape == Shape{kN, 3, 4});
  SUBCASE("not where it is reduced") {
    source.node("ReduceMean", {"x"}, {"z"}, {{"axes", Ints{0}}}).node("Sub", {"x", "z"}, {"w"});
    source.model.outputs = {"w"};
    CHECK(source.graph().value(0).shape == Shape{1, 3, 4});
  }
  SUBCASE("not where it becomes another axis") {
    source.node("Transpose", {"x"}, {"z"}, {{"perm", Ints{1, 0, 2}}});
    source.model.outputs = {"z"};
    CHECK(source.graph().value(0).shape == Shape{1, 3, 4});
  }
  SUBCASE("every sample gets its copy of a constant that joins it") {
    source.f32("token", {1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})
        .node("Concat", {"x", "token", "x"}, {"z"}, {{"axis", int64_t{1}}});
    source.model.outputs = {"z"};
    const Graph graph = source.graph();
    CHECK(graph.value(graph.outputs[0]).shape == Shape{kN, 8, 4});
    std::vector<float> x(12);
    std::iota(x.begin(), x.end(), 10.0F);
    std::vector<float> joined = x;
    joined.insert(joined.end(), {1, 2, 3, 4, 5, 6, 7, 8});
    joined.insert(joined.end(), x.begin(), x.end());
    CHECK(compute(source, x).values == joined);
  }
  SUBCASE("not where an output does not depend on it") {
    source.node("Constant", {}, {"c"}, {{"value_float", 2.0F}}).output("c");
    CHECK(source.graph().value(0).shape == Shape{1, 3, 4});
  }
}

TEST_CASE("a batch that the operations fix stays, with a warning") {
  SourceBuilder source;
  source.input("x", {kN, 3}).s64("axes", {0}).node("Unsqueeze", {"x", "axes"}, {"y"}).output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE(graph.ok());
  CHECK(graph->value(graph->inputs[0]).shape == Shape{1, 3});
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0].find("node 'Unsqueeze0' (reshape) makes 1xNx3 of Nx3") != std::string::npos);
  CHECK(report.warnings[0].find("--input-shape x=3x3") != std::string::npos);
}

TEST_CASE("an open batch stays at 1 where its value is computed with") {
  SourceBuilder source;
  source.input("x", {kN, 3, 4}).s64("zero", {0}).s64("one", {1}).s64("three", {3}).s64("column", {-1, 1, 1});
  source.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
  std::string culprit = "Add3";
  SUBCASE("as a number") {
    source.node("Cast", {"batch"}, {"number"}, {{"to", int64_t{1}}}).node("Add", {"x", "number"}, {"y"});
  }
  SUBCASE("as the end of a range") {
    source.node("Squeeze", {"batch"}, {"n"}).node("Squeeze", {"zero"}, {"from"}).node("Squeeze", {"one"}, {"step"});
    source.node("Range", {"from", "n", "step"}, {"range"}).node("Cast", {"range"}, {"cast"}, {{"to", int64_t{1}}});
    source.node("Reshape", {"cast", "column"}, {"rows"}).node("Add", {"x", "rows"}, {"y"});
    culprit = "Add8";
  }
  SUBCASE("as a condition that holds at 3 only") {
    source.node("Equal", {"batch", "three"}, {"is_three"}).node("Cast", {"is_three"}, {"cast"}, {{"to", int64_t{1}}});
    source.node("Add", {"x", "cast"}, {"y"});
    culprit = "Add4";
  }
  source.output("y");
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE_MESSAGE(graph.ok(), graph.error().message);
  CHECK(graph->value(graph->inputs[0]).shape == Shape{1, 3, 4});
  REQUIRE(report.warnings.size() == 1);
  CHECK_MESSAGE(report.warnings[0].find("node '" + culprit + "'") != std::string::npos, report.warnings[0]);
  CHECK(report.warnings[0].find("--input-shape x=3x3x4") != std::string::npos);
  ImportReport of_three;
  const Result<Graph> given = source.build(of_three, {.input_shapes = {{"x", {3, 3, 4}}}});
  REQUIRE_MESSAGE(given.ok(), given.error().message);
  CHECK(given->value(given->outputs[0]).shape == Shape{3, 3, 4});
  CHECK(of_three.warnings.empty());
}

TEST_CASE("an open batch stays open where a constant is copied for every sample") {
  SourceBuilder source;
  source.input("x", {kN, 3, 4}).s64("zero", {0}).s64("row", {1, 4}).f32("token", {1, 1, 4}, {1, 2, 3, 4});
  source.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
  source.node("Concat", {"batch", "row"}, {"dims"}, {{"axis", int64_t{0}}});
  source.node("Expand", {"token", "dims"}, {"tokens"});
  SUBCASE("to be added") {
    source.node("Add", {"x", "tokens"}, {"y"});
  }
  SUBCASE("to be joined") {
    source.node("Concat", {"tokens", "x"}, {"y"}, {{"axis", int64_t{1}}});
  }
  source.output("y");
  CHECK(source.graph().value(0).shape == Shape{kN, 3, 4});
}

TEST_CASE("a 1 before what is left over of an open batch is not the batch") {
  SourceBuilder source;
  source.input("x", {kN, 3, 4}).s64("dims", {1, -1, 4}).node("Reshape", {"x", "dims"}, {"rows"});
  SUBCASE("the batch is fixed where an output loses it") {
    source.output("rows");
    CHECK(source.graph().value(0).shape == Shape{1, 3, 4});
  }
  SUBCASE("samples may be one row of numbers in between") {
    source.s64("back", {-1, 3, 4}).node("Reshape", {"rows", "back"}, {"y"}).output("y");
    const Graph graph = source.graph();
    CHECK(graph.value(0).shape == Shape{kN, 3, 4});
    CHECK(graph.value(graph.nodes[0].outputs[0]).shape == Shape{1, kN, 4});
  }
}

TEST_CASE("an open batch that only 1 fits counts as one sample") {
  SourceBuilder source;
  source.input("x", {kN, 3, 4}).s64("dims", {1, 12}).node("Reshape", {"x", "dims"}, {"y"}).output("y");
  CHECK(source.graph().value(0).shape == Shape{kN, 3, 4});
  source.node("Softmax", {"y"}, {"z"}, {{"axis", int64_t{0}}});
  source.model.outputs = {"z"};
  CHECK(source.graph().value(0).shape == Shape{1, 3, 4});
}

TEST_CASE("outputs that are inputs or constants are made by nodes under their own names") {
  SourceBuilder source;
  source.input("x", {2, 3}).f32("c", {1}, {5}).node("Identity", {"x"}, {"same"}).output("same").output("c");
  const Graph graph = source.graph();
  CHECK(graph.value(graph.outputs[0]).name == "same");
  CHECK(graph.value(graph.outputs[1]).name == "c");
  CHECK(graph.nodes.size() == 2);
  CHECK(graph.verify().ok());
}

TEST_CASE("a name that a reader makes up gives way to the source's") {
  SourceBuilder source;
  source.input("x", {1, 3, 4, 4})
      .node("GlobalMaxPool", {"x"}, {"a"})
      .node("Relu", {"a"}, {"GlobalMaxPool0:pool2d"})
      .output("GlobalMaxPool0:pool2d");
  const Graph graph = source.graph();
  CHECK(graph.verify().ok());
  CHECK(graph.value(graph.outputs[0]).name == "GlobalMaxPool0:pool2d");
}

}  // namespace octet::test
