// octet's own JSON: the example of converter/README.md, every field, and everything that can be wrong with a file.
#include <doctest/doctest.h>

#include <random>

#include "converter/import/import.h"
#include "converter/import/tfjs.h"
#include "converter/passes/passes.h"
#include "tests/support/graph_builder.h"
#include "tests/support/scratch_folder.h"

namespace octet::test {
namespace {

std::string readme() {
  return read_text(OCTET_SOURCE_DIR "/converter/README.md");
}

// The first block of JSON in converter/README.md.
Json example() {
  const std::string text = readme();
  const size_t start = text.find("```json\n") + 8;
  return Json::parse(text.substr(start, text.find("```", start) - start));
}

// The example's weights: 936 bytes, variances positive.
std::string example_weights() {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(0.1F, 1);
  std::vector<float> numbers(234);
  for (float& number : numbers) number = uniform(random);
  return bytes_of<float>(numbers);
}

struct Model {
  ScratchFolder folder;
  Json json = example();
  ImportReport report;

  Model() { folder.write("example.bin", example_weights()); }
  Result<Graph> import_text(const std::string& text) {
    report = {};
    return import_json(folder.write("model.json", text), {}, report);
  }
  Result<Graph> import() { return import_text(json.dump()); }
};

// The message of the import's error, which has this code; "" with a failed check where there is none.
std::string message(const Result<Graph>& result, ErrorCode code = ErrorCode::kInvalidFile) {
  REQUIRE(!result.ok());
  CHECK(result.error().code == code);
  CHECK(result.error().message.find('\n') == std::string::npos);
  return result.error().message;
}

bool has(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

std::string damaged(const std::function<void(Json&)>& damage, ErrorCode code = ErrorCode::kInvalidFile) {
  Model m;
  damage(m.json);
  return message(m.import(), code);
}

}  // namespace

TEST_CASE("the example of the README is read, folds, and computes what its formula says") {
  Model m;
  const Result<Graph> graph = m.import();
  REQUIRE_MESSAGE(graph.ok(), (graph.ok() ? "" : graph.error().message));
  CHECK(m.report.format == "octet JSON (version 1)");
  CHECK(graph->name == "example");
  CHECK(graph->preprocessing == "size=8x8,color=rgb,scale=1/255");
  CHECK(graph->class_names.size() == 10);
  CHECK(graph->value(graph->inputs[0]).shape == Shape{Shape::kDynamic, 3, 8, 8});
  CHECK(graph->value(graph->outputs[0]).name == "probabilities");
  const Graph after = after_all_passes(*graph);
  CHECK(count_ops(after, "transpose") == 1);
  CHECK(count_ops(after, "batch_norm") == 0);
  CHECK(after.nodes.size() == 6);  // transpose, conv2d, pool2d, reshape, fully_connected, softmax

  // The network once more, from the bytes of the file alone.
  const std::string bytes = example_weights();
  const auto weight = [&](size_t offset, size_t i) {
    float number = 0;
    std::memcpy(&number, bytes.data() + offset + 4 * i, 4);
    return double{number};
  };
  const auto inputs = random_inputs(after, 1);
  const auto pixel = [&](int c, int y, int x) {
    if (y < 0 || x < 0 || y >= 8 || x >= 8) return 0.0;
    return double{inputs[0].as<float>()[static_cast<size_t>((c * 8 + y) * 8 + x)]};
  };
  std::array<double, 4> pooled{};
  for (size_t o = 0; o < 4; ++o) {
    for (int at = 0; at < 16; ++at) {
      double sum = 0;
      for (int tap = 0; tap < 27; ++tap) {
        sum += weight(0, o * 27 + static_cast<size_t>(tap)) *
               pixel(tap / 9, at / 4 * 2 - 1 + tap / 3 % 3, at % 4 * 2 - 1 + tap % 3);
      }
      const double y = weight(448, o) * (sum - weight(576, o)) / std::sqrt(weight(640, o) + 1e-5) + weight(512, o);
      pooled[o] += std::max(y, 0.0) / 16;
    }
  }
  std::array<double, 10> scores{};
  double total = 0;
  for (size_t k = 0; k < 10; ++k) {
    for (size_t c = 0; c < 4; ++c) scores[k] += weight(704, k * 4 + c) * pooled[c];
    scores[k] = std::exp(scores[k] + weight(896, k));
    total += scores[k];
  }
  const auto outputs = run_graph(after, inputs);
  for (size_t k = 0; k < 10; ++k) {
    // 27 products and 4, each off by 2^-24 of sums below 30, through an exponential: below 1e-4 of the result.
    CHECK(outputs[0].as<float>()[k] == doctest::Approx(scores[k] / total).epsilon(1e-4));
  }
}

TEST_CASE("tensors of every type, and of files of their own, are read; f16 becomes f32") {
  struct Case {
    const char* dtype;
    DataType type;
    std::string bytes;
  };
  const std::array<uint16_t, 2> halves{0x3C00, 0xC000};
  const std::array<int64_t, 2> longs{-1, int64_t{1} << 40};
  const Case cases[] = {{"f16", DataType::kF32, bytes_of<uint16_t>(halves)},
                        {"s8", DataType::kS8, "\x80\x7f"},
                        {"u8", DataType::kU8, "\xff\x01"},
                        {"s32", DataType::kS32, std::string(8, '\1')},
                        {"s64", DataType::kS64, bytes_of<int64_t>(longs)}};
  for (const Case& c : cases) {
    const Result<Tensor> tensor = read_tensor({"t", {2}, 3}, c.dtype, "abc" + c.bytes, "w.bin");
    REQUIRE(tensor.ok());
    CHECK(tensor->type() == c.type);
    if (c.type != DataType::kF32) CHECK(std::memcmp(tensor->data(), c.bytes.data(), c.bytes.size()) == 0);
    if (c.type == DataType::kF32) CHECK(tensor->as<float>()[1] == -2.0F);
  }
  Model m;
  m.folder.write("bias.bin", std::string(40, '\0'));
  m.json["tensors"][6]["file"] = "bias.bin";
  m.json["tensors"][6]["offset"] = 0;
  CHECK(m.import().ok());
}

TEST_CASE("what is no JSON is refused with line and column") {
  Model m;
  CHECK(has(message(m.import_text("{\n  \"format\": octet\n}")), "model.json: line 2, column 13: this is no JSON"));
  CHECK(has(message(m.import_text("")), "the file is empty"));
  CHECK(has(message(m.import_text(" \n")), "the file is empty"));
  CHECK(has(message(m.import_text("[1]")), "holds a list, not an object"));
  CHECK(has(message(m.import_text("{\"a\": 1")), "the file breaks off"));
  CHECK(has(message(m.import_text("{\"a\": \"\xff\"}")), "line 1, column"));
  CHECK(has(message(m.import_text("{\"a\": " + std::string(100000, '[') + "}")), "nested deeper than 128"));
  std::string many = "0";
  for (int i = 0; i < 1 << 22; ++i) many += i % 2 == 0 ? ",0" : ",[]";
  CHECK(has(message(m.import_text("{\"a\": [" + many + "]}")), "column 6990511: more than 4194304 values"));
  const std::string text = "\"" + std::string(1 << 23, ',') + "\"";  // in a string they are none
  CHECK(has(message(m.import_text("{\"a\": " + text + "}")), "the field 'format' is missing"));
  CHECK(has(message(m.import_text("{\"a\": 1e999}")), "out of range"));
  ImportReport report;
  CHECK(has(message(import_json(m.folder.path("nothing.json"), {}, report)), "nothing.json': No such file or directory"));
}

TEST_CASE("a missing field, or one of another type, is named with its place") {
  for (const char* field : {"format", "version", "inputs", "outputs", "tensors", "nodes"}) {
    CHECK(has(damaged([&](Json& j) { j.erase(field); }),
              "model.json: the field '" + std::string(field) + "' is missing"));
    CHECK(has(damaged([&](Json& j) { j[field] = Json::object(); }),
              "model.json: " + std::string(field) + ": is an object"));
  }
  for (const char* field : {"name", "dtype", "shape", "offset"}) {
    CHECK(has(damaged([&](Json& j) { j["tensors"][2].erase(field); }), "tensors[2]"));
    CHECK(has(damaged([&](Json& j) { j["tensors"][2][field] = nullptr; }), "tensors[2]"));
  }
  for (const char* field : {"op", "inputs", "outputs"}) {
    CHECK(has(damaged([&](Json& j) { j["nodes"][1].erase(field); }), "nodes[1]: the field"));
    CHECK(has(damaged([&](Json& j) { j["nodes"][1][field] = 3; }), "nodes[1]: " + std::string(field)));
  }
  CHECK(has(damaged([](Json& j) { j["nodes"][0]["attributes"]["strides"] = {1, "a"}; }), "strides[1]: is a string"));
  CHECK(has(damaged([](Json& j) { j["nodes"][0]["attributes"]["strides"] = Json::object(); }),
            "an attribute is a number"));
  CHECK(has(damaged([](Json& j) { j["nodes"][0]["attributes"] = 3; }), "is not an object"));
  CHECK(has(damaged([](Json& j) { j["nodes"][0]["outputs"] = Json::array(); }), "at least one output"));
  CHECK(has(damaged([](Json& j) { j["inputs"][0]["shape"][1] = 0; }), "the dimension 0 is not at least 1"));
  CHECK(has(damaged([](Json& j) { j["inputs"][0]["shape"] = std::vector<int>(9, 1); }),
            "has 9 dimensions, but at most 8"));
  CHECK(has(damaged([](Json& j) { j["inputs"][0]["dtype"] = "f64"; }), "the dtype 'f64' is not one of"));
  CHECK(has(damaged([](Json& j) { j["outputs"] = Json::array(); }), "at least one output"));
  CHECK(has(damaged([](Json& j) { j["class_names"] = {1}; }), "class_names[0]: is a number"));
  CHECK(has(damaged([](Json& j) { j["format"] = "tecto"; }), "is 'tecto', not 'octet'"));
  CHECK(
      has(damaged([](Json& j) { j["version"] = 2; }, ErrorCode::kUnsupported), "is 2, but this octet reads version 1"));
}

TEST_CASE("a tensor that is there twice, lies outside its file, or overflows is refused with both numbers") {
  CHECK(has(damaged([](Json& j) { j["tensors"][1]["name"] = "stem.weight"; }),
            "tensors[1]: the tensor 'stem.weight' is there twice"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["offset"] = 900; }),
            "tensor 'classifier.bias' ends at byte 940, but 'example.bin' has 936"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["offset"] = INT64_MAX; }), "but 'example.bin' has 936"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["offset"] = UINT64_MAX; }), "is too large"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["offset"] = -4; }), "starts at byte -4"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["dtype"] = "f64"; }), "has the dtype 'f64'"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["shape"] = {-1}; }), "the dimension -1 is negative"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["shape"] = {INT32_MAX, INT32_MAX}; }), "has more than"));
  CHECK(has(damaged([](Json& j) { j["tensors"][6]["shape"] = {1 << 20, 1 << 20}; }), "ends at byte 4398046512000"));
}

