#include "runtime/packed_format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/bf16.h"
#include "octet/model.hpp"
#include "octet/session.hpp"
#include "runtime/hash.h"
#include "runtime/packed_bytes.h"
#include "tests/support/old_files.h"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Puts a right checksum on changed bytes, so that a test reaches what lies behind it.
void reseal(std::vector<std::byte>& bytes) {
  const uint64_t sum = xxh64(std::span(bytes).subspan(64), xxh64(std::span(bytes).first(56)));
  std::memcpy(bytes.data() + 56, &sum, sizeof sum);
}

// Every `step`th byte is each of `values` once, under a right checksum: refused, or loaded and run without harm.
void check_damage_is_harmless(std::span<const std::byte> bytes, size_t step, std::initializer_list<std::byte> values) {
  for (size_t i = 0; i < bytes.size(); i += step) {
    for (const std::byte value : values) {
      std::vector<std::byte> changed(bytes.begin(), bytes.end());
      changed[i] = value;
      reseal(changed);
      CAPTURE(i);
      const Result<Model> read = Model::from_memory(changed);
      if (!read.ok()) continue;
      Result<Session> session = Session::create(*read, {.threads = 1});
      if (session.ok()) session->run();
    }
  }
}

// A small net of integers, and all of tests/data: every version, with every kind of layer.
std::vector<test::OldFile> files_of_every_kind() {
  std::vector<test::OldFile> files = test::old_files();
  files.push_back({"small", write_model(test::small_int8_net())});
  return files;
}

PackedHeader header_of(const std::vector<std::byte>& bytes) {
  PackedHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

// The file with only as many bytes of its sections, which its header says, and with a right checksum.
std::vector<std::byte> with_sections(const std::vector<std::byte>& bytes, uint64_t graph_bytes, uint64_t data_bytes) {
  PackedHeader header = header_of(bytes);
  const auto* graph = &bytes[header.graph_offset];
  const auto* data = bytes.data() + header.data_offset;
  header.graph_bytes = graph_bytes;
  header.data_offset = align(header.graph_offset + graph_bytes);
  header.data_bytes = data_bytes;
  header.file_bytes = header.data_offset + data_bytes;
  std::vector<std::byte> cut(header.file_bytes);
  std::memcpy(cut.data(), &header, sizeof header);
  std::memcpy(&cut[header.graph_offset], graph, graph_bytes);
  std::memcpy(cut.data() + header.data_offset, data, data_bytes);
  reseal(cut);
  return cut;
}

}  // namespace

TEST_CASE("xxh64 gives the published numbers") {
  CHECK(xxh64({}) == 0xEF46DB3751D8E999U);
  CHECK(xxh64(as_bytes("a")) == 0xD24EC4F1A98C6E5BU);
  CHECK(xxh64(as_bytes("abc")) == 0x44BC2CF5AD770999U);
  CHECK(xxh64(as_bytes("Nobody inspects the spammish repetition")) == 0xFBCEA83C8A378BF1U);
}

TEST_CASE("a model survives writing and reading, byte for byte") {
  const PackedModel model = test::small_int8_net();
  REQUIRE(check_model(model).ok());
  const std::vector<std::byte> bytes = write_model(model);
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  CHECK(write_model(read->packed()) == bytes);
  CHECK(read->class_names() == model.class_names);
  CHECK(read->preprocessing() == "raw");
  CHECK(read->inputs()[0].shape == Shape{Shape::kDynamic, 3, 8, 8});
}

TEST_CASE("every truncated prefix is refused with both sizes") {
  for (const test::OldFile& file : files_of_every_kind()) {
    CAPTURE(file.path.string());
    const std::vector<std::byte>& bytes = file.bytes;
    for (size_t count = 0; count < bytes.size(); ++count) {
      const Result<Model> read = Model::from_memory(std::span(bytes).first(count));
      REQUIRE(!read.ok());
      CHECK(read.error().code == ErrorCode::kInvalidFile);
      CHECK(read.error().message.find(std::to_string(count)) != std::string::npos);
    }
  }
}

