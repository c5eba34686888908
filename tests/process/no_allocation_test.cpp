// After its first run a session allocates nothing, whatever the number of threads. This program replaces the functions
// that allocate, for itself and all libraries that it loads.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

#include "octet/octet.hpp"
#include "tests/support/packed_builder.h"
#include "tests/support/skip.h"

namespace {

std::atomic<bool> is_counting = false;
std::atomic<int64_t> allocation_count = 0;

void count() {
  if (is_counting.load(std::memory_order_relaxed)) ++allocation_count;
}

}  // namespace

// glibc's own, behind the names that are replaced. operator new calls malloc or aligned_alloc.
extern "C" {
void* __libc_malloc(size_t);            // NOLINT
void* __libc_calloc(size_t, size_t);    // NOLINT
void* __libc_realloc(void*, size_t);    // NOLINT
void* __libc_memalign(size_t, size_t);  // NOLINT

__attribute__((visibility("default"))) void* malloc(size_t bytes) {
  return count(), __libc_malloc(bytes);
}
__attribute__((visibility("default"))) void* calloc(size_t items, size_t bytes) {
  return count(), __libc_calloc(items, bytes);
}
__attribute__((visibility("default"))) void* realloc(void* memory, size_t bytes) {
  return count(), __libc_realloc(memory, bytes);
}
__attribute__((visibility("default"))) void* memalign(size_t alignment, size_t bytes) {
  return count(), __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) {
  return count(), __libc_memalign(alignment, bytes);
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  count();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
__attribute__((visibility("default"))) void* mmap(void* address, size_t bytes, int protection, int flags, int file,
                                                  off_t offset) {
  count();
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
}

namespace octet {
namespace {

// Convolution, depthwise convolution, maximum pool, addition, join of channels, average pool, fully connected layer and
// softmax, large enough for several threads.
PackedModel every_kind() {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> weight(-127, 127);
  test::PackedBuilder b;
  const auto constant = [&](const std::string& name, const Shape& shape) {
    std::vector<int8_t> values(static_cast<size_t>(shape.element_count()));
    for (int8_t& v : values) v = static_cast<int8_t>(weight(random));
    return b.constant(name, DataType::kS8, shape, values, {0.001F});
  };
  const auto bias = [&](const std::string& name, int64_t size) {
    return b.constant(name, DataType::kS32, {size}, std::vector<int32_t>(static_cast<size_t>(size), 5));
  };
  const QuantParams quant{0.05F, 3};
  const auto image = b.input("image", DataType::kF32, {1, 3, 48, 48});
  const auto quantized = b.u8_activation("quantized", {1, 3, 48, 48}, {0.02F, 128});
  b.node("quantize", QuantizeParams{}, {image}, {quantized});
  const auto nhwc = b.u8_activation("nhwc", {1, 48, 48, 3}, {0.02F, 128});
  b.node("transpose", TransposeParams{{0, 2, 3, 1}}, {quantized}, {nhwc});
  const Conv2dParams conv{.pads = {1, 1, 1, 1}};
  const auto a = b.u8_activation("a", {1, 48, 48, 32}, quant);
  b.node("conv", conv, {nhwc, constant("conv.w", {32, 3, 3, 3}), bias("conv.b", 32)}, {a});
  const auto d = b.u8_activation("d", {1, 48, 48, 32}, quant);
  b.node("depthwise", Conv2dParams{.pads = {1, 1, 1, 1}, .groups = 32},
         {a, constant("depthwise.w", {32, 3, 3, 1}), bias("depthwise.b", 32)}, {d});
  const auto sum = b.u8_activation("sum", {1, 48, 48, 32}, {0.07F, 9});
  b.node("add", BinaryParams{.kind = BinaryKind::kAdd}, {a, d}, {sum});
  const auto both = b.u8_activation("both", {1, 48, 48, 64}, quant);
  b.node("concat", ConcatParams{.axis = 3}, {sum, d}, {both});
  const auto smaller = b.u8_activation("smaller", {1, 24, 24, 64}, quant);
  b.node("max", Pool2dParams{.kind = PoolKind::kMax, .kernel = {2, 2}, .strides = {2, 2}}, {both}, {smaller});
  const auto pooled = b.u8_activation("pooled", {1, 1, 1, 64}, quant);
  b.node("average", Pool2dParams{.kind = PoolKind::kAverage, .global = true}, {smaller}, {pooled});
  const auto flat = b.u8_activation("flat", {1, 64}, quant);
  b.node("flatten", ReshapeParams{{0, -1}}, {pooled}, {flat});
  const auto logits = b.activation("logits", DataType::kF32, {1, 10});
  b.node("dense", FullyConnectedParams{}, {flat, constant("fc.w", {10, 64}), bias("fc.b", 10)}, {logits});
  const auto probabilities = b.activation("probabilities", DataType::kF32, {1, 10});
  b.node("softmax", SoftmaxParams{.axis = 1}, {logits}, {probabilities});
  b.output(probabilities);
  return b.take();
}

template <class F>
int64_t allocations_of(const F& f) {
  allocation_count = 0;
  is_counting = true;
  f();
  is_counting = false;
  return allocation_count;
}

}  // namespace

TEST_CASE("allocations are counted") {
  CHECK(allocations_of([] { std::free(std::malloc(10)); }) == 1);
  CHECK(allocations_of([] { std::vector<int>(100).clear(); }) == 1);
  CHECK(allocations_of([] { std::free(std::aligned_alloc(64, 128)); }) == 1);
}

TEST_CASE("a first run without a box leaves room for all boxes of the next") {
  constexpr int64_t kBoxes = 1000;
  test::PackedBuilder b;
  const auto boxes = b.input("boxes", DataType::kF32, {1, kBoxes, 4});
  const auto scores = b.input("scores", DataType::kF32, {1, 1, kBoxes});
  const NonMaxSuppressionParams params{.max_boxes = kBoxes, .iou_threshold = 0.5F, .score_threshold = 0.5F};
  const auto chosen = b.activation("chosen", DataType::kS64, {kBoxes, 3});
  b.node("nms", params, {boxes, scores}, {chosen});
  b.output(chosen);
  const Model model = Model::from_packed(std::make_shared<PackedModel>(b.take()));
  Result<Session> session = Session::create(model, {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  session->run();
  CHECK(session->output().as<int64_t>()[2] == -1);
  for (int64_t i = 0; i < kBoxes; ++i) {
    const auto at = static_cast<float>(2 * i);
    std::ranges::copy(std::array{at, at, at + 1, at + 1}, session->input(0).as<float>().begin() + 4 * i);
    session->input(1).as<float>()[static_cast<size_t>(i)] = 1;
  }
  CHECK(allocations_of([&] { session->run(); }) == 0);
  CHECK(session->output().as<int64_t>()[3 * kBoxes - 1] == kBoxes - 1);
}

TEST_CASE("10,000 runs allocate nothing") {
  PackedModel packed = every_kind();
  const Status checked = check_model(packed);
  REQUIRE_MESSAGE(checked.ok(), checked.error().message);
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    Result<Session> session = Session::create(model, {.threads = threads});
    REQUIRE_MESSAGE(session.ok(), session.error().message);
    // oneDNN allocates in each call of its own: a table of the arguments. Where a CPU has VNNI, no step needs it.
    const std::vector<StepInfo> steps = session->steps();
    const auto on_onednn = std::ranges::find(steps, "onednn", &StepInfo::kernel);
    if (on_onednn != steps.end()) {
      CHECK(std::string_view(cpu_isa()).find("avx512_v") == std::string_view::npos);
      return test::skip("on this CPU oneDNN runs " + on_onednn->name);
    }
    std::vector<double> step_us(session->steps().size(), 0);
    session->run();
    const int runs = threads <= 2 ? 10000 : 100;  // three share two CPUs on small machines: slow
    CHECK(allocations_of([&] {
            for (int i = 0; i < runs; ++i) session->run();
          }) == 0);
    CHECK(allocations_of([&] {
            for (int i = 0; i < 100; ++i) session->run(std::span<double>(step_us));
          }) == 0);
  }
}

}  // namespace octet
