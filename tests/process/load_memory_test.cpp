// Loading takes no more memory than LoadOptions says, whatever the file holds, and what a caller does not allow is
// refused before it is taken.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "octet/octet.hpp"
#include "runtime/packed_bytes.h"
#include "tests/support/counted_bytes.h"
#include "tests/support/packed_builder.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

using Bytes = std::vector<std::byte>;

struct Loaded {
  bool ok;
  std::string message;
  int64_t peak;  // bytes above those before
};

template <class F>
Loaded measure(const F& load) {
  Loaded loaded{};
  loaded.peak = test::peak_of([&] {
    const Result<Model> model = load();
    loaded.ok = model.ok();
    if (!model.ok()) loaded.message = model.error().message;
  });
  return loaded;
}

// As LoadOptions counts: without weights of 4 bits.
int64_t justified_bytes(const Bytes& file) {
  PackedHeader header;
  std::memcpy(&header, file.data(), sizeof header);
  return static_cast<int64_t>(file.size() + kMemoryOfGraphByte * header.graph_bytes);
}

// Graphs of as many of one thing as possible for their bytes.
PackedModel many_names() {
  PackedModel model = test::small_int8_net();
  model.class_names.resize(20000);
  for (int i = 0; i < 5000; ++i) model.metadata[std::to_string(i)] = "";
  return model;
}

PackedModel many_nodes() {
  test::PackedBuilder b;
  int32_t last = b.input("x", DataType::kF32, {1});
  for (int i = 0; i < 5000; ++i) {
    const int32_t next = b.activation(std::to_string(i), DataType::kF32, {1});
    b.node(std::to_string(i), TransposeParams{{0}}, {last}, {next});
    last = next;
  }
  b.output(last);
  return b.take();
}

PackedModel many_inputs() {
  test::PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1});
  const int32_t joined = b.activation("joined", DataType::kF32, {20000});
  b.node("join", ConcatParams{.axis = 0}, std::vector<int32_t>(20000, x), {joined});
  b.output(joined);
  return b.take();
}

PackedModel nibbles() {
  PackedModel model = test::small_int8_net();
  for (PackedTensor& tensor : model.tensors) {
    if (tensor.type != DataType::kS8) continue;
    // Constants of the builder are its own.
    auto* values = static_cast<int8_t*>(const_cast<void*>(tensor.data));
    std::fill(values, values + tensor.data_bytes, int8_t{3});
    tensor.file_bits = 4;
  }
  return model;
}

PackedModel halves() {
  test::PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1, 4096});
  const int32_t weights = b.constant("w", DataType::kF32, {16, 4096}, std::vector<float>(16 * 4096, 0.5F));
  const int32_t y = b.activation("y", DataType::kF32, {1, 16});
  b.node("fc", FullyConnectedParams{}, {x, weights}, {y});
  b.output(y);
  PackedModel model = b.take();
  model.tensors[static_cast<size_t>(weights)].file_bits = 16;
  return model;
}

}  // namespace

TEST_CASE("loading takes at most the bytes that the file justifies, and with fewer it is refused untaken") {
  const test::ScratchFolder folder;
  for (const auto& make : {many_names, many_nodes, many_inputs, nibbles, halves}) {
    const Bytes file = write_model(make());
    const std::string path = folder.path("net.octet");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
    const int64_t justified = justified_bytes(file), unpacked = make == nibbles  ? 4096
                                                                : make == halves ? 4 * 16 * 4096
                                                                                 : 0;
    CAPTURE(file.size());
    CAPTURE(justified);
    const auto both = [&](int64_t max_bytes) {
      return std::vector<Loaded>{measure([&] { return Model::load(path, {.max_bytes = max_bytes}); }),
                                 measure([&] { return Model::from_memory(file, {.max_bytes = max_bytes}); })};
    };
    for (const Loaded& loaded : both(justified + unpacked)) {
      CHECK_MESSAGE(loaded.ok, loaded.message);
      CHECK(loaded.peak > 0);
      CHECK(loaded.peak <= justified + unpacked);
    }
    for (const Loaded& loaded : both(justified - 1)) {
      CHECK(loaded.message.find("may take " + std::to_string(justified) + " bytes of memory, but is allowed " +
                                std::to_string(justified - 1)) != std::string::npos);
      CHECK(loaded.peak <= static_cast<int64_t>(file.size()) + 4096);  // messages, and the copy
    }
    if (unpacked > 0) {
      for (const Loaded& loaded : both(justified)) CHECK(loaded.message.find("bytes of memory") != std::string::npos);
    }
    // Not even the copy.
    const Loaded tiny = measure([&] { return Model::from_memory(file, {.max_bytes = 100}); });
    CHECK(tiny.message.find("may take " + std::to_string(file.size()) + " bytes") != std::string::npos);
    CHECK(tiny.peak < 4096);
  }
}

