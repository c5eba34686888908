#include "octet/session.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <optional>
#include <random>

#include "octet/peak.h"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

Model small_model() {
  PackedModel packed = test::small_int8_net();
  REQUIRE(check_model(packed).ok());
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

void fill(const TensorView& view, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  for (float& v : view.as<float>()) v = normal(random);
}

std::vector<float> result_of(Session& session, uint32_t seed) {
  fill(session.input(), seed);
  session.run();
  const auto output = session.output().as<float>();
  return {output.begin(), output.end()};
}

}  // namespace

TEST_CASE("a session gives the same bytes again, at any thread count, and leaves its input alone") {
  const Model model = small_model();
  Result<Session> one = Session::create(model, {.threads = 1});
  Result<Session> two = Session::create(model, {.threads = 2});
  REQUIRE_MESSAGE(one.ok(), one.error().message);
  REQUIRE(two.ok());
  const std::vector<float> first = result_of(*one, 7);
  const std::vector<float> input_before(one->input().as<float>().begin(), one->input().as<float>().end());
  one->run();
  CHECK(std::equal(input_before.begin(), input_before.end(), one->input().as<float>().begin()));
  CHECK(std::equal(first.begin(), first.end(), one->output().as<float>().begin()));
  CHECK(result_of(*two, 7) == first);
  CHECK(result_of(*one, 8) != first);
}

TEST_CASE("a batch gives what its samples give alone") {
  const Model model = small_model();
  Result<Session> single = Session::create(model, {.threads = 1});
  Result<Session> batch = Session::create(model, {.threads = 1, .batch = 3});
  REQUIRE(single.ok());
  REQUIRE(batch.ok());
  const size_t count = static_cast<size_t>(single->input().shape.element_count());
  std::vector<float> expected;
  for (uint32_t i = 0; i < 3; ++i) {
    const std::vector<float> alone = result_of(*single, i);
    expected.insert(expected.end(), alone.begin(), alone.end());
    std::copy_n(single->input().as<float>().begin(), count, batch->input().as<float>().begin() + i * count);
  }
  batch->run();
  CHECK(batch->output().shape == Shape{3, 5});
  CHECK(std::equal(expected.begin(), expected.end(), batch->output().as<float>().begin()));
}

TEST_CASE("an observer sees every tensor that is made, with its bytes") {
  const Model model = small_model();
  Result<Session> session = Session::create(model, {.threads = 1});
  REQUIRE(session.ok());
  fill(session->input(), 3);
  std::map<std::string, Shape> seen;
  session->run([&](const std::string& name, const TensorView& tensor) { seen[name] = tensor.shape; });
  CHECK(seen.contains("image"));
  CHECK(seen.contains("flat"));
  CHECK(seen["a"] == Shape{1, 8, 8, 4});
  CHECK(seen["probabilities"] == Shape{1, 5});
  // The quantize + transpose pattern never makes the tensor between the two.
  CHECK(!seen.contains("image:u8"));
}

TEST_CASE("a convolution adds its residual in place") {
  const Model model = small_model();
  Result<Session> session = Session::create(model, {.threads = 1});
  REQUIRE(session.ok());
  std::map<std::string, const void*> address;
  session->run([&](const std::string& name, const TensorView& tensor) { address[name] = tensor.data; });
  // Here the residual is also the convolution's source, so it must not be overwritten.
  CHECK(address["a"] != address["b"]);
  CHECK(address["pooled"] == address["flat"]);
}

TEST_CASE("wrong shapes and thread counts are refused with both shapes") {
  const Model model = small_model();
  const Result<Session> wrong = Session::create(model, {.input_shapes = {Shape{1, 3, 8, 9}}});
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().code == ErrorCode::kUsage);
  CHECK(wrong.error().message.find("1x3x8x9") != std::string::npos);
  CHECK(wrong.error().message.find("Nx3x8x8") != std::string::npos);
  CHECK(!Session::create(model, {.input_shapes = {Shape{1, 3, 8, 8}, Shape{1}}}).ok());
  CHECK(!Session::create(model, {.threads = -1}).ok());
  CHECK(!Session::create(model, {.batch = 0}).ok());
  CHECK(!Session::create(model, {.batch = int64_t{1} << 60}).ok());
}

TEST_CASE("a batch that no input can have is refused, not ignored") {
  PackedModel packed = test::small_int8_net();
  for (PackedTensor& tensor : packed.tensors) {
    if (tensor.shape.rank() > 0 && tensor.shape[0] == Shape::kDynamic) tensor.shape[0] = 2;
  }
  REQUIRE(check_model(packed).ok());
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  CHECK(Session::create(model, {.threads = 1}).ok());
  CHECK(Session::create(model, {.threads = 1, .batch = 2}).ok());
  const Result<Session> wrong = Session::create(model, {.threads = 1, .batch = 7});
  REQUIRE(!wrong.ok());
  CHECK(wrong.error().message.find("batch of 7") != std::string::npos);
}