TEST_CASE("a section that ends early is refused under a right header and checksum") {
  for (const test::OldFile& file : files_of_every_kind()) {
    CAPTURE(file.path.string());
    const std::vector<std::byte>& bytes = file.bytes;
    const PackedHeader header = header_of(bytes);
    REQUIRE(Model::from_memory(with_sections(bytes, header.graph_bytes, header.data_bytes)).ok());
    const auto refused = [&](uint64_t graph_bytes, uint64_t data_bytes) {
      const Result<Model> read = Model::from_memory(with_sections(bytes, graph_bytes, data_bytes));
      REQUIRE(!read.ok());
      CHECK(read.error().code == ErrorCode::kInvalidFile);
      CHECK(read.error().message.find("checksum") == std::string::npos);
      CHECK(read.error().message.find("section lies outside") == std::string::npos);
    };
    for (uint64_t count = 0; count < header.graph_bytes; ++count) refused(count, header.data_bytes);
    // Behind the last constant are up to 63 bytes that nobody reads.
    for (uint64_t count = 0; count + kPackedAlignment <= header.data_bytes; ++count) refused(header.graph_bytes, count);
  }
}

TEST_CASE("bytes behind the end are refused") {
  std::vector<std::byte> bytes = write_model(test::small_int8_net());
  bytes.push_back({});
  CHECK(!Model::from_memory(bytes).ok());
}

TEST_CASE("every flipped byte is refused") {
  for (const test::OldFile& file : files_of_every_kind()) {
    CAPTURE(file.path.string());
    const std::vector<std::byte>& bytes = file.bytes;
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::vector<std::byte> changed = bytes;
      changed[i] ^= std::byte{0x40};
      CHECK(!Model::from_memory(changed).ok());
    }
  }
}

TEST_CASE("a changed byte under a right checksum is refused or harmless") {
  check_damage_is_harmless(write_model(test::small_int8_net()), 1,
                           {std::byte{0x00}, std::byte{0x01}, std::byte{0x7F}, std::byte{0xFF}});
  for (const test::OldFile& file : test::old_files()) {
    CAPTURE(file.path.string());
    check_damage_is_harmless(file.bytes, 1, {std::byte{0x00}, std::byte{0x01}, std::byte{0xFF}});
  }
}

TEST_CASE("two constants in the same bytes are refused by name") {
  std::vector<std::byte> bytes = write_model(test::small_int8_net());
  // Behind the name: type, shape [4, 3, 3, C], scales, no zero points, axis; then the offset.
  const auto offset_of = [&](const std::string& name, size_t scales) {
    const auto* text = reinterpret_cast<const std::byte*>(name.data());
    const auto found = std::search(bytes.begin(), bytes.end(), text, text + name.size());
    REQUIRE(found != bytes.end());
    return &*found + name.size() + 1 + (4 + 4 * 8) + (4 + 4 * scales) + 4 + 4;
  };
  std::memcpy(offset_of("conv_b.weights", 1), offset_of("conv_a.weights", 4), 8);
  reseal(bytes);
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE(!read.ok());
  CHECK(read.error().message.find("'conv_a.weights' and 'conv_b.weights' lie in the same bytes") != std::string::npos);
}

TEST_CASE("a newer version is refused by both numbers, whatever else a newer file holds") {
  std::vector<std::byte> bytes = write_model(test::small_int8_net());
  const uint32_t version = kPackedVersion + 1;
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  const std::string expected = "the file has format version " + std::to_string(version) +
                               ", but this octet reads up to " + std::to_string(kPackedVersion);
  for (const bool resealed : {false, true}) {  // its checksum need not be ours
    if (resealed) reseal(bytes);
    const Result<Model> read = Model::from_memory(bytes);
    REQUIRE(!read.ok());
    CHECK(read.error().code == ErrorCode::kInvalidFile);
    CHECK(read.error().message.find(expected) != std::string::npos);
  }
}

TEST_CASE("weights of 4 bits take half a byte each, and come back") {
  PackedModel model = test::small_int8_net();
  PackedTensor* weights = nullptr;
  for (PackedTensor& tensor : model.tensors) {
    if (tensor.type == DataType::kS8 && tensor.shape.rank() == 4) weights = &tensor;
  }
  REQUIRE(weights != nullptr);
  const std::vector<std::byte> plain = write_model(model);
  std::vector<int8_t> values(static_cast<size_t>(weights->data_bytes));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(static_cast<int>(i * 7 % 15) - 7);
  weights->data = values.data();
  weights->file_bits = 4;
  const std::vector<std::byte> bytes = write_model(model);
  CHECK(bytes[8] == std::byte{2});
  CHECK(plain[8] == std::byte{1});  // what old readers know
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const auto index = static_cast<size_t>(weights - model.tensors.data());
  CHECK(std::memcmp(read->packed().tensors[index].data, values.data(), values.size()) == 0);
  CHECK(write_model(read->packed()) == bytes);
  check_damage_is_harmless(bytes, 3, {std::byte{0x00}, std::byte{0x05}, std::byte{0x88}, std::byte{0xFF}});
  // What does not fit keeps its 8 bits.
  values[3] = 8;
  CHECK(write_model(model)[8] == std::byte{1});
}