TEST_CASE("a session that is not allowed its activations is refused with both numbers, and takes no memory") {
  const Result<Model> model = Model::from_memory(write_model(test::small_int8_net()));
  REQUIRE(model.ok());
  constexpr int64_t kBatch = 1000;
  const Result<int64_t> needed = Session::required_arena_bytes(*model, {.threads = 1, .batch = kBatch});
  REQUIRE(needed.ok());
  CHECK(Session::create(*model, {.threads = 1, .batch = kBatch, .max_arena_bytes = *needed}).ok());
  const int64_t before = test::live_bytes;
  test::peak_bytes = before;
  const Result<Session> refused =
      Session::create(*model, {.threads = 1, .batch = kBatch, .max_arena_bytes = *needed - 1});
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kResource);
  CHECK(refused.error().message ==
        "the activations take " + std::to_string(*needed) + " bytes, but are allowed " + std::to_string(*needed - 1));
  CHECK(test::peak_bytes - before < *needed / 2);
}

TEST_CASE("the tables of a long, thin image may take as much as activations, and no more") {
  constexpr int64_t kLength = 1 << 20;
  test::PackedBuilder b;
  const int32_t x = b.input("x", DataType::kF32, {1, 1, 2, 1});
  const int32_t y = b.activation("y", DataType::kF32, {1, 1, kLength, 1});
  b.node("resize", ResizeParams{.scales = {1, kLength / 2}}, {x}, {y});
  b.output(y);
  const Result<Model> model = Model::from_memory(write_model(b.take()));
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  const Result<Session> refused = Session::create(*model, {.threads = 1, .max_arena_bytes = 2 * 4 * kLength});
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("bytes of scratch memory, but are allowed 8388608") != std::string::npos);
  CHECK(Session::create(*model, {.threads = 1, .max_arena_bytes = 6 * 4 * kLength}).ok());
}

TEST_CASE("what kernels share while they run may take as much as activations, and no more") {
  // The gates of an LSTM of 1000 steps, [1000, 4 * 32], are four times its output.
  constexpr int64_t kSteps = 1000, kHidden = 32;
  test::PackedBuilder b;
  RecurrentParams params{.kind = RecurrentKind::kLstm, .hidden = kHidden};
  for (const UnaryKind kind : {UnaryKind::kSigmoid, UnaryKind::kTanh, UnaryKind::kTanh}) {
    params.activations.push_back(static_cast<int64_t>(kind));
  }
  params.alphas = params.betas = {0, 0, 0};
  const auto weights = [&](const char* name, const Shape& shape) {
    return b.constant(name, DataType::kF32, shape, std::vector<float>(static_cast<size_t>(shape.element_count())));
  };
  const int32_t x = b.input("x", DataType::kF32, {kSteps, 1, 1});
  const int32_t w = weights("w", {1, 4 * kHidden, 1}), r = weights("r", {1, 4 * kHidden, kHidden});
  const int32_t y = b.activation("y", DataType::kF32, {kSteps, 1, 1, kHidden});
  const auto state = [&](const char* name) { return b.activation(name, DataType::kF32, {1, 1, kHidden}); };
  b.node("lstm", params, {x, w, r}, {y, state("h"), state("c")});
  b.output(y);
  const Result<Model> model = Model::from_memory(write_model(b.take()));
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  const int64_t gates = 4 * kSteps * 4 * kHidden;
  CHECK(Session::create(*model, {.threads = 1, .max_arena_bytes = 2 * gates}).ok());
  const int64_t before = test::live_bytes;
  test::peak_bytes = before;
  const Result<Session> refused = Session::create(*model, {.threads = 1, .max_arena_bytes = gates / 2});
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kResource);
  CHECK(refused.error().message.find("bytes of scratch memory, but are allowed " + std::to_string(gates / 2)) !=
        std::string::npos);
  CHECK(test::peak_bytes - before < gates);
}

}  // namespace octet
