// ONNX files, good and bad, made byte by byte.
#include <doctest/doctest.h>

#include <random>

#include "converter/import/import.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/scratch_folder.h"

namespace octet::test {
namespace {

// y = relu(x w + b), with a batch that is open.
OnnxFile small_model() {
  OnnxFile file;
  file.add_node(node("Gemm", {"x", "w", "b"}, {"h"}, "fc"))
      .add_node(node("Relu", {"h"}, {"y"}, "act"))
      .add_constant(float_tensor("w", {2, 3}, {1, 2, 3, 4, 5, 6}))
      .add_constant(float_tensor("b", {3}, {1, 0, -1}))
      .add_input(value_info("x", {0, 2}))
      .add_output(value_info("y", {0, 3}));
  return file;
}

// x + c for one constant of three elements.
OnnxFile add_model(const Message& constant) {
  OnnxFile file;
  file.add_node(node("Add", {"x", "c"}, {"y"})).add_constant(constant);
  file.add_input(value_info("x", {1, 3})).add_output(value_info("y", {1, 3}));
  return file;
}

struct Imported {
  ImportReport report;
  Result<Graph> graph;
};

Imported import_file(const std::string& path, const ImportOptions& options = {}) {
  ImportReport report;
  Result<Graph> graph = import_model(path, options, report);
  return {std::move(report), std::move(graph)};
}

Imported import_bytes(const std::string& bytes) {
  const ScratchFolder folder;
  return import_file(folder.write("model.onnx", bytes));
}

std::string error_of(const Imported& imported, ErrorCode code = ErrorCode::kInvalidFile) {
  if (imported.graph.ok()) return "no error";
  CHECK(imported.graph.error().code == code);
  return imported.graph.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<float> constant_of(const Imported& imported) {
  REQUIRE_MESSAGE(imported.graph.ok(), imported.graph.error().message);
  for (const Value& value : imported.graph->values) {
    if (value.name != "c") continue;
    REQUIRE(value.type == DataType::kF32);
    const auto elements = value.constant->as<float>();
    return {elements.begin(), elements.end()};
  }
  return {};
}

}  // namespace

TEST_SUITE_BEGIN("onnx" * doctest::skip(!has_onnx()));

TEST_CASE("an ONNX file becomes a graph with its names, shapes and versions") {
  const Imported imported = import_bytes(small_model().bytes());
  REQUIRE_MESSAGE(imported.graph.ok(), imported.graph.error().message);
  CHECK(imported.report.format == "ONNX (opset 13, IR 7)");
  const Graph& graph = *imported.graph;
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[0].name == "fc");
  CHECK(graph.nodes[1].name == "act");
  CHECK(graph.value(graph.inputs[0]).shape == Shape{Shape::kDynamic, 2});
  CHECK(graph.value(graph.outputs[0]).name == "y");
  CHECK(graph.value(graph.outputs[0]).shape == Shape{Shape::kDynamic, 3});
}

TEST_CASE("old and new versions are refused or warned of") {
  OnnxFile file = small_model();
  file.opset = 0;
  CHECK(contains(error_of(import_bytes(file.bytes()), ErrorCode::kUnsupported), "opset 0"));
  file.opset = 22;
  Imported imported = import_bytes(file.bytes());
  CHECK(imported.graph.ok());
  REQUIRE(!imported.report.warnings.empty());
  CHECK(contains(imported.report.warnings[0], "opset 22"));
  file.opset = 13;
  file.ir = 2;
  CHECK(contains(error_of(import_bytes(file.bytes()), ErrorCode::kUnsupported), "IR 2"));
  const std::string no_opset = Message{}.varint(1, 7).message(7, small_model().graph).bytes;
  CHECK(contains(error_of(import_bytes(no_opset)), "version of its operator set"));
}

TEST_CASE("old forms of operations are read where they mean what they mean today, else named") {
  const auto made = [](int opset, const char* op, const Message* attribute) {
    Message added = node(op, {"x", "x"}, {"y"}, "old");
    if (attribute != nullptr) added.message(5, *attribute);
    OnnxFile file;
    file.opset = opset;
    file.add_node(added).add_input(value_info("x", {1, 3})).add_output(value_info("y", {1, 3}));
    return import_bytes(file.bytes());
  };
  const Message broadcast = Message{}.text(1, "broadcast").varint(3, 1).varint(20, 2);
  CHECK(made(6, "Add", nullptr).graph.ok());
  CHECK(made(7, "Add", &broadcast).graph.ok());
  CHECK(made(6, "Add", &broadcast).graph.ok());
  // One problem, and nothing else is wrong with the file, though today's Cast would miss its type.
  const Imported cast = made(5, "Cast", nullptr);
  CHECK(error_of(cast, ErrorCode::kUnsupported) ==
        "node 'old' (Cast): its form of operator set 5 is not read, only those from 6 on");
  CHECK(cast.report.problems.size() == 1);
}

TEST_CASE("constants may be listed among the inputs") {
  OnnxFile file = small_model();
  file.ir = 3;
  file.add_input(value_info("w", {2, 3})).add_input(value_info("b", {3}));
  const Imported imported = import_bytes(file.bytes());
  REQUIRE(imported.graph.ok());
  CHECK(imported.graph->inputs.size() == 1);
}

TEST_CASE("weights of every float type become f32") {
  const std::vector<float> expected{1, -2, 0.5F};
  const auto check = [&](const Message& constant) {
    CHECK(constant_of(import_bytes(add_model(constant).bytes())) == expected);
  };
  check(float_tensor("c", {3}, expected));
  check(raw_tensor("c", {3}, kOnnxHalf, raw_bytes(std::vector<uint16_t>{0x3C00, 0xC000, 0x3800})));
  check(raw_tensor("c", {3}, kOnnxBfloat, raw_bytes(std::vector<uint16_t>{0x3F80, 0xC000, 0x3F00})));
  check(raw_tensor("c", {3}, kOnnxDouble, raw_bytes(std::vector<double>{1, -2, 0.5})));
  // The typed fields: packed floats, and halves as integers.
  check(tensor_header("c", {3}, kOnnxFloat).text(4, raw_bytes(expected)));
  check(tensor_header("c", {3}, kOnnxHalf).varint(5, 0x3C00).varint(5, 0xC000).varint(5, 0x3800));
}

TEST_CASE("a tensor's elements must be as many as its shape says") {
  CHECK(error_of(import_bytes(add_model(float_tensor("c", {3}, {1, 2})).bytes())) ==
        "'c': this constant of shape 3 takes 12 bytes, but has 8");
  CHECK(error_of(import_bytes(add_model(tensor_header("c", {3}, kOnnxFloat)).bytes())) ==
        "'c': this constant of shape 3 takes 12 bytes, but has 0");
  CHECK(contains(error_of(import_bytes(add_model(float_tensor("c", {-3}, {1, 2, 3})).bytes())), "impossible shape"));
  const int64_t huge = int64_t{1} << 40;
  CHECK(contains(error_of(import_bytes(add_model(float_tensor("c", {huge, huge}, {1})).bytes())), "impossible shape"));
  CHECK(contains(error_of(import_bytes(add_model(float_tensor("c", {0, huge, huge}, {})).bytes())),
                 "impossible shape 0x1099511627776x1099511627776"));
}

TEST_CASE("types and ranks that octet does not have are listed as problems") {
  const Imported text = import_bytes(add_model(raw_tensor("c", {3}, kOnnxString, "abc")).bytes());
  CHECK(contains(error_of(text, ErrorCode::kUnsupported), "'c'"));
  const Message deep = float_tensor("c", {1, 1, 1, 1, 1, 1, 1, 1, 3}, {1, 2, 3});
  CHECK(contains(error_of(import_bytes(add_model(deep).bytes()), ErrorCode::kUnsupported), "9 dimensions"));
}

TEST_CASE("external weights that share their place are charged for each") {
  const ScratchFolder folder;
  constexpr int64_t kCount = 1 << 20;
  folder.write("w.bin", std::string(4 * kCount, '\0'));
  OnnxFile file;
  file.add_input(value_info("x", {1, 3})).add_output(value_info("y", {1, 3})).add_node(node("Relu", {"x"}, {"y"}));
  for (int i = 0; i < 21; ++i) {
    file.add_constant(external_tensor("w" + std::to_string(i), {kCount}, i % 2 == 0 ? "w.bin" : "./w.bin", "", ""));
  }
  const Imported shared = import_file(folder.write("model.onnx", file.bytes()));
  CHECK(contains(error_of(shared, ErrorCode::kUnsupported), "'w20'"));
  CHECK(contains(error_of(shared, ErrorCode::kUnsupported), "read 88080384 bytes, but at most 83886080 may be"));
}

TEST_CASE("external weights are read from below the model's folder") {
  const ScratchFolder folder;
  folder.write("parts/c.bin", "1234" + raw_bytes(std::vector<float>{1, -2, 0.5F}));
  const auto import_with = [&](const Message& constant) {
    return import_file(folder.write("model.onnx", add_model(constant).bytes()));
  };
  const std::vector<float> expected{1, -2, 0.5F};
  CHECK(constant_of(import_with(external_tensor("c", {3}, "parts/c.bin", "4", "12"))) == expected);
  CHECK(constant_of(import_with(external_tensor("c", {3}, "parts/c.bin", "4", ""))) == expected);

  const auto refused = [&](const std::string& file, const std::string& offset, const std::string& length) {
    return error_of(import_with(external_tensor("c", {3}, file, offset, length)));
  };
  CHECK(contains(refused("missing.bin", "", ""), "missing.bin', which cannot be opened"));
  CHECK(contains(refused("parts/c.bin", "8", ""), "takes 12 bytes from byte 8 of"));
  CHECK(contains(refused("parts/c.bin", "8", ""), "but the file has 16"));
  CHECK(contains(refused("parts/c.bin", "4", "16"), "takes 12 bytes, but has 16"));
  CHECK(contains(refused("parts/c.bin", "-4", ""), "the offset '-4'"));
  CHECK(contains(refused("parts/c.bin", "9223372036854775807", ""), "but the file has 16"));
  CHECK(contains(refused("parts/c.bin", "99999999999999999999", ""), "offset"));
  CHECK(contains(refused("../c.bin", "", ""), "no file below the model's folder"));
  CHECK(contains(refused("parts/../../c.bin", "", ""), "no file below"));
  CHECK(contains(refused(folder.path("parts/c.bin"), "", ""), "no file below"));
  CHECK(contains(refused("", "", ""), "no file below"));
  CHECK(contains(refused("parts", "", ""), "parts"));
}

TEST_CASE("weights that are not there are counted, and what else is wrong is listed with them") {
  const auto import_with = [](int count) {
    OnnxFile file;
    file.add_input(value_info("x", {1, 3})).add_output(value_info("y", {1, 3}));
    std::string x = "x";
    for (int i = 0; i < count; ++i) {
      const std::string weights = "w" + std::to_string(i), made = "a" + std::to_string(i);
      file.add_constant(external_tensor(weights, {3}, "missing.bin", "", ""))
          .add_node(node("Add", {x, weights}, {made}));
      x = made;
    }
    file.add_node(node("Magic", {x}, {"y"}, "trick"));
    return import_bytes(file.bytes());
  };
  const Imported two = import_with(2);
  CHECK(contains(error_of(two), "'w0': this constant lies in '"));
  REQUIRE(two.report.problems.size() == 3);
  CHECK(two.report.problems[1].node == "w1");
  CHECK(two.report.problems[2].node == "trick");
  const Imported many = import_with(20);
  CHECK(contains(error_of(many), "(and 9 more, see octet check)"));
  REQUIRE(many.report.problems.size() == 10);
  CHECK(many.report.problems[7].node == "w7");
  CHECK(many.report.problems[8].reason == "12 more constants cannot be read");
  CHECK(many.report.problems[9].node == "trick");
}

TEST_CASE("every unknown operation is listed by node, op and domain") {
  OnnxFile file = small_model();
  file.add_node(node("Unique", {"y"}, {"z"}, "memory")).add_node(node("Magic", {"z"}, {"v"}, "trick", "com.example"));
  file.add_output(value_info("v", {0, 3}));
  const Imported imported = import_bytes(file.bytes());
  CHECK(contains(error_of(imported, ErrorCode::kUnsupported), "node 'memory' (Unique)"));
  REQUIRE(imported.report.problems.size() == 2);
  CHECK(imported.report.problems[1].node == "trick");
}

TEST_CASE("an attribute of another type, or twice, is invalid") {
  const auto leaky = [](const Message& attribute, int times) {
    Message relu = node("LeakyRelu", {"x"}, {"y"}, "act");
    for (int i = 0; i < times; ++i) relu.message(5, attribute);
    OnnxFile file;
    file.add_node(relu).add_input(value_info("x", {1, 3})).add_output(value_info("y", {1, 3}));
    return file.bytes();
  };
  CHECK(import_bytes(leaky(float_attribute("alpha", 0.5F), 1)).graph.ok());
  CHECK(contains(error_of(import_bytes(leaky(float_attribute("alpha", 0.5F), 2))), "attribute 'alpha' twice"));
  const Message text = Message{}.text(1, "alpha").text(4, "much").varint(20, 3);
  CHECK(contains(error_of(import_bytes(leaky(text, 1))), "the attribute 'alpha' is not a number"));
}

TEST_CASE("what is no model is refused in one line") {
  const ScratchFolder folder;
  CHECK(contains(error_of(import_file(folder.path("missing.onnx"))), "cannot be opened"));
  CHECK(contains(error_of(import_file(folder.path())), "is a folder"));
  for (const std::string& bytes : {std::string(), std::string("\x89PNG\r\n\x1a\n"), std::string("hello, world\n"),
                                   std::string(64, '\0'), std::string(64, '\xff')}) {
    const std::string message = error_of(import_bytes(bytes));
    CHECK(message != "no error");
    CHECK(!contains(message, "\n"));
  }
}

TEST_CASE("a model cut off anywhere is refused") {
  const std::string bytes = small_model().bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(error_of(import_bytes(bytes.substr(0, size))) != "no error");
  }
}

