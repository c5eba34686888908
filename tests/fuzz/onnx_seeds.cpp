#include "tests/fuzz/onnx_seeds.h"

#include <cstdint>

#include "tests/support/onnx_writer.h"

namespace octet::test {
namespace {

// An image network of each common op: convolution, batch norm, pool, residual, resize, concat, slice, softmax.
std::string image_net() {
  OnnxFile file;
  file.add_node(node("Conv", {"x", "w", "b"}, {"c"}, "conv"))
      .add_node(node("BatchNormalization", {"c", "b", "b", "b", "b"}, {"n"}, "norm"))
      .add_node(node("Relu", {"n"}, {"r"}, "relu"))
      .add_node(node("Add", {"r", "n"}, {"s"}, "sum"))
      .add_node(node("Concat", {"s", "r"}, {"j"}, "join").message(5, int_attribute("axis", 1)))
      .add_node(node("Slice", {"j", "from", "to", "axes"}, {"k"}, "slice"))
      .add_node(node("Resize", {"k", "", "scales"}, {"z"}, "resize"))
      .add_node(node("GlobalAveragePool", {"z"}, {"p"}, "pool"))
      .add_node(node("Reshape", {"p", "shape"}, {"f"}, "flat"))
      .add_node(node("Softmax", {"f"}, {"y"}, "softmax"))
      .add_constant(float_tensor("w", {2, 3, 1, 1}, {1, 2, 3, 4, 5, 6}))
      .add_constant(float_tensor("b", {2}, {1, 0.5}))
      .add_constant(float_tensor("scales", {4}, {1, 1, 2, 2}))
      .add_constant(raw_tensor("from", {1}, kOnnxInt64, raw_bytes<int64_t>({1})))
      .add_constant(raw_tensor("to", {1}, kOnnxInt64, raw_bytes<int64_t>({3})))
      .add_constant(raw_tensor("axes", {1}, kOnnxInt64, raw_bytes<int64_t>({1})))
      .add_constant(raw_tensor("shape", {2}, kOnnxInt64, raw_bytes<int64_t>({0, -1})))
      .add_input(value_info("x", {0, 3, 4, 4}))
      .add_output(value_info("y", {0, 2}));
  return file.bytes();
}

std::string shape_net() {
  OnnxFile file;
  file.add_node(node("Shape", {"x"}, {"s"}, "shape"))
      .add_node(node("Gather", {"s", "i"}, {"d"}, "gather"))
      .add_node(node("Cast", {"d"}, {"f"}, "cast").message(5, int_attribute("to", kOnnxFloat)))
      .add_node(node("Mul", {"x", "f"}, {"m"}, "mul"))
      .add_node(node("ReduceMean", {"m"}, {"r"}, "mean"))
      .add_node(node("Sigmoid", {"r"}, {"y"}, "sigmoid"))
      .add_constant(raw_tensor("i", {1}, kOnnxInt64, raw_bytes<int64_t>({1})))
      .add_input(value_info("x", {1, 3}))
      .add_output(value_info("y", {1, 1}));
  return file.bytes();
}

// All types of constants, each with its elements in the field of its type and as raw bytes. The network adds the
// floats.
std::string types_net() {
  struct Type {
    int number, field;  // of TensorProto.DataType, and of TensorProto
    size_t bytes;       // of an element of raw_data
  };
  constexpr Type kTypes[] = {{1, 4, 4}, {2, 5, 1},  {3, 5, 1},   {4, 5, 2},   {5, 5, 2},   {6, 5, 4}, {7, 7, 8},
                             {9, 5, 1}, {10, 5, 2}, {11, 10, 8}, {12, 11, 4}, {13, 11, 8}, {16, 5, 2}};
  OnnxFile file;
  std::string sum = "x";
  for (const Type& type : kTypes) {
    const std::string name = "t" + std::to_string(type.number);
    Message typed = tensor_header(name, {2}, type.number);
    for (int i = 0; i < 2; ++i) {
      if (type.number == 1) {
        typed.fixed32(type.field, 0.5F);
      } else if (type.number == 11) {
        typed.fixed64(type.field, 0.5);
      } else {
        typed.varint(type.field, 1);
      }
    }
    file.add_constant(typed).add_constant(raw_tensor(name + "r", {2}, type.number, std::string(2 * type.bytes, '\1')));
    for (const std::string& constant : {name, name + "r"}) {
      const std::string next = "x" + constant;
      file.add_node(node("Cast", {constant}, {"f" + constant}).message(5, int_attribute("to", kOnnxFloat)))
          .add_node(node("Add", {sum, "f" + constant}, {next}));
      sum = next;
    }
  }
  file.add_input(value_info("x", {0, 2})).add_output(value_info(sum, {0, 2}));
  return file.bytes();
}

std::string external_net() {
  OnnxFile file;
  file.add_node(node("Gemm", {"x", "w", "b"}, {"y"}, "gemm"))
      .add_constant(external_tensor("w", {3, 2}, "weights.bin", "64", "24"))
      .add_constant(external_tensor("b", {2}, "./weights.bin", "", ""))
      .add_input(value_info("x", {0, 3}))
      .add_output(value_info("y", {0, 2}));
  return file.bytes();
}

// A Loop of two rounds, whose body has an If that reads a value from outside, and whose rows are collected.
std::string loop_net() {
  const auto branch = [](const char* operation, const char* output) {
    return graph_attribute(
        std::string(operation) == "Add" ? "then_branch" : "else_branch",
        Message{}.message(1, node(operation, {"state", "w"}, {output})).message(12, value_info(output, {})));
  };
  const Message body =
      Message{}
          .message(1,
                   node("If", {"flag"}, {"next"}, "if").message(5, branch("Add", "a")).message(5, branch("Mul", "m")))
          .message(1, node("Identity", {"on"}, {"go"}))
          .message(1, node("Identity", {"next"}, {"row"}))
          .message(5, raw_tensor("flag", {}, kOnnxBool, std::string(1, '\1')))
          .message(11, value_info("i", {}, kOnnxInt64))
          .message(11, value_info("on", {}, kOnnxBool))
          .message(11, value_info("state", {}))
          .message(12, value_info("go", {}, kOnnxBool))
          .message(12, value_info("next", {}))
          .message(12, value_info("row", {}));
  OnnxFile file;
  file.add_node(node("Loop", {"times", "", "x"}, {"last", "rows"}, "loop").message(5, graph_attribute("body", body)))
      .add_node(node("Add", {"last", "rows"}, {"y"}, "sum"))
      .add_constant(raw_tensor("times", {}, kOnnxInt64, raw_bytes<int64_t>({2})))
      .add_constant(float_tensor("w", {3}, {1, 2, 3}))
      .add_input(value_info("x", {2, 3}))
      .add_output(value_info("y", {}));
  return file.bytes();
}

// Attributes of all types: numbers, lists, texts, a tensor.
std::string attributes_net() {
  const auto constant = [](const char* output, const Message& attribute) {
    return node("Constant", {}, {output}).message(5, attribute);
  };
  const auto list = [](const char* name, int type) { return Message{}.text(1, name).varint(20, type); };
  OnnxFile file;
  file.add_node(constant("half", float_attribute("value_float", 0.5F)))
      .add_node(constant("shape", list("value_ints", 7).varint(8, 1).varint(8, 2).varint(8, 3)))
      .add_node(constant("three", list("value_floats", 6).fixed32(7, 1).fixed32(7, 2).fixed32(7, 3)))
      .add_node(constant(
          "w",
          Message{}.text(1, "value").message(5, float_tensor("", {1, 4, 3}, std::vector<float>(12, 1))).varint(20, 4)))
      .add_node(
          constant("r", Message{}.text(1, "value").message(5, float_tensor("", {1, 4, 1}, {1, 2, 3, 4})).varint(20, 4)))
      .add_node(node("Mul", {"x", "half"}, {"h"}))
      .add_node(node("Add", {"h", "three"}, {"s"}))
      .add_node(node("Reshape", {"s", "shape"}, {"rows"}))
      .add_node(node("LSTM", {"rows", "w", "r"}, {"", "y"}, "lstm")
                    .message(5, int_attribute("hidden_size", 1))
                    .message(5, Message{}.text(1, "direction").text(4, "forward").varint(20, 3))
                    .message(5, list("activations", 8).text(9, "Sigmoid").text(9, "Tanh").text(9, "Tanh")))
      .add_input(value_info("x", {1, 2, 3}))
      .add_output(value_info("y", {}));
  return file.bytes();
}

// What octet's own files say beside their graphs.
std::string metadata_net() {
  OnnxFile file;
  file.add_node(node("Relu", {"x"}, {"r"}, "relu"))
      .add_node(node("Softmax", {"r"}, {"y"}, "softmax"))
      .add_input(value_info("x", {0, 3}))
      .add_output(value_info("y", {0, 3}));
  const auto entry = [](const char* key, const char* value) { return Message{}.text(1, key).text(2, value); };
  return file.bytes() + Message{}
                            .message(14, entry("octet.class_names", "cat\ndog\nowl"))
                            .message(14, entry("octet.preprocess", "scale=1/255"))
                            .message(14, entry("octet.separate_zero_points", "relu\nsoftmax"))
                            .bytes;
}

}  // namespace

std::map<std::string, std::string> onnx_networks() {
  return {{"image", image_net()},       {"shape", shape_net()}, {"types", types_net()},
          {"external", external_net()}, {"loop", loop_net()},   {"attributes", attributes_net()},
          {"metadata", metadata_net()}};
}

std::string onnx_op(const std::string& op, size_t inputs) {
  std::vector<std::string> names{"x", "w", "b", "i"};
  names.resize(inputs);
  OnnxFile file;
  file.add_node(node(op, names, {"y"}, "n"))
      .add_constant(float_tensor("w", {2, 2, 1, 1}, {1, -2, 3, 4}))
      .add_constant(float_tensor("b", {2}, {1, 0.5}))
      .add_constant(raw_tensor("i", {1}, kOnnxInt64, raw_bytes<int64_t>({1})))
      .add_input(value_info("x", {0, 2, 3, 3}))
      .add_output(value_info("y", {}));
  return file.bytes();
}

}  // namespace octet::test
