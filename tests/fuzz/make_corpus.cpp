// make_corpus FOLDER: small real files for each target to start from, in FOLDER/TARGET/. Exit code 1: a reader refuses
// a file that it should take, from which no fuzzer would get far.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "converter/data/npy.h"
#include "converter/import/tfjs.h"
#include "converter/op_rule.h"
#include "octet/image.hpp"
#include "octet/zoo.h"
#include "runtime/packed_format.h"
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/onnx_seeds.h"
#include "tests/fuzz/text.h"
#include "tests/support/images.h"
#include "tests/support/npy_file.h"
#include "tests/support/packed_builder.h"
#include "tests/support/random_packed_net.h"
#include "tests/support/tfjs_json.h"

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
  const char* file = target == "onnx" ? "model.onnx" : "model.json";
  write_good(target, name, bytes, fuzz::import_model(file, bytes.data(), bytes.size()));
}

void write_npy(const std::string& name, const std::string& bytes) {
  write("npy", name, bytes);  // its reader takes a path
  write_good("npy", name, bytes, read_npy((root / "npy" / name).string()));
}

void write_image(const std::string& name, const std::string& bytes) {
  write_good("image", name, bytes, load_image(std::as_bytes(std::span(bytes)), name));
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

// Reads a file of weights of 4096 bytes, as TensorFlow.js models here do (model_fuzz.cpp).
constexpr const char* kJson = R"({"format": "octet", "version": 1, "name": "net",
 "inputs": [{"name": "x", "dtype": "f32", "shape": ["N", 3, 4, 4]}], "outputs": ["y"], "weights": "weights.bin",
 "tensors": [{"name": "w", "dtype": "f32", "shape": [2, 3, 1, 1], "offset": 0},
             {"name": "b", "dtype": "f32", "shape": [2], "offset": 64}],
 "nodes": [{"op": "conv2d", "name": "c", "inputs": ["x", "w", "b"], "outputs": ["c"], "attributes": {"pads": [0, 0, 0, 0]}},
           {"op": "relu", "name": "r", "inputs": ["c"], "outputs": ["r"]},
           {"op": "global_average_pool", "name": "p", "inputs": ["r"], "outputs": ["p"]},
           {"op": "flatten", "name": "y", "inputs": ["p"], "outputs": ["y"]}]})";

// The 4096 bytes as weights of the layers "n" and "d".
constexpr const char* kTfjsWeights = R"([{"paths": ["weights.bin"], "weights": [
 {"name": "n/kernel", "dtype": "float32", "shape": [1, 1, 2, 2]}, {"name": "n/bias", "dtype": "float32", "shape": [2]},
 {"name": "n/depthwise_kernel", "dtype": "float32", "shape": [1, 1, 2, 1]},
 {"name": "n/pointwise_kernel", "dtype": "float32", "shape": [1, 1, 2, 2]},
 {"name": "n/gamma", "dtype": "float32", "shape": [2]}, {"name": "n/beta", "dtype": "float32", "shape": [2]},
 {"name": "n/moving_mean", "dtype": "float32", "shape": [2]},
 {"name": "n/moving_variance", "dtype": "float32", "shape": [2]},
 {"name": "d/kernel", "dtype": "float32", "shape": [32, 16]}, {"name": "rest", "dtype": "float32", "shape": [492]}]}])";
// What many types of layers take of their configuration.
constexpr const char* kTfjsConfig = R"({"filters": 2, "kernel_size": [1, 1], "strides": [1, 1], "padding": "same",
 "activation": "relu", "pool_size": [2, 2], "target_shape": [-1, 2], "dims": [1, 3, 2], "size": [2, 2], "axis": -1,
 "cropping": [[1, 0], [0, 1]], "alpha": 0.3, "scale": 0.5, "offset": 1, "depth_multiplier": 1, "rate": 0.5})";

