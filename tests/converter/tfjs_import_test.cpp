// TensorFlow.js layers models: small complete ones written here, and a real one where the shared data is.
#include <doctest/doctest.h>

#include <cmath>

#include "converter/passes/passes.h"
#include "tests/support/skip.h"
#include "tests/support/tfjs_model.h"

namespace octet::test {
namespace {

std::vector<float> run(const Graph& graph, const std::vector<float>& input) {
  Shape shape = graph.value(graph.inputs[0]).shape;
  shape[0] = 1;
  const auto outputs = run_graph(graph, {octet::Tensor::f32(shape, input)});
  const auto values = outputs[0].as<float>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("a Sequential model of every kind of layer is read, in NHWC and without a transpose") {
  TfjsModel m;
  m.input({9, 9, 3});
  m.weight("conv/kernel", {3, 3, 3, 4});
  m.weight("conv/bias", {4});
  m.add(layer("Conv2D", "conv", {{"strides", {2, 2}}, {"padding", "same"}, {"activation", "relu"}}));
  for (const char* name : {"bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"}) m.weight(name, {4});
  m.add(layer("BatchNormalization", "bn", {{"axis", {3}}}));
  m.add(layer("ReLU", "relu6", {{"max_value", 6}}));
  m.weight("dw/depthwise_kernel", {3, 3, 4, 2});
  m.add(layer("DepthwiseConv2D", "dw", {{"use_bias", false}, {"padding", "same"}}));
  m.add(layer("LeakyReLU", "leaky", {{"alpha", 0.1}}));
  m.weight("sep/depthwise_kernel", {3, 3, 8, 1});
  m.weight("sep/pointwise_kernel", {1, 1, 8, 5});
  m.weight("sep/bias", {5});
  m.add(layer("SeparableConv2D", "sep", {{"padding", "same"}}));
  m.add(layer("ZeroPadding2D", "pad", {{"padding", {{1, 0}, {0, 1}}}}));
  m.add(layer("Cropping2D", "crop", {{"cropping", {{1, 0}, {0, 1}}}}));
  m.add(layer("UpSampling2D", "up", {{"size", {2, 2}}}));
  m.add(layer("MaxPooling2D", "max", {{"pool_size", {2, 2}}, {"strides", nullptr}}));
  m.add(layer("AveragePooling2D", "average", {{"pool_size", 2}, {"strides", 1}, {"padding", "same"}}));
  m.add(layer("Dropout", "dropout", {{"rate", 0.5}}));
  m.add(layer("Flatten", "flatten"));
  m.add(layer("Reshape", "reshape", {{"target_shape", {5, -1}}}));
  m.add(layer("Permute", "permute", {{"dims", {2, 1}}}));
  m.add(layer("Flatten", "flatten2"));
  m.weight("fc/kernel", {125, 3});
  m.add(layer("Dense", "fc", {{"use_bias", false}, {"activation", "linear"}}));
  m.add(layer("Softmax", "softmax"));
  const Graph graph = m.imported();
  CHECK(m.report.format == "TensorFlow.js layers");
  CHECK(graph.value(graph.outputs[0]).name == "softmax");
  CHECK(graph.value(graph.outputs[0]).shape == Shape{Shape::kDynamic, 3});
  CHECK(count_ops(graph, "transpose") == 1);  // the Permute
  after_all_passes(graph);
}

TEST_CASE("padding 'same' puts the odd pixel behind, as TensorFlow does") {
  for (const int64_t size : {4, 5}) {
    TfjsModel m;
    m.input({size, size, 1});
    m.weight("conv/kernel", {3, 3, 1, 1});
    m.add(layer("Conv2D", "conv", {{"strides", {2, 2}}, {"padding", "same"}, {"use_bias", false}}));
    const Graph graph = m.imported();
    const auto pads = graph.nodes[0].as<Conv2dParams>()->pads;
    CHECK(pads == (size == 4 ? std::array<int64_t, 4>{0, 0, 1, 1} : std::array<int64_t, 4>{1, 1, 1, 1}));
  }
}

TEST_CASE("weights are read in TensorFlow's layouts") {
  {  // y[o] = sum of x[c] * kernel[0, 0, c, o]
    TfjsModel m;
    m.input({1, 1, 2});
    m.weight("conv/kernel", {1, 1, 2, 3}, {1, 2, 3, 10, 20, 30});
    m.weight("conv/bias", {3}, {0, 0, 0.5F});
    m.add(layer("Conv2D", "conv"));
    CHECK(run(m.imported(), {1, 2}) == std::vector<float>{21, 42, 63.5F});
  }
  {  // y[c*2 + m] = x[c] * kernel[0, 0, c, m]
    TfjsModel m;
    m.input({1, 1, 2});
    m.weight("dw/depthwise_kernel", {1, 1, 2, 2}, {1, 2, 3, 4});
    m.add(layer("DepthwiseConv2D", "dw", {{"use_bias", false}}));
    CHECK(run(m.imported(), {1, 10}) == std::vector<float>{1, 2, 30, 40});
  }
  for (const bool image : {false, true}) {
    TfjsModel m;
    image ? m.input({1, 1, 2}) : m.input({2});
    m.weight("fc/kernel", {2, 3}, {1, 2, 3, 10, 20, 30});
    m.weight("fc/bias", {3}, {0, 0, 1});
    m.add(layer("Dense", "fc", {{"activation", "relu"}}));
    CHECK(run(m.imported(), {1, -0.5F}) == std::vector<float>{0, 0, 0});
    CHECK(run(m.imported(), {1, 2}) == std::vector<float>{21, 42, 64});
  }
}

TEST_CASE("a functional model may branch, share layers, and list its layers in any order") {
  TfjsModel m;
  m.weight("fc/kernel", {2, 2}, {1, 0, 0, 2});
  const auto node = [](const char* name, int call = 0) { return Json::array({name, call, 0, Json::object()}); };
  const auto with = [](Json layer, Json inbound) {
    layer["name"] = layer["config"]["name"];
    layer["inbound_nodes"] = std::move(inbound);
    return layer;
  };
  const Json layers = {
      with(layer("Add", "sum"), {{node("fc", 0), node("fc", 1), node("x")}}),
      with(layer("Concatenate", "joined", {{"axis", -1}}), {{node("x"), node("sum")}}),
      with(layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 2}}}), Json::array()),
      with(layer("Dense", "fc", {{"use_bias", false}}), {{node("x")}, {node("fc", 0)}}),
  };
  m.json()["modelTopology"] = {{"class_name", "Model"},
                               {"config",
                                {{"name", "m"},
                                 {"layers", layers},
                                 {"input_layers", {{"x", 0, 0}}},
                                 {"output_layers", {{"joined", 0, 0}, {"sum", 0, 0}}}}}};
  const Graph graph = m.imported();
  CHECK(graph.outputs.size() == 2);
  CHECK(run(graph, {1, 10}) == std::vector<float>{1, 10, 3, 70});  // x, and x + fc(x) + fc(fc(x))
}

