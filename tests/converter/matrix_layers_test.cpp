// Networks of f32 whose matrix layers have integer weights: what they become, what they compute, what their files hold.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "converter/lower.h"
#include "octet/session.hpp"
#include "runtime/packed_bytes.h"
#include "runtime/packed_format.h"
#include "tests/support/graph_builder.h"

namespace octet::test {
namespace {

constexpr int64_t kAny = Shape::kDynamic;

QuantizeOptions weight_only(int bits, int64_t group_size = 0) {
  return {.layers = Precision::kWeightOnly, .weights = {.bits = bits, .group_size = group_size}};
}

PackedModel lowered(const Graph& graph, const QuantizeOptions& options) {
  std::vector<std::string> notices;
  Result<PackedModel> packed = lower_int8(graph, {}, options, notices);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  CHECK(notices.empty());
  return std::move(*packed);
}

std::vector<float> run(const PackedModel& packed, const octet::Tensor& input) {
  const Model model = Model::from_packed(std::make_shared<PackedModel>(packed));
  Result<Session> session = Session::create(model, {.threads = 1, .input_shapes = {input.shape()}});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  std::memcpy(session->input().data, input.data(), static_cast<size_t>(input.byte_count()));
  session->run();
  const auto values = session->output().as<float>();
  return {values.begin(), values.end()};
}

double sqnr_db(const std::vector<float>& expected, const std::vector<float>& found) {
  REQUIRE(expected.size() == found.size());
  double signal = 0, noise = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double x = static_cast<double>(expected[i]), d = static_cast<double>(found[i]) - x;
    signal += x * x, noise += d * d;
  }
  return 10 * std::log10(signal / std::max(noise, 1e-30));
}

const PackedNode& node(const PackedModel& packed, std::string_view name) {
  for (const PackedNode& candidate : packed.nodes) {
    if (candidate.name == name) return candidate;
  }
  FAIL("no node " << name);
  return packed.nodes[0];
}

DataType weights_type(const PackedModel& packed, const std::string& name) {
  return packed.tensors[static_cast<size_t>(node(packed, name).inputs[kConvWeights])].type;
}

// Three layers, ReLU between.
Graph perceptron(int64_t inputs, int64_t hidden) {
  GraphBuilder g;
  ValueId x = g.input("x", {kAny, inputs});
  x = g.relu("a:relu", g.fully_connected("a", x, hidden));
  x = g.relu("b:relu", g.fully_connected("b", x, hidden, false));
  g.output(g.fully_connected("c", x, 10));
  return after_all_passes(g.graph());
}

// What a transformer does to its tokens: constant matrices, bias, residual.
Graph token_mixer() {
  GraphBuilder g;
  const ValueId x = g.input("x", {kAny, 12, 32});
  const ValueId up = g.add("up", MatmulParams{}, {x, g.constant({32, 64})});
  const ValueId biased = g.add_up("biased", up, g.constant({64}));
  const ValueId down = g.add("down", MatmulParams{}, {g.relu("relu", biased), g.constant({64, 32})});
  g.output(g.add_up("y", down, x));
  return after_all_passes(g.graph());
}

// Twelve steps of a bidirectional LSTM, a GRU over its last half, and a layer of its last state.
Graph listener() {
  GraphBuilder g;
  const auto recurrent = [&](const std::string& name, RecurrentKind kind, RecurrentDirection direction, ValueId x) {
    RecurrentParams params{.kind = kind, .direction = direction, .hidden = 32};
    for (int64_t i = 0; i < params.directions() * params.functions(); ++i) {
      const bool is_gate = i % params.functions() == 0;
      params.activations.push_back(static_cast<int64_t>(is_gate ? UnaryKind::kSigmoid : UnaryKind::kTanh));
    }
    params.alphas.resize(params.activations.size());
    params.betas.resize(params.activations.size());
    const int64_t d = params.directions(), width = params.gates() * params.hidden, inputs = g.shape(x)[2];
    const std::vector<ValueId> read{x, g.constant({d, width, inputs}, -0.2F, 0.2F),
                                    g.constant({d, width, params.hidden}, -0.2F, 0.2F), g.constant({d, 2 * width})};
    const auto shapes = infer_shapes(params, g.graph().descs(read));
    REQUIRE_MESSAGE(shapes.ok(), shapes.error().message);
    std::vector<ValueId> outputs;
    for (const Shape& shape : *shapes) outputs.push_back(g.graph().add_value(name, DataType::kF32, shape));
    g.graph().insert_node(g.graph().nodes.size(), name, params, read, outputs);
    return outputs;
  };
  const ValueId x = g.input("x", {12, 2, 40});
  const ValueId y = recurrent("lstm", RecurrentKind::kLstm, RecurrentDirection::kBidirectional, x)[0];
  const ValueId rows = g.add("rows", ReshapeParams{{12, 2, 64}}, {g.transpose("turned", y, {0, 2, 1, 3})});
  const ValueId h = recurrent("gru", RecurrentKind::kGru, RecurrentDirection::kForward, rows)[1];
  g.output(g.fully_connected("head", g.add("flat", ReshapeParams{{2, 32}}, {h}), 10));
  return g.graph();
}

// The graph with the weights that the packed network's integers stand for.
Graph dequantized(Graph graph, const PackedModel& packed) {
  for (Node& layer : graph.nodes) {
    if (!is_matrix_layer(graph, layer)) continue;
    const PackedTensor& weights = packed.tensors[static_cast<size_t>(node(packed, layer.name).inputs[kConvWeights])];
    const auto* q = static_cast<const int8_t*>(weights.data);
    Value& value = graph.values[static_cast<size_t>(layer.inputs[kConvWeights])];
    octet::Tensor real(DataType::kF32, value.shape);
    const size_t taps = real.as<float>().size() / weights.scales.size();
    for (size_t i = 0; i < real.as<float>().size(); ++i) {
      real.as<float>()[i] = weights.scales[i / taps] * static_cast<float>(q[i]);
    }
    value.constant = real;
  }
  return graph;
}

}  // namespace