std::string tfjs_model(const Json& topology) {
  Json model;
  model["modelTopology"]["model_config"] = topology;
  model["weightsManifest"] = Json::parse(kTfjsWeights);
  return model.dump();
}

// One layer of each type; not all are right.
void write_tfjs_layers() {
  for (const TfjsLayerType& type : tfjs_layer_types()) {
    const std::string name(type.class_name);
    const Json layers = {layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 4, 4, 2}}}),
                         layer(name.c_str(), "n", Json::parse(kTfjsConfig))};
    write("tfjs", name, tfjs_model({{"class_name", "Sequential"}, {"config", {{"name", "s"}, {"layers", layers}}}}));
  }
}

// Two branches, their sum, and a model within the model that is called twice.
std::string tfjs_branches() {
  const Json inner =
      functional("inner", "a", pointer("b"),
                 {called(layer("InputLayer", "a", {{"batch_input_shape", {nullptr, 4, 4, 2}}}), Json::array()),
                  called(layer("ReLU", "b"), {{pointer("a")}})});
  Json calls = inner;
  calls["name"] = "inner";
  calls["inbound_nodes"] = {{pointer("x")}, {pointer("n")}};
  const Json layers = {called(layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 4, 4, 2}}}), Json::array()),
                       called(layer("Conv2D", "n", {{"filters", 2}, {"kernel_size", {1, 1}}}), {{pointer("x")}}),
                       calls,
                       called(layer("Add", "sum"), {{pointer("inner", 0), pointer("inner", 1)}}),
                       called(layer("Flatten", "flat"), {{pointer("sum")}}),
                       called(layer("Dense", "d", {{"units", 16}, {"use_bias", false}}), {{pointer("flat")}})};
  return tfjs_model(functional("net", "x", pointer("d"), layers));
}

// Two numbers, in bins 2048 and 2050 of a width of 2^-11: counts 1, 0, 1.
constexpr const char* kCalibration = R"({"format": "octet calibration", "version": 1, "model": "m", "preprocessing": "",
 "sample_count": 2, "values": {"x": {"count": 2, "zero_count": 0, "nonfinite_count": 0, "min": 1.0, "max": 1.0009765625,
 "exponent": -11, "first_bin": 2048, "bins": "CDC"}}})";

constexpr const char* kSpec = "imagenet,resize=256,size=8x8,std=0.2:0.3:1/255,fit=letterbox";
constexpr const char* kGraySpec = "size=8x8,color=gray,scale=1/255,mean=0.5,std=0.25";
constexpr const char* kNames = "cat\ndog\nowl\n";
constexpr const char* kLabels = "1\n0\n";
constexpr const char* kList = "cats/1.png\r\n/dogs/2.jpg\n";
constexpr const char* kLabelsOfImages = "x/a cat.ppm, 3\ny/a cat.ppm 0\n";

void write_all() {
  write_packed("small", small_int8_net());
  write_packed("resize_like", resize_like_net());
  write_packed("reshape_like", reshape_like_net());
  for (uint32_t seed = 1; seed <= 8; ++seed) write_packed("random" + std::to_string(seed), random_packed_net(seed));
  write_onnx_ops();
  for (const auto& [name, bytes] : onnx_networks()) write_source("onnx", name, bytes);
  write_source("json", "octet", kJson);
  write_tfjs_layers();
  write_source("tfjs", "branches", tfjs_branches());
  write_good("spec", "spec", kSpec, fuzz::read_spec(kSpec));
  write_good("spec", "gray", kGraySpec, fuzz::read_spec(kGraySpec));
  write_good("calibration", "two", kCalibration, fuzz::read_calibration(kCalibration));
  write_good("labels", "names", kNames, fuzz::read_class_names(kNames));
  write_good("labels", "labels", kLabels, fuzz::read_labels(kLabels));
  write_good("labels", "list", kList, fuzz::read_image_list(kList));
  write_good("labels", "of_images", kLabelsOfImages, fuzz::read_labels_of_images(kLabelsOfImages));
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