TEST_CASE("tensors that share their place in a file are charged for each") {
  Model m;
  constexpr int64_t kCount = 1 << 18;
  m.folder.write("shared.bin", std::string(4 * kCount, '\0'));
  for (int i = 0; i < 80; ++i) {
    m.json["tensors"].push_back({{"name", "t" + std::to_string(i)},
                                 {"dtype", "f32"},
                                 {"shape", {kCount}},
                                 {"offset", 0},
                                 {"file", "shared.bin"}});
  }
  // 2^26 and four times the files' 2^20 + 936 bytes; the example's own tensors take 696.
  CHECK(has(message(m.import(), ErrorCode::kUnsupported),
            "the tensors up to here take 72352440 bytes, but at most 71306912 are read"));
}

TEST_CASE("a file of weights is read once, however its name is spelled") {
  ScratchFolder folder;
  folder.write("w", "1234");
  WeightFiles files(folder.path("model.json"));
  CHECK(files.read("w")->data() == files.read("./w")->data());
  CHECK(files.byte_count() == 4);
}

TEST_CASE("the weights file must exist and lie below the model's folder") {
  CHECK(has(damaged([](Json& j) { j["weights"] = "other.bin"; }), "other.bin': No such file or directory"));
  for (const char* path : {"../example.bin", "/etc/passwd", "a/../../b", ""}) {
    CHECK(has(damaged([&](Json& j) { j["weights"] = path; }),
              *path == 0 ? "there is neither" : "is not a relative path"));
  }
  CHECK(has(damaged([](Json& j) { j["weights"] = "."; }), "not a regular file"));
}