TEST_CASE("Keras 3 hides what a layer reads in its arguments, and puts a scope before the weights") {
  TfjsModel m;
  m.weight("model/fc/kernel", {2, 2}, {1, 0, 0, 2});
  const Json tensor = {{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {"x", 0, 0}}}}};
  Json fc = layer("Dense", "fc", {{"use_bias", false}});
  fc["inbound_nodes"] = {{{"args", Json::array({tensor})}, {"kwargs", Json::object()}}};
  Json x = layer("InputLayer", "x", {{"batch_shape", {nullptr, 2}}});
  x["inbound_nodes"] = Json::array();
  m.json()["modelTopology"] = {
      {"model_config",
       {{"class_name", "Functional"},
        {"config", {{"layers", {x, fc}}, {"input_layers", {"x", 0, 0}}, {"output_layers", {"fc", 0, 0}}}}}}};
  CHECK(run(m.imported(), {1, 10}) == std::vector<float>{1, 20});
}

TEST_CASE("a model may be a layer of another, and a first layer may carry the input shape") {
  TfjsModel m;
  m.weight("fc/kernel", {2, 2}, {1, 0, 0, 2});
  m.weight("fc2/kernel", {2, 1}, {1, 1});
  Json fc = layer("Dense", "fc", {{"use_bias", false}, {"batch_input_shape", {nullptr, 2}}});
  m.add({{"class_name", "Sequential"}, {"config", {{"name", "inner"}, {"layers", {fc}}}}});
  m.add(layer("Dense", "fc2", {{"use_bias", false}}));
  const Graph graph = m.imported();
  CHECK(graph.value(graph.inputs[0]).name == "fc_input");
  CHECK(run(graph, {1, 10}) == std::vector<float>{21});
}

