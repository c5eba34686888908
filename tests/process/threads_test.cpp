// How the threads of sessions behave: a process of its own, because threads and their CPU time are the process's.
#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "octet/octet.hpp"
#include "tests/support/packed_builder.h"

namespace octet {
namespace {

// Pools of threads in a process: Debian's oneDNN has GNU's OpenMP, beside which clang's code has its own.
#ifdef __clang__
constexpr int kPools = 2;
#else
constexpr int kPools = 1;
#endif

int thread_count() {
  int count = 0;
  DIR* folder = opendir("/proc/self/task");
  REQUIRE(folder != nullptr);
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// One convolution of 120,000 elements: worth a second thread.
Model model() {
  test::PackedBuilder b;
  const auto image = b.input("image", DataType::kF32, {1, 60, 60, 32});
  const auto quantized = b.u8_activation("quantized", {1, 60, 60, 32}, {0.02F, 128});
  b.node("quantize", QuantizeParams{}, {image}, {quantized});
  const auto y = b.u8_activation("y", {1, 60, 60, 32}, {0.02F, 0});
  b.node("conv", Conv2dParams{.pads = {1, 1, 1, 1}},
         {quantized, b.constant("w", DataType::kS8, {32, 3, 3, 32}, std::vector<int8_t>(32 * 9 * 32, 3), {0.01F})},
         {y});
  const auto output = b.activation("output", DataType::kF32, {1, 60, 60, 32});
  b.node("dequantize", DequantizeParams{}, {y}, {output});
  b.output(output);
  return Model::from_packed(std::make_shared<PackedModel>(b.take()));
}

}  // namespace

// Runs first: threads that OpenMP has started stay.
TEST_CASE("a session of one thread starts none") {
  const int before = thread_count();
  Result<Session> session = Session::create(model(), {.threads = 1});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  for (int i = 0; i < 3; ++i) session->run();
  CHECK(thread_count() == before);
}

TEST_CASE("idle sessions burn no CPU") {
  const int before = thread_count();
  Result<Session> session = Session::create(model(), {.threads = 2});
  REQUIRE(session.ok());
  for (int i = 0; i < 10; ++i) session->run();
  CHECK(thread_count() == before + kPools);
  // Threads that wait for work may spin for a moment, then they sleep.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const double start = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(cpu_seconds() - start < 0.025);
}

}  // namespace octet