TEST_CASE("weight-only layers compute what f32 computes with the weights that their integers stand for") {
  for (const Graph& graph : {perceptron(70, 150), token_mixer()}) {
    for (const QuantizeOptions& options : {weight_only(8), weight_only(4), weight_only(4, 32)}) {
      const octet::Tensor input = random_inputs(graph, 3)[0];
      const PackedModel packed = lowered(graph, options);
      const std::vector<float> expected = run(*lower_f32(dequantized(graph, packed)), input);
      CHECK(sqnr_db(expected, run(packed, input)) > 110);  // f32 in another order
    }
  }
}

TEST_CASE("8 bits keep 40 dB of three layers, 4 bits in groups 15") {
  const Graph graph = perceptron(256, 512);
  const octet::Tensor input = random_inputs(graph, 8)[0];
  const std::vector<float> expected = run(*lower_f32(graph), input);
  const auto kept = [&](const QuantizeOptions& options) {
    return sqnr_db(expected, run(lowered(graph, options), input));
  };
  CHECK(kept(weight_only(8)) > 40);
  CHECK(kept(weight_only(4, 32)) > 15);
}

TEST_CASE("groups keep more than channels where few weights are large") {
  GraphBuilder g;
  const octet::Tensor even = random_inputs(perceptron(512, 64), 64)[0];
  std::vector<float> weights;
  for (const float w : even.as<float>()) weights.push_back(std::pow(w, 7.0F));
  g.output(g.add("layer", FullyConnectedParams{}, {g.input("x", {kAny, 512}), g.constant_of({64, 512}, weights)}));
  const octet::Tensor input = random_inputs(g.graph(), 8)[0];
  const std::vector<float> expected = run(*lower_f32(g.graph()), input);
  const auto kept = [&](const QuantizeOptions& options) {
    return sqnr_db(expected, run(lowered(g.graph(), options), input));
  };
  CHECK(kept(weight_only(4, 16)) > kept(weight_only(4)) + 1);
}

TEST_CASE("matrices of constants in transformers are weight-only, with bias, activation and residual") {
  const Graph graph = token_mixer();
  const PackedModel packed = lowered(graph, weight_only(8));
  CHECK(weights_type(packed, "up") == DataType::kS8);
  CHECK(weights_type(packed, "down") == DataType::kS8);
  CHECK(std::get<FullyConnectedParams>(node(packed, "up").op).clamp.min == 0);
  CHECK(std::holds_alternative<BinaryParams>(node(packed, "down:add").op));
}