TEST_CASE("quantized shards are dequantized, and a group may have several shards") {
  TfjsModel m;
  m.input({2});
  const std::array<uint8_t, 4> bytes{0, 255, 51, 102};
  Json entry = {{"name", "fc/kernel"}, {"shape", {2, 2}}, {"dtype", "float32"}};
  entry["quantization"] = {{"dtype", "uint8"}, {"min", -1.0}, {"scale", 2.0 / 255}};
  m.group(Json::array({entry}), bytes_of<uint8_t>(bytes));
  const std::array<uint16_t, 4> halves{0x3C00, 0xBC00, 0x0001, 0x7BFF};  // 1, -1, 2^-24, 65504
  entry = {{"name", "fc2/kernel"}, {"shape", {2, 2}}, {"dtype", "float32"}, {"quantization", {{"dtype", "float16"}}}};
  m.group(Json::array({entry}), bytes_of<uint16_t>(halves));
  const std::array<uint16_t, 2> words{0, 65535};
  entry = {{"name", "fc2/bias"}, {"shape", {2}}, {"dtype", "float32"}};
  entry["quantization"] = {{"dtype", "uint16"}, {"min", 1.0}, {"scale", 1.0}};
  m.group(Json::array({entry}), bytes_of<uint16_t>(words).substr(0, 3));
  auto& paths = m.json()["weightsManifest"][2]["paths"];
  paths.push_back("second");
  m.folder().write("second", bytes_of<uint16_t>(words).substr(3));

  WeightFiles files(m.folder().path("model.json"));
  const Result<TfjsWeights> weights = TfjsWeights::read({m.json()["weightsManifest"], "manifest"}, files);
  REQUIRE(weights.ok());
  const auto values = [&](const char* l, const char* w) {
    const auto v = weights->find(l, w)->as<float>();
    return std::vector<float>(v.begin(), v.end());
  };
  CHECK(values("fc", "kernel")[0] == -1);
  CHECK(values("fc", "kernel")[1] == 1);
  CHECK(values("fc", "kernel")[2] == doctest::Approx(-0.6));
  CHECK(values("fc2", "kernel") == std::vector<float>{1, -1, std::ldexp(1.0F, -24), 65504});
  CHECK(values("fc2", "bias") == std::vector<float>{1, 65536});
}

TEST_CASE("every unsupported layer is listed at once, with its reason") {
  TfjsModel m;
  m.input({4, 4, 1});
  m.add(layer("LSTM", "a"));
  m.add(layer("Activation", "b", {{"activation", "relu"}}));
  m.add(layer("Lambda", "c"));
  CHECK(has(m.error(ErrorCode::kUnsupported), "layer 'a' (LSTM): octet does not know this layer (and 1 more)"));
  REQUIRE(m.report.problems.size() == 2);
  CHECK(m.report.problems[1].node == "c");

  TfjsModel first;
  first.input({1, 4, 4});
  first.add(layer("MaxPooling2D", "pool", {{"data_format", "channels_first"}}));
  CHECK(has(first.error(ErrorCode::kUnsupported), "only channels_last is read"));
}

TEST_CASE("an input of unknown size needs --input-shape, which must name an input and have its rank") {
  TfjsModel m;
  m.add(layer("InputLayer", "x", {{"batch_input_shape", {nullptr, nullptr, nullptr, 1}}}));
  m.add(layer("MaxPooling2D", "pool"));
  CHECK(has(m.error(ErrorCode::kUnsupported), "needs --input-shape"));
  ImportOptions options;
  options.input_shapes["x"] = {1, 8, 6, 1};
  const Result<Graph> graph = m.import(options);
  REQUIRE(graph.ok());
  CHECK(graph->value(graph->outputs[0]).shape == Shape{Shape::kDynamic, 4, 3, 1});
  options.input_shapes["y"] = {1, 8, 6, 1};
  CHECK(m.import(options).error().code == ErrorCode::kUsage);
  options.input_shapes = {{"x", {1, 8}}};
  CHECK(m.import(options).error().code == ErrorCode::kUsage);
}

