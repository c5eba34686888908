// Real models from outside the project, where they are present.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <variant>

#include "converter/convert.h"
#include "converter/import/import.h"
#include "converter/passes/passes.h"
#include "tests/support/skip.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(OCTET_SHARED_DATA) / "models";

// Why the models cannot be read here; empty where they can.
std::string obstacle() {
  if (!has_onnx()) return "octet is built without libonnx";
  return fs::is_directory(kModels) ? "" : "there is no " + kModels.string();
}

struct FloatModel {
  const char* file;
  Shape input, output;  // of the graph, images as the file has them
};

const FloatModel kFloatModels[] = {
    {"cifar10_resnet20/resnet20_cifar10.onnx", {-1, 3, 32, 32}, {-1, 10}},
    {"mlperf_tiny_ad/ad01_fp32.onnx", {-1, 640}, {-1, 640}},
    {"mlperf_tiny_kws/kws_ref_model_float32.onnx", {-1, 1, 49, 10}, {-1, 12}},
    {"mlperf_tiny_resnet8/pretrainedResnet_float.onnx", {-1, 3, 32, 32}, {-1, 10}},
    {"mlperf_tiny_vww96/vww_96_float.onnx", {-1, 3, 96, 96}, {-1, 2}},
    {"mnist/mnist.onnx", {-1, 1, 28, 28}, {-1, 10}},
    {"mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx", {-1, 3, 224, 224}, {-1, 1000}},
    {"mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx", {-1, 3, 224, 224}, {-1, 1001}},
    {"squeezenet1.1/squeezenet1.1.onnx", {-1, 3, 224, 224}, {-1, 1000}},
    {"ultraface_rfb_320/version-RFB-320.onnx", {-1, 3, 240, 320}, {-1, 4420, 2}},
};

}  // namespace

TEST_CASE("every shared float model becomes a verified graph with a free batch, before and after all passes") {
  if (const std::string why = obstacle(); !why.empty()) return test::skip(why);
  for (const FloatModel& model : kFloatModels) {
    const std::string path = kModels / model.file;
    CAPTURE(model.file);
    ImportReport report;
    Result<Graph> graph = import_model(path, {}, report);
    REQUIRE_MESSAGE(graph.ok(), graph.error().message);
    CHECK(report.problems.empty());
    CHECK(graph->value(graph->inputs[0]).shape == model.input);
    CHECK(graph->value(graph->outputs[0]).shape == model.output);
    CHECK(graph->verify().ok());
    const Status passed = run_passes(*graph);
    CHECK_MESSAGE(passed.ok(), passed.error().message);
    CHECK(graph->value(graph->outputs[0]).shape == model.output);
  }
}

TEST_CASE("the recurrent layers of a shared speech network are read") {
  if (const std::string why = obstacle(); !why.empty()) return test::skip(why);
  ImportReport report;
  const Result<Graph> graph = import_model(kModels / "dtln/model_1.onnx", {}, report);
  REQUIRE_MESSAGE(graph.ok(), graph.error().message);
  CHECK(std::count_if(graph->nodes.begin(), graph->nodes.end(),
                      [](const Node& node) { return node.is<RecurrentParams>(); }) == 2);
  CHECK(graph->value(graph->outputs[0]).shape == Shape{1, 1, 257});
}

TEST_CASE("every layer of the shared quantized models keeps its integers") {
  if (const std::string why = obstacle(); !why.empty()) return test::skip(why);
  const std::pair<const char*, int> models[] = {
      {"mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qdq.onnx", 53},
      {"mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qoperator.onnx", 53},
      {"mlperf_tiny_resnet8/pretrainedResnet_int8_qdq.onnx", 10},
      {"mlperf_tiny_kws/kws_ref_model_int8_qdq.onnx", 10},
  };
  for (const auto& [name, layers] : models) {
    ConvertOptions options;
    options.model = kModels / name;
    const std::string file = name;  // C++20 lets no lambda capture parts of a binding, as clang has it
    CAPTURE(file);
    const Result<Conversion> converted = convert(options);
    REQUIRE_MESSAGE(converted.ok(), converted.error().message);
    const PackedModel& packed = converted->packed;
    int count = 0;
    for (const PackedNode& node : packed.nodes) {
      const auto type = [&](size_t input) { return packed.tensors[static_cast<size_t>(node.inputs[input])].type; };
      const bool is_layer =
          std::holds_alternative<Conv2dParams>(node.op) || std::holds_alternative<FullyConnectedParams>(node.op);
      if (!is_layer) continue;
      ++count;
      CAPTURE(node.name);
      CHECK(type(kConvSrc) == DataType::kU8);
      CHECK(type(kConvWeights) == DataType::kS8);
    }
    CHECK(count == layers);
  }
}

}  // namespace octet