TEST_CASE("the measured peak is that of real arithmetic") {
  const PeakRates peak = measure_peak(1);
  CHECK(peak.int8_gops > 0.1);  // any 64-bit CPU does more than a tenth of an operation a nanosecond
  CHECK(peak.f32_gops > 0.1);
  CHECK(peak.int8_gops < 1e5);  // and none does 30,000 a clock: the loops were not optimized away
  CHECK(peak.f32_gops < 1e5);
}

TEST_CASE("a session runs in the caller's memory, and says before how much it needs") {
  const Model model = small_model();
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  for (const int64_t batch : {1, 3}) {
    SessionOptions options{.threads = 1, .batch = batch};
    const size_t pack_count = model.packed_constants().pack_count();
    const Result<int64_t> needed = Session::required_arena_bytes(model, options);
    REQUIRE(needed.ok());
    CHECK(model.packed_constants().pack_count() == pack_count);
    Session own = *Session::create(model, options);
    CHECK(own.arena_bytes() == *needed);
    std::vector<Line> memory(static_cast<size_t>(*needed) / sizeof(Line) + 2);
    options.arena = std::as_writable_bytes(std::span(memory)).subspan(0, static_cast<size_t>(*needed));
    std::memset(&memory.back(), 0x5A, sizeof(Line));

    // Two on the same memory, in turns.
    Session one = *Session::create(model, options);
    Session two = *Session::create(model, options);
    CHECK(one.input().data >= static_cast<void*>(memory.data()));
    CHECK(one.output().data < static_cast<void*>(&memory.back()));
    for (uint32_t seed = 0; seed < 4; ++seed) CHECK(result_of(seed % 2 == 0 ? one : two, seed) == result_of(own, seed));
    for (const std::byte b : memory.back().bytes) CHECK(b == std::byte{0x5A});
    // Where nothing else runs, outputs and inputs stay as with memory of its own.
    const std::vector<float> first = result_of(one, 9);
    one.run();
    CHECK(std::equal(first.begin(), first.end(), one.output().as<float>().begin()));
  }
  CHECK(!Session::required_arena_bytes(model, {.batch = 0}).ok());
}

TEST_CASE("an arena that is too small or not aligned is refused with both numbers") {
  const Model model = small_model();
  const int64_t needed = *Session::required_arena_bytes(model);
  std::vector<std::byte> memory(static_cast<size_t>(needed) + 128);
  const size_t aligned = 64 - reinterpret_cast<uintptr_t>(memory.data()) % 64;
  const std::span<std::byte> all(memory);
  const auto refusal = [&](std::span<std::byte> arena) {
    const Result<Session> session = Session::create(model, {.threads = 1, .arena = arena});
    REQUIRE(!session.ok());
    CHECK(session.error().code == ErrorCode::kUsage);
    return session.error().message;
  };
  const std::string small = refusal(all.subspan(aligned, static_cast<size_t>(needed) - 1));
  CHECK(small.find(std::to_string(needed - 1)) != std::string::npos);
  CHECK(small.find(std::to_string(needed)) != std::string::npos);
  CHECK(refusal(all.subspan(aligned, 0)).find(" 0 bytes") != std::string::npos);
  CHECK(refusal(all.subspan(aligned - 8)).find("56 bytes behind a multiple of 64") != std::string::npos);
  CHECK(Session::create(model, {.threads = 1, .arena = all.subspan(aligned)}).ok());
}

TEST_CASE("sessions of one model share its packed weights") {
  const Model model = small_model();
  const PackedConstants& packed = model.packed_constants();
  std::optional<Session> one = *Session::create(model, {.threads = 1});
  const size_t bytes = packed.bytes(), count = packed.pack_count();
  if (one->steps()[1].kernel == "onednn") CHECK(bytes > 0);
  {
    const Result<Session> two = Session::create(model, {.threads = 1, .batch = 3});
    REQUIRE(two.ok());
    CHECK(packed.bytes() == bytes);
    CHECK(packed.pack_count() == count);
  }
  const std::vector<float> expected = result_of(*one, 5);
  one.reset();
  CHECK(packed.bytes() == 0);
  // A later session packs again, and computes the same.
  one = *Session::create(model, {.threads = 1});
  CHECK(packed.bytes() == bytes);
  CHECK(result_of(*one, 5) == expected);
}

TEST_CASE("steps name their kernels") {
  const Model model = small_model();
  Result<Session> session = Session::create(model, {.threads = 1});
  REQUIRE(session.ok());
  const std::vector<StepInfo> steps = session->steps();
  CHECK(steps[0].kernel == "quantize_image");
  CHECK(steps[1].macs == 8 * 8 * 4 * 27);
  CHECK(steps[1].arithmetic == DataType::kU8);
  for (const StepInfo& step : steps) CHECK(step.is_slow == (step.macs > 0 && step.kernel == "reference"));
  std::vector<double> step_us(steps.size(), 0);
  session->run(std::span<double>(step_us));
}

}  // namespace octet