TEST_CASE("damaged models name the place and the numbers") {
  const auto model = [](TfjsModel& m) {
    m.input({2});
    m.weight("fc/kernel", {2, 2});
    m.add(layer("Dense", "fc", {{"use_bias", false}}));
  };
  const auto message = [&](const std::function<void(TfjsModel&)>& damage) {
    TfjsModel m;
    model(m);
    damage(m);
    return m.error(ErrorCode::kInvalidFile);
  };
  CHECK(has(message([](TfjsModel& m) { m.folder().write("group1-shard1of1", "1234567"); }),
            "tensor 'fc/kernel' ends at byte 16, but its shards (group1-shard1of1) have 7"));
  CHECK(has(message([](TfjsModel& m) { m.folder().write("group1-shard1of1", std::string(20, 'x')); }),
            "its tensors take 16 bytes, but its shards (group1-shard1of1) have 20"));
  CHECK(has(message([](TfjsModel& m) { std::filesystem::remove(m.folder().path("group1-shard1of1")); }),
            "No such file or directory"));
  CHECK(has(message([](TfjsModel& m) { m.json()["weightsManifest"][0]["paths"][0] = "../shard"; }),
            "is not a relative path below the model's folder"));
  CHECK(has(message([](TfjsModel& m) { m.weight("fc/kernel", {2, 2}); }), "the tensor 'fc/kernel' is there twice"));
  CHECK(has(message([](TfjsModel& m) { m.json().erase("weightsManifest"); }), "'weightsManifest' is missing"));
  CHECK(has(message([](TfjsModel& m) {
              m.json()["weightsManifest"][0]["weights"][0]["shape"] = {-2, 2};
            }),
            "the dimension -2 is negative"));
  CHECK(has(message([](TfjsModel& m) { m.json()["weightsManifest"][0]["weights"][0]["dtype"] = "complex64"; }),
            "the dtype 'complex64'"));
  CHECK(has(message([](TfjsModel& m) { m.add(layer("Dense", "fc2")); }), "the weight 'fc2/kernel' is missing"));
  CHECK(has(message([](TfjsModel& m) { m.add(layer("MaxPooling2D", "pool")); }), "needs 4 dimensions"));
  CHECK(has(message([](TfjsModel& m) { m.json()["modelTopology"] = nullptr; }), "the topology is missing"));
  CHECK(has(message([](TfjsModel& m) {
              m.json()["modelTopology"] = {{"class_name", "Thing"}, {"config", {}}};
            }),
            "the class 'Thing' is not Sequential, Model or Functional"));
}

TEST_CASE("a functional model that reads itself, or what does not exist, is refused") {
  for (const char* source : {"b", "nothing"}) {
    TfjsModel m;
    Json x = layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 2}}});
    x["inbound_nodes"] = Json::array();
    Json a = layer("Flatten", "a");
    a["inbound_nodes"] = {{{source, 0, 0, Json::object()}}};
    Json b = layer("Flatten", "b");
    b["inbound_nodes"] = {{{"a", 0, 0, Json::object()}}};
    m.json()["modelTopology"] = {
        {"class_name", "Model"},
        {"config", {{"layers", {x, a, b}}, {"input_layers", {{"x", 0, 0}}}, {"output_layers", {{"b", 0, 0}}}}}};
    CHECK(has(m.error(ErrorCode::kInvalidFile), "which does not exist or depends on it"));
  }
}

TEST_CASE("no truncated model.json is read, and none crashes") {
  TfjsModel m;
  m.input({2});
  m.weight("fc/kernel", {2, 2});
  m.add(layer("Dense", "fc", {{"use_bias", false}}));
  m.imported();
  const std::string text = m.json().dump();
  for (size_t length = 0; length < text.size(); ++length) {
    ImportReport report;
    const std::string path = m.folder().write("model.json", text.substr(0, length));
    const Result<Graph> graph = import_tfjs(path, {}, report);
    REQUIRE(!graph.ok());
    CHECK(graph.error().code == ErrorCode::kInvalidFile);
  }
}

TEST_CASE("a real MobileNet without topology is recovered from its weights and folds to 28 convolutions") {
  const std::string models = OCTET_SHARED_DATA "/models/";
  if (!std::filesystem::exists(models)) return skip("there is no " + models);
  ImportReport report;
  const auto graph = import_model(models + "mobilenet_v1_0.25_224_tfjs/model.json", {}, report);
  REQUIRE_MESSAGE(graph.ok(), (graph.ok() ? "" : graph.error().message));
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0] == "modelTopology is null: recovered 'Keras MobileNet' from the names of the weights");
  CHECK(graph->value(graph->outputs[0]).shape == Shape{Shape::kDynamic, 1000});
  Graph folded = *graph;
  REQUIRE(run_passes(folded).ok());
  CHECK(count_ops(folded, "conv2d") == 28);
  CHECK(count_ops(folded, "transpose") == 0);
  CHECK(folded.nodes.size() == 31);  // and pool2d, reshape, softmax
}

}  // namespace octet::test