TEST_CASE("f32 weights that are halves take two bytes each, and come back") {
  test::PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1, 4});
  std::vector<float> values = {1, -2, 0.5F, 0x1p-24F, 0, -0.0F, 65504, 0.333251953125F};
  const int32_t weights = b.constant("w", DataType::kF32, {2, 4}, values);
  const int32_t y = b.activation("y", DataType::kF32, {1, 2});
  b.node("fc", FullyConnectedParams{}, {x, weights}, {y});
  b.output(y);
  PackedModel model = b.take();
  PackedTensor& tensor = model.tensors[static_cast<size_t>(weights)];
  const std::vector<std::byte> plain = write_model(model);
  CHECK(plain[8] == std::byte{1});
  tensor.file_bits = 16;
  const std::vector<std::byte> bytes = write_model(model);
  CHECK(bytes[8] == std::byte{5});
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const PackedTensor& found = read->packed().tensors[static_cast<size_t>(weights)];
  REQUIRE(found.data_bytes == 32);
  CHECK(std::memcmp(found.data, values.data(), 32) == 0);
  CHECK(write_model(read->packed()) == bytes);
  check_damage_is_harmless(bytes, 1,
                           {std::byte{0x00}, std::byte{0x04}, std::byte{0x08}, std::byte{0x10}, std::byte{0xFF}});
  // What is no half keeps its 32 bits.
  values[7] = 1.0F / 3;
  tensor.data = values.data();
  CHECK(write_model(model)[8] == std::byte{1});
}

TEST_CASE("weights of bf16 take two bytes each, come back, and raise the version") {
  test::PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1, 4});
  const int32_t narrow = b.activation("x:bf16", DataType::kBf16, {1, 4});
  std::vector<Bf16> values;
  for (const float v : {1.0F, -2.0F, 0.5F, 3.0F, 0.0F, 1.0F, 1.0F, -1.0F}) values.push_back(to_bf16(v));
  const int32_t weights = b.constant("w", DataType::kBf16, {2, 4}, values);
  const int32_t y = b.activation("y", DataType::kF32, {1, 2});
  b.node("narrow", CastParams{}, {x}, {narrow});
  b.node("fc", FullyConnectedParams{}, {narrow, weights}, {y});
  b.output(y);
  const PackedModel model = b.take();
  const std::vector<std::byte> bytes = write_model(model);
  CHECK(bytes[8] == std::byte{3});
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const PackedTensor& tensor = read->packed().tensors[static_cast<size_t>(weights)];
  REQUIRE(tensor.data_bytes == 16);
  CHECK(std::memcmp(tensor.data, values.data(), 16) == 0);
  CHECK(write_model(read->packed()) == bytes);
  Result<Session> session = Session::create(*read, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  const std::vector<float> input{1, 2, 4, 8};
  std::ranges::copy(input, session->input().as<float>().begin());
  session->run();
  CHECK(session->output().as<float>()[0] == 1 - 4 + 2 + 24);
  CHECK(session->output().as<float>()[1] == 2 + 4 - 8);
  CHECK(session->steps().back().arithmetic == DataType::kBf16);
  check_damage_is_harmless(bytes, 1, {std::byte{0x00}, std::byte{0x07}, std::byte{0xFF}});
}

