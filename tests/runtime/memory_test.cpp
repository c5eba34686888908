// What a loaded model and its sessions keep in memory.
#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <vector>

#include "octet/octet.hpp"
#include "runtime/hash.h"
#include "runtime/packed_format.h"
#include "tests/support/packed_builder.h"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

const int64_t kPage = sysconf(_SC_PAGESIZE);

// Three kinds of convolution with weights of many pages (1.2 MB), and a fully connected layer.
PackedModel wide_net() {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> weight(-127, 127);
  test::PackedBuilder b;
  const auto weights = [&](const std::string& name, const Shape& shape) {
    std::vector<int8_t> values(static_cast<size_t>(shape.element_count()));
    for (int8_t& v : values) v = static_cast<int8_t>(weight(random));
    std::vector<float> scales(static_cast<size_t>(shape[0]), 0.001F);
    return b.constant(name, DataType::kS8, shape, values, std::move(scales));
  };
  const auto bias = [&](const std::string& name, int64_t count) {
    return b.constant(name, DataType::kS32, {count}, std::vector<int32_t>(static_cast<size_t>(count), 5));
  };
  const auto image = b.input("image", DataType::kF32, {Shape::kDynamic, 6, 6, 256});
  const auto quantized = b.u8_activation("quantized", {Shape::kDynamic, 6, 6, 256}, {0.02F, 128});
  b.node("quantize", QuantizeParams{}, {image}, {quantized});
  int32_t x = quantized;
  const auto conv = [&](const std::string& name, const Shape& shape, int64_t groups) {
    const auto y = b.u8_activation(name, {Shape::kDynamic, 6, 6, shape[0]}, {0.05F, 0});
    const int64_t pad = shape[1] / 2;
    b.node(name, Conv2dParams{.pads = {pad, pad, pad, pad}, .groups = groups},
           {x, weights(name + ".weights", shape), bias(name + ".bias", shape[0])}, {y});
    x = y;
  };
  conv("dense", {256, 3, 3, 256}, 1);
  conv("depthwise", {256, 3, 3, 1}, 256);
  conv("pointwise", {512, 1, 1, 256}, 1);
  const auto pooled = b.u8_activation("pooled", {Shape::kDynamic, 1, 1, 512}, {0.05F, 0});
  b.node("pool", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {x}, {pooled});
  const auto flat = b.u8_activation("flat", {Shape::kDynamic, 512}, {0.05F, 0});
  b.node("flatten", ReshapeParams{{0, -1}}, {pooled}, {flat});
  const auto logits = b.activation("logits", DataType::kF32, {Shape::kDynamic, 1000});
  b.node("logits", FullyConnectedParams{}, {flat, weights("fc.weights", {1000, 512}), bias("fc.bias", 1000)}, {logits});
  b.output(logits);
  return b.take();
}

std::string write_wide_net(const test::ScratchFolder& folder) {
  const std::vector<std::byte> bytes = write_model(wide_net());
  std::string path = folder.path() + "/wide.octet";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return path;
}

// Bytes of the mapped file `path` that are in this process's memory.
int64_t resident_bytes(const std::string& path) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  int64_t bytes = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) != std::string::npos) inside = true;
    if (inside && line.rfind("Rss:", 0) == 0) {
      bytes += std::stoll(line.substr(4)) * 1024;
      inside = false;
    }
  }
  return bytes;
}

std::vector<float> answer(Session& session) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  for (float& v : session.input().as<float>()) v = normal(random);
  session.run();
  const auto output = session.output().as<float>();
  return {output.begin(), output.end()};
}

int64_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

}  // namespace

TEST_CASE("the checksum of pieces is the checksum of the whole, and every byte is in a piece") {
  std::vector<std::byte> bytes((1 << 20) + 12345);
  std::mt19937 random(1);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  size_t seen = 0;
  const uint64_t pieces = xxh64(bytes, 7, [&](std::span<const std::byte> piece) {
    CHECK(piece.data() == bytes.data() + seen);
    seen += piece.size();
  });
  CHECK(seen == bytes.size() / 32 * 32);
  CHECK(pieces == xxh64(bytes, 7));
}

TEST_CASE("a mapped model keeps little of its file in memory, before and after its weights are packed") {
  const test::ScratchFolder folder;
  const std::string path = write_wide_net(folder);
  const Result<Model> model = Model::load(path);
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  CHECK(resident_bytes(path) <= kPage);  // the last, which is not whole
  Result<Session> session = Session::create(*model, {.threads = 1});
  REQUIRE(session.ok());
  CHECK(resident_bytes(path) <= kPage);
  const std::vector<float> first = answer(*session);
  CHECK(resident_bytes(path) <= kPage);  // every kernel of this network packs its weights

  const std::vector<std::byte> bytes = write_model(wide_net());
  Result<Session> in_memory = Session::create(*Model::from_memory(bytes), {.threads = 1});
  CHECK(answer(*in_memory) == first);
  // Pages that were given back come from the file again.
  Result<Session> again = Session::create(*model, {.threads = 2, .batch = 2});
  REQUIRE(again.ok());
  const std::vector<float> two = answer(*again);
  CHECK(std::equal(first.begin(), first.end(), two.begin()));
}

TEST_CASE("a further session takes a tenth of the first one's memory, plus its arena") {
  const Model model = Model::from_packed(std::make_shared<PackedModel>(wide_net()));
  (void)Session::create(model, {.threads = 1});  // what oneDNN keeps for good
  const int64_t before = heap_bytes();
  std::vector<Session> sessions;
  const auto add = [&] {
    Result<Session> session = Session::create(model, {.threads = 1});
    REQUIRE(session.ok());
    sessions.push_back(std::move(*session));
    answer(sessions.back());
  };
  add();
  const int64_t arena = sessions[0].arena_bytes();
  const int64_t one = heap_bytes() - before - arena;
  const size_t packed_bytes = model.packed_constants().bytes();
  while (sessions.size() < 8) add();
  CHECK(model.packed_constants().bytes() == packed_bytes);
  const int64_t further = (heap_bytes() - before - 8 * arena - one) / 7;
  MESSAGE("the first session takes ", one, " bytes, a further one ", further, ", without arenas of ", arena, " each");
  CHECK(10 * further <= one);
}

}  // namespace octet
