// Image sizes that the file leaves open: every session chooses its own.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <random>
#include <thread>

#include "octet/session.hpp"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

constexpr int64_t kOpen = Shape::kDynamic;

Model model_of(PackedModel packed) {
  const Status checked = check_model(packed);
  REQUIRE_MESSAGE(checked.ok(), checked.error().message);
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

// The test network for images of one size, or with kOpen of every size.
Model small_model(int64_t height, int64_t width) {
  PackedModel packed = test::small_int8_net();
  const Shape image{kOpen, 3, height, width};
  const Result<std::vector<Shape>> shapes = propagate_shapes(packed, {&image, 1});
  REQUIRE(shapes.ok());
  for (size_t i = 0; i < shapes->size(); ++i) packed.tensors[i].shape = (*shapes)[i];
  return model_of(std::move(packed));
}

std::vector<float> result_of(Session& session, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  for (float& v : session.input().as<float>()) v = normal(random);
  session.run();
  const auto output = session.output().as<float>();
  return {output.begin(), output.end()};
}

Result<Session> session_of(const Model& model, const Shape& shape, int threads = 1) {
  return Session::create(model, {.threads = threads, .input_shapes = {shape}});
}

std::string refusal(const Model& model, const Shape& shape, ErrorCode code) {
  const Result<Session> session = session_of(model, shape);
  REQUIRE(!session.ok());
  CHECK(session.error().code == code);
  return session.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int64_t peak_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

}  // namespace

TEST_CASE("sessions of different sizes share a model, run at once, and give what models of those sizes give") {
  const Model open = small_model(kOpen, kOpen);
  const std::vector<Shape> sizes{{1, 3, 8, 8}, {2, 3, 17, 5}, {1, 3, 40, 33}};
  std::vector<Session> sessions;
  for (const Shape& size : sizes) {
    Result<Session> session = session_of(open, size);
    REQUIRE_MESSAGE(session.ok(), session.error().message);
    CHECK(session->input().shape == size);
    CHECK(session->arena_bytes() == *Session::required_arena_bytes(open, {.input_shapes = {size}}));
    sessions.push_back(std::move(*session));
  }
  std::vector<std::vector<float>> found(sizes.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < sizes.size(); ++i) {
    threads.emplace_back([&, i] {
      for (uint32_t seed = 0; seed < 20; ++seed) found[i] = result_of(sessions[i], seed);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Model fixed = small_model(sizes[i][2], sizes[i][3]);
    Result<Session> session = session_of(fixed, sizes[i]);
    REQUIRE(session.ok());
    CHECK(result_of(*session, 19) == found[i]);
  }
  CHECK(found[0] != found[2]);
}

TEST_CASE("a size at which integers cannot count what they add up is refused") {
  constexpr QuantParams kQuant{0.1F, 0};
  const auto u8_input = [&](test::PackedBuilder& b, const std::string& name, const Shape& shape) {
    const int32_t quantized = b.u8_activation(name + ":u8", shape, kQuant);
    b.node(name + ":quantize", QuantizeParams{}, {b.input(name, DataType::kF32, shape)}, {quantized});
    return quantized;
  };
  test::PackedBuilder pooling;
  const int32_t image = u8_input(pooling, "x", {1, kOpen, kOpen, 1});
  const int32_t mean = pooling.u8_activation("y", {1, 1, 1, 1}, kQuant);
  pooling.node("average", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {image}, {mean});
  pooling.output(mean);
  const Model pool = Model::from_packed(std::make_shared<PackedModel>(pooling.take()));
  CHECK(Session::required_arena_bytes(pool, {.input_shapes = {{1, 2900, 2900, 1}}}).ok());
  CHECK(has(refusal(pool, {1, 3000, 3000, 1}, ErrorCode::kUnsupported), "'average': pool2d: 32-bit sums hold 8421504"));
  CHECK(!Session::required_arena_bytes(pool, {.input_shapes = {{1, 3000, 3000, 1}}}).ok());

  test::PackedBuilder products;
  const int32_t a = u8_input(products, "a", {1, kOpen}), b = u8_input(products, "b", {kOpen, 1});
  const int32_t y = products.u8_activation("y", {1, 1}, kQuant);
  products.node("product", MatmulParams{}, {a, b}, {y});
  products.output(y);
  const Model matmul = Model::from_packed(std::make_shared<PackedModel>(products.take()));
  CHECK(Session::create(matmul, {.threads = 1, .input_shapes = {{1, 20000}, {20000, 1}}}).ok());
  const Result<Session> deep = Session::create(matmul, {.threads = 1, .input_shapes = {{1, 40000}, {40000, 1}}});
  REQUIRE(!deep.ok());
  CHECK(has(deep.error().message, "'product': matmul: sums of 40000 products"));
}

TEST_CASE("a size that is missing or does not fit is named with what was given") {
  const Model open = small_model(kOpen, kOpen);
  const Result<Session> none = Session::create(open, {.threads = 1});
  REQUIRE(!none.ok());
  CHECK(none.error().code == ErrorCode::kUsage);
  CHECK(has(none.error().message, "'image'"));
  CHECK(has(none.error().message, "Nx3xNxN"));
  const std::string channels = refusal(open, {1, 4, 8, 8}, ErrorCode::kUsage);
  CHECK(has(channels, "Nx3xNxN"));
  CHECK(has(channels, "1x4x8x8"));
  CHECK(has(refusal(open, {1, 3, 8}, ErrorCode::kUsage), "1x3x8"));
  CHECK(has(refusal(open, {1, 3, 0, 8}, ErrorCode::kUsage), "1x3x0x8"));
  CHECK(has(refusal(open, {1, 3, kOpen, 8}, ErrorCode::kUsage), "1x3xNx8"));
  // An operation says what it cannot take: here a window of 3 x 3 without its padding.
  PackedModel packed = test::small_int8_net();
  std::get<Conv2dParams>(packed.nodes[2].op).pads = {};
  std::get<Conv2dParams>(packed.nodes[3].op).pads = {};
  packed.nodes[3].inputs.pop_back();  // the residual, which has another size now
  const Shape image{kOpen, 3, kOpen, kOpen};
  const auto shapes = propagate_shapes(packed, {&image, 1});
  REQUIRE(shapes.ok());
  for (size_t i = 0; i < shapes->size(); ++i) packed.tensors[i].shape = (*shapes)[i];
  const Model valid = model_of(std::move(packed));
  CHECK(session_of(valid, {1, 3, 5, 5}).ok());
  CHECK(has(refusal(valid, {1, 3, 4, 9}, ErrorCode::kUsage), "conv_b"));
}

TEST_CASE("a size of which nothing is left is refused") {
  test::PackedBuilder b;  // without the last three rows
  const auto x = b.input("x", DataType::kF32, {1, kOpen, 2});
  const auto y = b.activation("y", DataType::kF32, {1, kOpen, 2});
  b.node("cut", SliceParams{{1}, {0}, {-3}, {1}}, {x}, {y});
  b.output(y);
  const Model model = model_of(b.take());
  CHECK(session_of(model, {1, 4, 2}).ok());
  for (const int64_t rows : {3, 1}) {
    CHECK(has(refusal(model, {1, rows, 2}, ErrorCode::kUsage), "'y' would be 1x0x2, which has no elements"));
  }
}

TEST_CASE("sizes beyond all reason are refused before memory is taken") {
  const Model open = small_model(kOpen, kOpen);
  REQUIRE(session_of(open, {1, 3, 64, 64}).ok());
  const int64_t before = peak_kb();
  for (const int64_t size :
       {int64_t{1} << 20, int64_t{1} << 40, int64_t{1} << 62, std::numeric_limits<int64_t>::max()}) {
    CHECK(has(refusal(open, {1, 3, size, size}, ErrorCode::kUsage), std::to_string(Shape::kMaxElements)));
  }
  CHECK(has(refusal(open, {1, 3, std::numeric_limits<int64_t>::max(), 1}, ErrorCode::kUsage), "elements"));
  CHECK(has(refusal(open, {1, 3, 1 << 19, 1 << 19}, ErrorCode::kUnsupported), "32-bit sums"));
  CHECK(has(refusal(open, {int64_t{1} << 26, 3, 64, 64}, ErrorCode::kResource), "bytes"));
  CHECK(has(refusal(open, {1, 3, int64_t{1} << 38, 1}, ErrorCode::kUsage), "conv_a"));
  CHECK(peak_kb() - before < 4096);
}

}  // namespace octet