TEST_CASE("recurrent layers of integers come back, and raise the version; those of f32 keep the bytes of older files") {
  const auto made = [](DataType type, bool quantize_rows) {
    test::PackedBuilder b;
    RecurrentParams params{.kind = RecurrentKind::kRnn, .hidden = 2};
    params.activations = {static_cast<int64_t>(UnaryKind::kIdentity)}, params.alphas = {0}, params.betas = {0};
    params.quantize_rows = quantize_rows;
    const bool integers = type == DataType::kS8;
    const int32_t x = b.input("x", DataType::kF32, {2, 1, 3});
    const auto weights = [&](const std::string& name, const Shape& shape, int64_t taps) {
      if (!integers) return b.constant(name, type, shape, std::vector<float>(static_cast<size_t>(2 * taps), 0.5F));
      std::vector<int8_t> values(static_cast<size_t>(2 * taps), 1);
      return b.constant(name, type, {2, taps}, values, {0.5F, 0.25F});
    };
    const int32_t w = weights("w", {1, 2, 3}, 3), r = weights("r", {1, 2, 2}, 2);
    const int32_t y = b.activation("y", DataType::kF32, {2, 1, 1, 2});
    b.node("rnn", params, {x, w, r}, {y, b.activation("h", DataType::kF32, {1, 1, 2})});
    b.output(y);
    return b.take();
  };
  const auto bytes_of = [](const PackedModel& model) {
    const std::vector<std::byte> bytes = write_model(model);
    const Result<Model> read = Model::from_memory(bytes);
    REQUIRE_MESSAGE(read.ok(), read.error().message);
    CHECK(write_model(read->packed()) == bytes);
    CHECK(std::get<RecurrentParams>(read->packed().nodes[0].op).quantize_rows ==
          std::get<RecurrentParams>(model.nodes[0].op).quantize_rows);
    return bytes;
  };
  const auto fields_of = [](const std::vector<std::byte>& bytes) {  // behind the node's name and op
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return static_cast<int>(bytes[text.find("rnn") + 5]);
  };
  const std::vector<std::byte> floats = bytes_of(made(DataType::kF32, false));
  CHECK(floats[8] == std::byte{1});
  CHECK(fields_of(floats) == 9);
  const std::vector<std::byte> weight_only = bytes_of(made(DataType::kS8, false));
  CHECK(weight_only[8] == std::byte{kVersionOfRecurrentIntegers});
  CHECK(fields_of(weight_only) == 9);
  const std::vector<std::byte> dynamic = bytes_of(made(DataType::kS8, true));
  CHECK(dynamic[8] == std::byte{kVersionOfRecurrentIntegers});
  CHECK(fields_of(dynamic) == 10);
  // x W^T of (1, 2, 3) is (6, 6) times the scales, and h R^T the sum of h times the scales.
  const Result<Model> read = Model::from_memory(weight_only);
  REQUIRE(read.ok());
  Result<Session> session = Session::create(*read, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  std::ranges::copy(std::vector<float>{1, 2, 3, 0, 0, 4}, session->input().as<float>().begin());
  session->run();
  const auto y = session->output().as<float>();
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{3, 1.5F, 2 + 4.5F / 2, 1 + 4.5F / 4});
  CHECK(!check_model(made(DataType::kF32, true)).ok());
  for (const std::vector<std::byte>* bytes : {&weight_only, &dynamic}) {
    check_damage_is_harmless(*bytes, 1, {std::byte{0x00}, std::byte{0x01}, std::byte{0x04}, std::byte{0xFF}});
  }
}

TEST_CASE("a resize to the size of another tensor comes back, and raises the version; one by itself does not") {
  const auto made = [](bool follows, Shape like_shape) {
    test::PackedBuilder b;
    const int32_t x = b.input("x", DataType::kF32, {1, 2, 1, 1});
    const int32_t like = b.input("like", DataType::kF32, like_shape);
    const int32_t y = b.activation("y", DataType::kF32, {1, 4, 3, 1});
    const ResizeParams sizes{.sizes = {4, 3}};
    b.node("resize", follows ? ResizeParams{} : sizes, follows ? std::vector{x, like} : std::vector{x}, {y});
    b.output(y);
    return b.take();
  };
  const std::vector<std::byte> plain = write_model(made(false, {1, 4, 3, 2})),
                               bytes = write_model(made(true, {1, 4, 3, 2}));
  CHECK(plain[8] == std::byte{1});
  CHECK(bytes[8] == std::byte{kVersionOfShapeInputs});
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  CHECK(write_model(read->packed()) == bytes);
  Result<Session> session = Session::create(*read, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  std::ranges::copy(std::vector<float>{1, 5}, session->input().as<float>().begin());
  session->run();
  const auto y = session->output().as<float>();
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{1, 1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 5});
  for (const PackedModel& net : {test::resize_like_net(), test::reshape_like_net()}) {
    check_damage_is_harmless(write_model(net), 1, {std::byte{0x00}, std::byte{0x01}, std::byte{0x05}, std::byte{0xFF}});
  }
  CHECK(!check_model(made(true, {4, 3, 2})).ok());
  CHECK(!check_model(made(true, {1, 4, 5, 2})).ok());
}

TEST_CASE("something else is not an octet file") {
  const std::vector<std::byte> bytes(1000, std::byte{7});
  const Result<Model> read = Model::from_memory(bytes);
  REQUIRE(!read.ok());
  CHECK(read.error().message.find("not an octet file") != std::string::npos);
}

TEST_CASE("a missing, empty or wrong path is an error that names it") {
  for (const char* path : {"/nonexistent/model.octet", "/dev/null", "/"}) {
    const Result<Model> read = Model::load(path);
    REQUIRE(!read.ok());
    CHECK(read.error().code == ErrorCode::kInvalidFile);
    CHECK(read.error().message.find(path) != std::string::npos);
  }
}

}  // namespace octet