TEST_CASE("convolutions and what keep_float names stay f32") {
  GraphBuilder g;
  const ValueId a = g.conv2d("conv", g.input("x", {kAny, 5, 5, 3}), {4, 1, 1, 3});
  const ValueId pool = g.add("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {a});
  const ValueId rows = g.add("flat", ReshapeParams{{0, -1}}, {pool});
  g.output(g.fully_connected("second", g.fully_connected("first", rows, 8), 6));
  QuantizeOptions options = weight_only(8);
  options.keep_float = {"second"};
  const PackedModel packed = lowered(g.graph(), options);
  CHECK(weights_type(packed, "conv") == DataType::kF32);
  CHECK(weights_type(packed, "first") == DataType::kS8);
  CHECK(weights_type(packed, "second") == DataType::kF32);
}

TEST_CASE("recurrent layers have integer weights that are close to f32, and keep_float names them") {
  const Graph graph = listener();
  const octet::Tensor input = random_inputs(graph)[0];
  const std::vector<float> expected = run(*lower_f32(graph), input);
  struct Kind {
    QuantizeOptions options;
    double db;
  };
  for (const Kind& kind :
       {Kind{weight_only(8), 45}, Kind{weight_only(4, 16), 18}, Kind{{.layers = Precision::kDynamic}, 35}}) {
    const PackedModel packed = lowered(graph, kind.options);
    CHECK(weights_type(packed, "head") == DataType::kS8);
    for (const char* name : {"lstm", "gru"}) {
      const PackedNode& layer = node(packed, name);
      CHECK(std::get<RecurrentParams>(layer.op).quantize_rows == (kind.options.layers == Precision::kDynamic));
      for (const size_t i : {kRecurrentW, kRecurrentR}) {
        const PackedTensor& weights = packed.tensors[static_cast<size_t>(layer.inputs[i])];
        CHECK(weights.type == DataType::kS8);
        CHECK(weights.file_bits == kind.options.weights.bits);
        CHECK(static_cast<int64_t>(weights.scales.size()) == weights.shape[0]);
      }
      CHECK(packed.tensors[static_cast<size_t>(layer.inputs[kRecurrentB])].type == DataType::kF32);
    }
    const double found = sqnr_db(expected, run(packed, input));
    CAPTURE(found);
    CHECK(found > kind.db);
    CHECK(found < 80);  // else nothing was rounded
    const std::vector<std::byte> written = write_model(packed);
    CHECK(static_cast<uint32_t>(written[8]) == kVersionOfRecurrentIntegers);
    const Result<Model> loaded = Model::from_memory(written);
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    CHECK(run(loaded->packed(), input) == run(packed, input));
  }
  QuantizeOptions options = weight_only(8);
  options.keep_float = {"lstm"};
  const PackedModel kept = lowered(graph, options);
  CHECK(weights_type(kept, "lstm") == DataType::kF32);
  CHECK(weights_type(kept, "gru") == DataType::kS8);
}

TEST_CASE("recurrent layers of integers take a quarter of their bytes, and an eighth of 4 bits") {
  const Graph graph = listener();
  const auto bytes = [](const PackedModel& packed) { return static_cast<double>(write_model(packed).size()); };
  const double floats = bytes(*lower_f32(graph));
  CHECK(bytes(lowered(graph, weight_only(8))) < 0.32 * floats);
  CHECK(bytes(lowered(graph, weight_only(4, 32))) < 0.22 * floats);
}

TEST_CASE("a weight-only file takes 1.05 bytes a parameter at 8 bits, 0.56 at 4 bits in groups of 64") {
  const Graph graph = perceptron(512, 512);
  const double parameters = 512 * 512 * 2 + 512 * 10 + 512 + 10;
  CHECK(static_cast<double>(write_model(lowered(graph, weight_only(8))).size()) <= 1.05 * parameters);
  CHECK(static_cast<double>(write_model(lowered(graph, weight_only(4, 64))).size()) <= 0.56 * parameters);
}

TEST_CASE("a weight-only network answers the same bytes from its file, which says that it needs version 4") {
  const Graph graph = perceptron(100, 90);
  const octet::Tensor input = random_inputs(graph, 2)[0];
  for (const QuantizeOptions& options : {weight_only(8), weight_only(4, 64)}) {
    const PackedModel packed = lowered(graph, options);
    const std::vector<std::byte> written = write_model(packed);
    PackedHeader header;
    std::memcpy(&header, written.data(), sizeof header);
    CHECK(header.version == kVersionOfWeightOnly);
    const Result<Model> loaded = Model::from_memory(written);
    REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
    CHECK(run(loaded->packed(), input) == run(packed, input));
    CHECK(write_model(loaded->packed()) == written);
  }
}

TEST_CASE("a dynamic network is close to f32, and its samples answer the same bytes alone and in a batch") {
  for (const Graph& graph : {perceptron(70, 150), token_mixer()}) {
    const octet::Tensor input = random_inputs(graph, 4)[0];
    const PackedModel packed = lowered(graph, {.layers = Precision::kDynamic});
    const std::vector<float> all = run(packed, input);
    CHECK(sqnr_db(run(*lower_f32(graph), input), all) > 35);
    const size_t sample = input.as<float>().size() / 4;
    Shape one = input.shape();
    one[0] = 1;
    for (size_t i = 0; i < 4; ++i) {
      octet::Tensor alone(DataType::kF32, one);
      std::copy_n(input.as<float>().begin() + static_cast<ptrdiff_t>(i * sample), sample, alone.as<float>().begin());
      const std::vector<float> found = run(packed, alone);
      CHECK(std::equal(found.begin(), found.end(), all.begin() + static_cast<ptrdiff_t>(i * found.size())));
    }
  }
}

TEST_CASE("a layer on quantized rows keeps that in the file; other layers' files stay readable to older versions") {
  const auto loaded = [](const PackedModel& packed) {
    const std::vector<std::byte> written = write_model(packed);
    const Result<Model> model = Model::from_memory(written);
    REQUIRE_MESSAGE(model.ok(), model.error().message);
    CHECK(write_model(model->packed()) == written);
    return std::get<FullyConnectedParams>(node(model->packed(), "a").op).quantize_rows;
  };
  const Graph graph = perceptron(8, 4);
  const PackedModel dynamic = lowered(graph, {.layers = Precision::kDynamic}), plain = lowered(graph, weight_only(8));
  CHECK(loaded(dynamic));
  CHECK_FALSE(loaded(plain));
  // A tag and an i64 for each of three layers: where rows are not quantized, the file does not speak of it.
  const auto graph_bytes = [](const PackedModel& packed) {
    PackedHeader header;
    std::memcpy(&header, write_model(packed).data(), sizeof header);
    return header.graph_bytes;
  };
  CHECK(graph_bytes(dynamic) == graph_bytes(plain) + 3 * 9);
}

TEST_CASE("dynamic layers with more taps than a sum of 32 bits holds are refused by name") {
  GraphBuilder g;
  g.output(g.fully_connected("long", g.input("x", {kAny, 70000}), 1));
  std::vector<std::string> notices;
  const auto packed = lower_int8(g.graph(), {}, {.layers = Precision::kDynamic}, notices);
  REQUIRE_FALSE(packed.ok());
  CHECK(packed.error().message.find("node 'long' adds 70000 products") != std::string::npos);
}

TEST_CASE("weights that are not finite have no integers, and are named") {
  Graph graph = perceptron(4, 3);
  octet::Tensor& weights = *graph.values[static_cast<size_t>(graph.nodes[0].inputs[1])].constant;
  octet::Tensor broken(DataType::kF32, weights.shape());
  broken.as<float>()[1] = NAN;
  weights = broken;
  std::vector<std::string> notices;
  const auto packed = lower_int8(graph, {}, weight_only(8), notices);
  REQUIRE_FALSE(packed.ok());
  CHECK(packed.error().message.find("node 'a'") != std::string::npos);
  graph = listener();
  graph.values[static_cast<size_t>(graph.nodes[0].inputs[kRecurrentR])].constant->as<float>()[3] = INFINITY;
  const auto recurrent = lower_int8(graph, {}, weight_only(8), notices);
  REQUIRE_FALSE(recurrent.ok());
  CHECK(recurrent.error().message.find("node 'lstm'") != std::string::npos);
}

}  // namespace octet::test