TEST_CASE("unknown ops are all listed, by the name in the file") {
  Model m;
  m.json["nodes"][2]["op"] = "frobnicate";
  m.json["nodes"][4]["op"] = "Conv";  // ONNX's name, not this format's
  message(m.import(), ErrorCode::kUnsupported);
  REQUIRE(m.report.problems.size() == 2);
  CHECK(m.report.problems[0].node == "stem_relu");
  CHECK(m.report.problems[0].op == "frobnicate");
  CHECK(m.report.problems[1].op == "Conv");
}

TEST_CASE("cycles, values that nobody writes, and values written twice are refused") {
  CHECK(damaged([](Json& j) { j["nodes"][0]["inputs"][0] = "c"; }).size() > 0);
  CHECK(has(damaged([](Json& j) { j["nodes"][2]["inputs"][0] = "nothing"; }), "'nothing'"));
  CHECK(has(damaged([](Json& j) { j["nodes"][2]["outputs"][0] = "a"; }), "'a'"));
  CHECK(has(damaged([](Json& j) { j["outputs"][0] = "nothing"; }), "'nothing'"));
}

TEST_CASE("no truncated model, and no truncated weights file, is read") {
  Model m;
  const std::string text = m.json.dump();
  for (size_t length = 0; length < text.size(); length += 7) {
    CHECK(!m.import_text(text.substr(0, length)).ok());
  }
  for (const size_t length : {0, 1, 432, 700, 935}) {
    m.folder.write("example.bin", example_weights().substr(0, length));
    CHECK(has(message(m.import()), "but 'example.bin' has " + std::to_string(length)));
  }
}

TEST_CASE("every single changed byte of a model gives a graph or an error") {
  Model m;
  const std::string text = m.json.dump();
  std::mt19937 random(11);
  for (int i = 0; i < 600; ++i) {
    std::string changed = text;
    changed[random() % text.size()] = static_cast<char>("0\"{}[],:-9xN"[random() % 12]);
    const Result<Graph> graph = m.import_text(changed);
    if (graph.ok()) CHECK(graph->verify().ok());
  }
}

TEST_CASE("the README lists every pass, and every layer that is read from TensorFlow.js") {
  const std::string text = readme();
  size_t last = 0;
  for (const Pass& pass : passes()) {
    const size_t row = text.find("| `" + std::string(pass.name) + "` | " + pass.description + " |");
    CHECK_MESSAGE(row != std::string::npos, pass.name);
    CHECK(row > last);
    last = row;
  }
  for (const TfjsLayerType& type : tfjs_layer_types()) {
    if (type.class_name != "BatchNormalizationV1") CHECK_MESSAGE(has(text, type.class_name), type.class_name);
  }
}

}  // namespace octet::test
