#include "runtime/batch_slices.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "octet/session.hpp"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

constexpr int64_t kN = Shape::kDynamic;
constexpr int64_t kSide = 200, kChannels = 4;  // of an image that alone fills a slice

// image -> maximum of 2x2 -> 1x1 convolution -> mean of the image
Model image_net() {
  test::PackedBuilder builder;
  const int32_t image = builder.input("image", DataType::kF32, {kN, kSide, kSide, kChannels});
  const int32_t maxima = builder.activation("maxima", DataType::kF32, {kN, kSide / 2, kSide / 2, kChannels});
  const int32_t mixed = builder.activation("mixed", DataType::kF32, {kN, kSide / 2, kSide / 2, kChannels});
  const int32_t means = builder.activation("means", DataType::kF32, {kN, 1, 1, kChannels});
  std::vector<float> weights(kChannels * kChannels);
  std::iota(weights.begin(), weights.end(), -7.0F);
  const int32_t w = builder.constant("weights", DataType::kF32, {kChannels, 1, 1, kChannels}, weights);
  builder.node("maxima", Pool2dParams{.kernel = {2, 2}, .strides = {2, 2}}, {image}, {maxima});
  builder.node("mixed", Conv2dParams{}, {maxima, w}, {mixed});
  builder.node("means", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {mixed}, {means});
  builder.output(means);
  PackedModel packed = builder.take();
  REQUIRE(check_model(packed).ok());
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

// Softmax over the samples: a net that mixes them.
Model mixing_net() {
  test::PackedBuilder builder;
  const int32_t image = builder.input("image", DataType::kF32, {kN, kSide * kSide * kChannels});
  const int32_t shares = builder.activation("shares", DataType::kF32, {kN, kSide * kSide * kChannels});
  builder.node("shares", SoftmaxParams{.axis = 0}, {image}, {shares});
  builder.output(shares);
  PackedModel packed = builder.take();
  REQUIRE(check_model(packed).ok());
  return Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
}

void fill(std::span<float> values, float first) {
  for (size_t i = 0; i < values.size(); ++i) values[i] = first + static_cast<float>(i % 977) * 0.01F;
}

}  // namespace

TEST_CASE("a large batch runs in slices, which give what the samples give alone") {
  const Model model = image_net();
  for (const int threads : {1, 2}) {
    Result<Session> batch = Session::create(model, {.threads = threads, .batch = 3});
    Result<Session> single = Session::create(model, {.threads = threads});
    REQUIRE_MESSAGE(batch.ok(), batch.error().message);
    REQUIRE(single.ok());
    CHECK(batch->input().shape == Shape{3, kSide, kSide, kChannels});
    CHECK(batch->output().shape == Shape{3, 1, 1, kChannels});
    CHECK(single->steps()[1].macs == kSide * kSide / 4 * kChannels * kChannels);
    CHECK(batch->steps()[1].macs == 3 * single->steps()[1].macs);
    // One slice's maxima, not three; but the inputs of all.
    const int64_t image_bytes = single->input().byte_count();
    CHECK(batch->arena_bytes() - single->arena_bytes() < 2 * image_bytes + 1024);

    const size_t count = static_cast<size_t>(single->input().shape.element_count());
    for (size_t i = 0; i < 3; ++i) {
      fill(batch->input().as<float>().subspan(i * count, count), static_cast<float>(i));
    }
    std::map<std::string, int> seen;
    batch->run([&](const std::string& name, const TensorView& tensor) {
      ++seen[name];
      CHECK(tensor.shape[0] == 1);
    });
    CHECK(seen["means"] == 3);
    for (int round = 0; round < 2; ++round) {  // a second run starts at the first slice again
      for (size_t i = 0; i < 3; ++i) {
        fill(single->input().as<float>(), static_cast<float>(i));
        single->run();
        const auto alone = single->output().as<float>();
        CHECK(std::equal(alone.begin(), alone.end(), batch->output().as<float>().begin() + i * kChannels));
      }
      std::ranges::fill(batch->output().as<float>(), -1.0F);
      batch->run();
    }
  }
}

TEST_CASE("a run that an exception ends leaves the session at its first slice") {
  const Model model = image_net();
  Result<Session> session = Session::create(model, {.threads = 1, .batch = 3});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  fill(session->input().as<float>(), 1.0F);
  session->run();
  const auto output = session->output().as<float>();
  const std::vector<float> expected(output.begin(), output.end());
  for (int last = 0; last < 3; ++last) {
    int seen = 0;
    CHECK_THROWS_AS(session->run([&](const std::string& name, const TensorView&) {
      if (name == "maxima" && seen++ == last) throw std::runtime_error("enough");
    }),
                    std::runtime_error);
    std::ranges::fill(output, -1.0F);
    session->run();
    CHECK(std::ranges::equal(output, expected));
  }
}

TEST_CASE("a net that mixes samples does not run in slices") {
  Result<Session> session = Session::create(mixing_net(), {.threads = 1, .batch = 4});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  std::ranges::fill(session->input().as<float>(), 1.0F);
  session->run();
  for (const float share : session->output().as<float>()) REQUIRE(share == 0.25F);
}

TEST_CASE("slices divide the batch and stay within a cache") {
  CHECK(slice_samples(8, kSliceBytes / 3) == 2);
  CHECK(slice_samples(9, kSliceBytes / 3) == 3);
  CHECK(slice_samples(7, kSliceBytes / 3) == 1);
  CHECK(slice_samples(8, 1) == 8);
  CHECK(slice_samples(8, 0) == 8);
  CHECK(slice_samples(8, 2 * kSliceBytes) == 1);
}

}  // namespace octet
