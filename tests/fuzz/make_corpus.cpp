// make_corpus FOLDER: small real files for each target to start from, in FOLDER/TARGET/. Exit code 1: a reader refuses
// a file that it should take, from which no fuzzer would get far.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "converter/data/npy.h"
#include "converter/op_rule.h"
#include "octet/image.hpp"
#include "octet/zoo.h"
#include "runtime/packed_format.h"
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/text.h"
#include "tests/support/images.h"
#include "tests/support/npy_file.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/packed_builder.h"
#include "tests/support/random_packed_net.h"

namespace octet::test {
namespace {

std::filesystem::path root;
bool all_are_read = true;

void write(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary) << bytes;
}

// The same, of what the target's reader takes.
template <class T>
void write_good(const std::string& target, const std::string& name, const std::string& bytes, const T& read) {
  write(target, name, bytes);
  if (read.ok()) return;
  std::cerr << "make_corpus: the seed " << target << "/" << name << " is refused: " << read.error().message << "\n";
  all_are_read = false;
}

void write_packed(const std::string& name, const PackedModel& model) {
  const std::vector<std::byte> bytes = write_model(model);
  write_good("packed", name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, Model::from_memory(bytes));
}

void write_source(const std::string& target, const std::string& name, const std::string& bytes) {
  const std::string file = "model." + target;
  write_good(target, name, bytes, fuzz::import_model(file.c_str(), bytes.data(), bytes.size()));
}

void write_text(const std::string& name, char kind, const std::string& text) {
  const std::string bytes = kind + text;
  write_good("text", name, bytes, fuzz::read_text(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

void write_npy(const std::string& name, const std::string& bytes) {
  write("npy", name, bytes);  // its reader takes a path
  write_good("npy", name, bytes, read_npy((root / "npy" / name).string()));
}

void write_image(const std::string& name, const std::string& bytes) {
  write_good("image", name, bytes, load_image(std::as_bytes(std::span(bytes)), name));
}

// An image network of each common op: convolution, batch norm, pool, residual, resize, concat, slice, softmax.
std::string onnx_image_net() {
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

std::string onnx_shape_net() {
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

// One node of the operation, with as many inputs as many of them take; few are right, all are names to mutate.
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

void write_onnx_ops() {
  for (const OpRule* rule : op_rules()) {
    for (const OpReader& reader : rule->readers) {
      const std::string op(reader.onnx);
      if (op.empty()) continue;
      for (size_t inputs = 1; inputs <= 4; ++inputs) write("onnx", op + std::to_string(inputs), onnx_op(op, inputs));
    }
  }
}

// Both read a file of weights of 4096 bytes (model_fuzz.cpp).
constexpr const char* kJson = R"({"format": "octet", "version": 1, "name": "net",
 "inputs": [{"name": "x", "dtype": "f32", "shape": ["N", 3, 4, 4]}], "outputs": ["y"], "weights": "weights.bin",
 "tensors": [{"name": "w", "dtype": "f32", "shape": [2, 3, 1, 1], "offset": 0},
             {"name": "b", "dtype": "f32", "shape": [2], "offset": 64}],
 "nodes": [{"op": "conv2d", "name": "c", "inputs": ["x", "w", "b"], "outputs": ["c"], "attributes": {"pads": [0, 0, 0, 0]}},
           {"op": "relu", "name": "r", "inputs": ["c"], "outputs": ["r"]},
           {"op": "global_average_pool", "name": "p", "inputs": ["r"], "outputs": ["p"]},
           {"op": "flatten", "name": "y", "inputs": ["p"], "outputs": ["y"]}]})";
constexpr const char* kLayers =
    R"({"format": "layers-model", "modelTopology": {"model_config": {"class_name": "Sequential",
 "config": {"layers": [{"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [null, 31]}},
                       {"class_name": "Dense", "config": {"name": "d", "units": 32, "activation": "relu"}}]}}},
 "weightsManifest": [{"paths": ["weights.bin"], "weights": [{"name": "d/kernel", "shape": [31, 32], "dtype": "float32"},
                                                             {"name": "d/bias", "shape": [32], "dtype": "float32"}]}]})";
// Two numbers, in bins 2048 and 2050 of a width of 2^-11: counts 1, 0, 1.
constexpr const char* kCalibration = R"({"format": "octet calibration", "version": 1, "model": "m", "preprocessing": "",
 "sample_count": 2, "values": {"x": {"count": 2, "zero_count": 0, "nonfinite_count": 0, "min": 1.0, "max": 1.0009765625,
 "exponent": -11, "first_bin": 2048, "bins": "CDC"}}})";

void write_all() {
  write_packed("small", small_int8_net());
  write_packed("resize_like", resize_like_net());
  write_packed("reshape_like", reshape_like_net());
  for (uint32_t seed = 1; seed <= 8; ++seed) write_packed("random" + std::to_string(seed), random_packed_net(seed));
  write_onnx_ops();
  write_source("onnx", "image", onnx_image_net());
  write_source("onnx", "shape", onnx_shape_net());
  write_source("json", "octet", kJson);
  write_source("json", "layers", kLayers);
  write_text("preprocessing", '\0', "imagenet,resize=256,size=8x8,std=0.2:0.3:1/255,fit=letterbox");
  write_text("calibration", '\1', kCalibration);
  write_text("names", '\2', "cat\ndog\nowl\n");
  write_text("labels", '\3', "1\n0\n");
  write_npy("f32", npy_file<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}));
  write_npy("u8", npy_file<uint8_t>("|u1", "(3, 2)", {1, 2, 3, 4, 5, 6}));
  write_npy("s64", npy_file<int64_t>("<i8", "(6,)", {1, 2, 3, 4, 5, 6}, 2));
  write_image("pgm", encode_pnm('5', 2, 2, 255, {1, 2, 3, 4}));
  write_image("ppm", encode_pnm('3', 1, 2, 15, {1, 2, 3, 4, 5, 6}));
  write_image("bmp", encode_bmp(5, 3, pattern(5, 3, 3)));
  write_image("jpg", encode_jpg(9, 7, 3, pattern(9, 7, 3)));
  write_image("png", encode_png(4, 5, 4, pattern(4, 5, 4)));
  write_image("png1", encode_png_indexed(10, 1, "\x10\x20\x30\xff\xfe\xfd", {"\xa5\x40", "\x5a\x80"}));
  // As many files as image_fuzz has sizes: the number of bytes says which.
  const std::string high = encode_png(1, 65535, 3, std::vector<uint8_t>(size_t{3} * 65535, 200));
  for (size_t more = 0; more < 4; ++more) write_image("high" + std::to_string(more), high + std::string(more, '\0'));
  write_image("png16", encode_png_16(2, 2, 1, {1, 300, 7000, 65535}));
}

}  // namespace
}  // namespace octet::test

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: make_corpus FOLDER\n", 2;
  octet::test::root = argv[1];
  octet::use_zoo();
  octet::test::write_all();
  return octet::test::all_are_read ? 0 : 1;
}
