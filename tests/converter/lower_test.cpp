// From the float graph to the packed one: which edges are integers, which ranges are shared, what runs.
#include "converter/lower.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "converter/passes/passes.h"
#include "converter/precision.h"
#include "octet/session.hpp"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr Conv2dParams kSame{.pads = {1, 1, 1, 1}};

Model model_of(PackedModel packed) {
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

// Runs the model on one sample and returns every f32 or dequantized tensor by name.
std::map<std::string, std::vector<float>> run(const PackedModel& packed, const octet::Tensor& input) {
  Result<Session> session = Session::create(model_of(packed), {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  std::memcpy(session->input().data, input.data(), static_cast<size_t>(input.byte_count()));
  std::map<std::string, std::vector<float>> values;
  session->run([&](const std::string& name, const TensorView& view) {
    if (view.type == DataType::kF32) values[name].assign(view.as<float>().begin(), view.as<float>().end());
  });
  return values;
}

// The exact range of every value over the input: a calibration by hand.
Ranges ranges_of(const Graph& graph, const octet::Tensor& input) {
  Result<PackedModel> packed = lower_f32(graph);
  REQUIRE(packed.ok());
  Ranges ranges;
  for (const auto& [name, values] : run(*packed, input)) {
    Range& range = ranges[name];
    for (const float v : values) range = {std::min(range.min, v), std::max(range.max, v)};
  }
  return ranges;
}

PackedModel int8_of(const Graph& graph, const octet::Tensor& input, const QuantizeOptions& options = {}) {
  std::vector<std::string> notices;
  Result<PackedModel> packed = lower_int8(graph, ranges_of(graph, input), options, notices);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  return std::move(*packed);
}

const PackedTensor& tensor(const PackedModel& model, const std::string& name) {
  for (const PackedTensor& t : model.tensors) {
    if (t.name == name) return t;
  }
  FAIL("no tensor " << name);
  return model.tensors[0];
}

double sqnr_db(const std::vector<float>& x, const std::vector<float>& y) {
  double signal = 0;
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    signal += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    error += std::pow(static_cast<double>(x[i] - y[i]), 2);
  }
  return 10 * std::log10(signal / error);
}

// x -> a -> relu -> (b -> relu) + a -> global pool -> flatten -> dense: every structure of a residual net.
Graph residual_net() {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 8, 8, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, kSame));
  const ValueId sum = g.relu("sum_relu", g.add_up("sum", g.conv2d("b", a, {8, 3, 3, 8}, kSame), a));
  const ValueId pooled = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {sum});
  const ValueId flat = g.add("flat", ReshapeParams{{0, -1}}, {pooled});
  g.output(g.fully_connected("dense", flat, 10));
  return after_all_passes(g.graph());
}

}  // namespace

TEST_CASE("a residual net is integers from the quantized input to the last layer, and close to its float form") {
  const Graph graph = residual_net();
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const PackedModel packed = int8_of(graph, input);
  for (const PackedNode& node : packed.nodes) {
    CAPTURE(node.name);
    const bool first = &node == &packed.nodes.front();
    const bool last = &node == &packed.nodes.back();
    CHECK((packed.tensors[static_cast<size_t>(node.inputs[0])].type == DataType::kU8) == !first);
    CHECK((packed.tensors[static_cast<size_t>(node.outputs[0])].type == DataType::kU8) == !last);
  }
  const std::string output = packed.tensors[static_cast<size_t>(packed.outputs[0])].name;
  Result<PackedModel> f32 = lower_f32(graph);
  // Four roundings to 8 bits on the way, each near 45 dB.
  CHECK(sqnr_db(run(*f32, input)[output], run(packed, input)[output]) > 30);
}