TEST_CASE("altered bytes never crash, and what passes is a verified graph") {
  OnnxFile file = small_model();
  Message slice = node("Slice", {"y", "s", "e"}, {"z"}, "cut");
  file.add_node(slice).add_node(node("Softmax", {"z"}, {"p"}, "p")).add_output(value_info("p", {0, 2}));
  file.add_constant(raw_tensor("s", {2}, kOnnxInt64, raw_bytes(std::vector<int64_t>{0, 1})));
  file.add_constant(raw_tensor("e", {2}, kOnnxInt64, raw_bytes(std::vector<int64_t>{1000, 3})));
  const std::string good = file.bytes();
  const ScratchFolder folder;
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto check = [&](const std::string& bytes) {
    const Imported imported = import_file(folder.write("model.onnx", bytes));
    if (imported.graph.ok()) CHECK(imported.graph->verify().ok());
  };
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bytes = good;
    bytes[i] = static_cast<char>(random());
    check(bytes);
  }
  for (int i = 0; i < 500; ++i) {
    std::string bytes = good;
    for (int k = 0; k < 4; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    check(bytes);
  }
}

TEST_CASE("inputs and outputs that are no tensors, and sparse constants, are listed") {
  OnnxFile file = small_model();
  const Message sequence_type = Message{}.message(4, Message{}.message(1, Message{}));
  file.add_input(Message{}.text(1, "list").message(2, sequence_type));
  file.graph.message(15, Message{}.message(1, float_tensor("thin", {1}, {1})));
  const Imported imported = import_bytes(file.bytes());
  CHECK(!imported.graph.ok());
  CHECK(imported.report.problems.size() == 2);
}

TEST_SUITE_END();

TEST_CASE("without libonnx an ONNX file is refused with the reason" * doctest::skip(has_onnx())) {
  MESSAGE("skipped: all other cases of ONNX models");
  CHECK(contains(error_of(import_bytes(small_model().bytes()), ErrorCode::kUnsupported), "without ONNX support"));
}

}  // namespace octet::test
