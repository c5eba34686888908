// Many threads with sessions of their own, which come and go while others run, on models that they share. Meant for the
// thread sanitizer too (preset tsan), which sees what no output shows.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "octet/octet.hpp"
#include "runtime/packed_format.h"
#include "tests/support/random_packed_net.h"

namespace octet {
namespace {

// One layer on oneDNN.
PackedModel float_net() {
  test::PackedBuilder b;
  constexpr int64_t n = Shape::kDynamic;
  const auto image = b.input("image", DataType::kF32, {n, test::kNetSize, test::kNetSize, test::kNetChannels});
  const auto y = b.activation("y", DataType::kF32, {n, test::kNetSize, test::kNetSize, 16});
  std::vector<float> weights(16 * 9 * test::kNetChannels);
  std::mt19937 random(5);
  std::ranges::generate(weights, [&] { return std::normal_distribution<float>(0, 0.1F)(random); });
  b.node("conv", Conv2dParams{.pads = {1, 1, 1, 1}},
         {image, b.constant("w", DataType::kF32, {16, 3, 3, test::kNetChannels}, weights)}, {y});
  b.output(y);
  return b.take();
}

// A model, an image, and what one session of one thread makes of it.
struct Case {
  Model model;
  std::vector<std::byte> file;
  std::vector<float> image;
  std::string expected;
};

std::string run(Session& session, const Case& c) {
  std::ranges::copy(c.image, session.input().as<float>().begin());
  session.run();
  std::string all;
  for (size_t i = 0; i < c.model.outputs().size(); ++i) {
    const TensorView tensor = session.output(i);
    all.append(static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.byte_count()));
  }
  return all;
}

Case make_case(PackedModel packed, uint32_t seed) {
  REQUIRE(check_model(packed).ok());
  std::vector<std::byte> file = write_model(packed);
  Case c{Model::from_packed(std::make_shared<PackedModel>(std::move(packed))), std::move(file), {}, {}};
  std::mt19937 random(seed);
  c.image.resize(test::kNetSize * test::kNetSize * test::kNetChannels);
  std::ranges::generate(c.image, [&] { return std::normal_distribution<float>(0, 1)(random); });
  Result<Session> session = Session::create(c.model, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  c.expected = run(*session, c);
  return c;
}

std::vector<Case> make_cases() {
  std::vector<Case> cases;
  for (uint32_t seed = 11; seed <= 13; ++seed) cases.push_back(make_case(test::random_packed_net(seed), seed));
  cases.push_back(make_case(float_net(), 14));
  return cases;
}

}  // namespace

TEST_CASE("sessions of shared models are made, run and destroyed in many threads at once") {
  const std::vector<Case> cases = make_cases();
  std::atomic<int> wrong = 0, refused = 0, runs = 0;
  const auto work = [&](int thread) {
    for (int round = 0; round < 12; ++round) {
      const Case& c = cases[static_cast<size_t>(thread + round) % cases.size()];
      // Some have a model of their own, whose weights nobody shares.
      const Result<Model> model = round % 3 == 0 ? Model::from_memory(c.file) : Result<Model>(c.model);
      if (!model.ok()) {
        ++refused;
        continue;
      }
      Result<Session> session = Session::create(*model, {.threads = 1 + (thread + round) % 2});
      if (!session.ok()) {
        ++refused;
        continue;
      }
      for (int i = 0; i < 4; ++i, ++runs) wrong += run(*session, c) != c.expected;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(wrong == 0);
  CHECK(runs == 6 * 12 * 4);
}

TEST_CASE("a session moves to another thread, and outlives its model") {
  const std::vector<Case> cases = make_cases();
  for (const Case& c : cases) {
    std::optional<Session> session;
    {
      const Result<Model> model = Model::from_memory(c.file);
      REQUIRE(model.ok());
      Result<Session> made = Session::create(*model, {.threads = 2});
      REQUIRE(made.ok());
      session = std::move(*made);
    }
    std::string found;
    std::thread([&] {
      found = run(*session, c);
      session.reset();
    }).join();
    CHECK(found == c.expected);
  }
}

}  // namespace octet