TEST_CASE("a value that is an output and feeds integers exists in both forms, the output under its own name") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId a = g.conv2d("a", x, {4, 3, 3, 3}, kSame);
  g.output(a);
  g.output(g.conv2d("b", a, {4, 3, 3, 4}, kSame));
  const octet::Tensor input = random_inputs(g.graph(), 1)[0];
  const PackedModel packed = int8_of(g.graph(), input);
  CHECK(tensor(packed, "a").type == DataType::kF32);
  CHECK(tensor(packed, "a:u8").type == DataType::kU8);
  CHECK(tensor(packed, "b").type == DataType::kF32);
}

TEST_CASE("what a concatenation joins shares one range, the union") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId a = g.conv2d("a", x, {4, 1, 1, 3});
  const ValueId b = g.relu("b_relu", g.conv2d("b", x, {4, 1, 1, 3}));
  const ValueId joined = g.add("joined", ConcatParams{.axis = 3}, {a, b});
  g.output(g.conv2d("c", joined, {2, 1, 1, 8}));
  const Graph graph = after_all_passes(g.graph());
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const PackedModel packed = int8_of(graph, input);
  const QuantParams shared = tensor(packed, "joined").desc().quant();
  CHECK(tensor(packed, "a").desc().quant() == shared);
  CHECK(tensor(packed, "b_relu").desc().quant() == shared);
}

TEST_CASE("a node that is kept in float is f32 between integers") {
  const Graph graph = residual_net();
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const PackedModel packed = int8_of(graph, input, {.keep_float = {"b"}});
  for (const PackedNode& node : packed.nodes) {
    if (node.name != "b") continue;
    CHECK(packed.tensors[static_cast<size_t>(node.inputs[0])].type == DataType::kF32);
    CHECK(packed.tensors[static_cast<size_t>(node.outputs[0])].type == DataType::kF32);
  }
  std::vector<std::string> notices;
  const Result<PackedModel> unknown = lower_int8(graph, ranges_of(graph, input), {.keep_float = {"none"}}, notices);
  REQUIRE(!unknown.ok());
  CHECK(unknown.error().code == ErrorCode::kUsage);
}

namespace {

const PackedNode& node(const PackedModel& model, const std::string& name) {
  return *std::find_if(model.nodes.begin(), model.nodes.end(), [&](const PackedNode& n) { return n.name == name; });
}

}  // namespace

TEST_CASE("a bf16 network is bf16 from layer to layer, and f32 where it ends") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 6, 6, 3});
  const ValueId a = g.relu("a_relu", g.conv2d("a", x, {8, 3, 3, 3}, kSame));
  const ValueId b = g.conv2d("b", a, {4, 1, 1, 8});
  const ValueId joined = g.add("joined", ConcatParams{.axis = 3}, {a, b});
  g.output(g.conv2d("c", joined, {5, 3, 3, 12}, kSame));
  const Graph graph = after_all_passes(g.graph());
  const Result<PackedModel> packed = lower_bf16(graph, {});
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  for (const char* name : {"a", "b", "c"}) {
    CHECK(packed->tensors[static_cast<size_t>(node(*packed, name).inputs[kConvWeights])].type == DataType::kBf16);
    CHECK(packed->tensors[static_cast<size_t>(node(*packed, name).inputs[kConvBias])].type == DataType::kF32);
  }
  for (const char* name : {"x:bf16", "a_relu", "b", "joined"}) CHECK(tensor(*packed, name).type == DataType::kBf16);
  CHECK(tensor(*packed, "c").type == DataType::kF32);
  CHECK(packed->nodes.size() == 5);  // one narrows the input, and none lies between
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const Result<PackedModel> f32 = lower_f32(graph);
  REQUIRE(f32.ok());
  const double db = sqnr_db(run(*f32, input)["c"], run(*packed, input)["c"]);
  CHECK(db > 38);
  CHECK(db < 80);  // or it was no bf16
}

TEST_CASE("what --keep-float names stays f32 in a bf16 network") {
  const Graph graph = residual_net();
  const Result<PackedModel> packed = lower_bf16(graph, {"b"});
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  for (const PackedNode& n : packed->nodes) {
    if (!std::holds_alternative<Conv2dParams>(n.op)) continue;
    const DataType type = n.name == "b" ? DataType::kF32 : DataType::kBf16;
    CHECK(packed->tensors[static_cast<size_t>(n.inputs[kConvWeights])].type == type);
    CHECK(packed->tensors[static_cast<size_t>(n.inputs[kConvSrc])].type == type);
  }
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const std::string output = graph.value(graph.outputs[0]).name;
  CHECK(sqnr_db(run(*lower_f32(graph), input)[output], run(*packed, input)[output]) > 38);
}

TEST_CASE("integers, bf16 and f32 meet in one network") {
  const Graph graph = residual_net();
  const octet::Tensor input = random_inputs(graph, 1)[0];
  const std::string output = graph.value(graph.outputs[0]).name;
  std::vector<float> expected = run(*lower_f32(graph), input)[output];
  std::vector<std::string> layers;
  for (const std::string& name : weighted_nodes(graph)) layers.push_back(name);
  // Every layer in each of the three.
  size_t combinations = 1;
  for (size_t i = 0; i < layers.size(); ++i) combinations *= 3;
  for (size_t code = 0; code < combinations; ++code) {
    QuantizeOptions options;
    size_t left = code;
    for (const std::string& layer : layers) {
      if (left % 3 == 1) options.bf16.insert(layer);
      if (left % 3 == 2) options.keep_float.insert(layer);
      left /= 3;
    }
    CAPTURE(code);
    const PackedModel packed = int8_of(graph, input, options);
    for (const std::string& layer : layers) {
      const DataType type = packed.tensors[static_cast<size_t>(node(packed, layer).inputs[kConvWeights])].type;
      CHECK(type == (options.bf16.contains(layer)         ? DataType::kBf16
                     : options.keep_float.contains(layer) ? DataType::kF32
                                                          : DataType::kS8));
    }
    CHECK(sqnr_db(expected, run(packed, input)[output]) > 28);
  }
}

TEST_CASE("elementwise arithmetic behind the last layer stays f32") {
  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 4, 4, 3});
  const ValueId a = g.conv2d("a", x, {4, 1, 1, 3});
  g.output(g.add("scaled", BinaryParams{.kind = BinaryKind::kMul}, {a, g.constant({4, 4, 4})}));
  const std::vector<Precision> precisions = choose_precisions(g.graph(), {});
  CHECK(precisions == std::vector{Precision::kInt8, Precision::kF32});
}

TEST_CASE("what leads to integers only through an operation in f32 stays f32") {
  GraphBuilder g;
  const ValueId x = g.conv2d("a", g.input("x", {Shape::kDynamic, 4, 4, 3}), {4, 1, 1, 3});
  const ValueId doubled = g.add_up("sum", x, x);
  const ValueId root = g.add("root", UnaryParams{UnaryKind::kExp}, {doubled});
  g.output(g.conv2d("b", g.add("ratio", BinaryParams{.kind = BinaryKind::kDiv}, {doubled, root}), {4, 1, 1, 4}));
  using enum Precision;
  CHECK(choose_precisions(g.graph(), {}) == std::vector{kInt8, kF32, kF32, kF32, kInt8});
}

TEST_CASE("a value without a range and more taps than an accumulator holds are refused by name") {
  const Graph graph = residual_net();
  std::vector<std::string> notices;
  const Result<PackedModel> unknown = lower_int8(graph, {}, {}, notices);
  REQUIRE(!unknown.ok());
  CHECK(unknown.error().message.find("'x'") != std::string::npos);

  GraphBuilder g;
  const ValueId x = g.input("x", {Shape::kDynamic, 65794});
  g.output(g.fully_connected("wide", x, 1));
  const Result<PackedModel> wide = lower_int8(g.graph(), {{"x", {0, 1}}, {"wide", {0, 1}}}, {}, notices);
  REQUIRE(!wide.ok());
  CHECK(wide.error().code == ErrorCode::kUnsupported);
  CHECK(wide.error().message.find("65794") != std::string::npos);
}

}  // namespace octet::test
