// What is done on several threads is done whatever number of them the system gives.
#include "converter/parallel.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OCTET_OWN_PTHREAD_CREATE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OCTET_OWN_PTHREAD_CREATE 0
#endif
#endif
#ifndef OCTET_OWN_PTHREAD_CREATE
#define OCTET_OWN_PTHREAD_CREATE 1
#endif

namespace {

constexpr int kUnlimited = std::numeric_limits<int>::max();
std::atomic<int> threads_left{kUnlimited};  // that pthread_create() still makes

}  // namespace

#if OCTET_OWN_PTHREAD_CREATE
extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread,
                                                                     const pthread_attr_t* attributes,
                                                                     void* (*start)(void*), void* argument) noexcept {
  if (threads_left != kUnlimited && threads_left-- <= 0) return EAGAIN;
  static const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}
#endif

namespace octet {
namespace {

TEST_CASE("each index is worked on once, with as many threads as the system gives") {
  if (!OCTET_OWN_PTHREAD_CREATE) {
    MESSAGE("skipped: the sanitizers have a pthread_create() of their own");
    return;
  }
  constexpr size_t kCount = 100;
  constexpr int kWorkers = 4;
  for (const int given : {0, 1, 3, kUnlimited}) {
    CAPTURE(given);
    std::vector<std::atomic<int>> calls(kCount);
    std::atomic<int> highest{0};
    size_t reported = 0;
    threads_left = given;
    const Status status = parallel_for(
        kCount, kWorkers, [&](size_t done, size_t) { reported = done; },
        [&](int worker, size_t index) -> Status {
          ++calls[index];
          if (worker > highest) highest = worker;
          return {};
        });
    const int left = threads_left;
    threads_left = kUnlimited;
    CHECK(status.ok());
    CHECK(reported == kCount);
    for (const auto& count : calls) CHECK(count == 1);
    CHECK(highest < std::clamp(given, 1, kWorkers));
    CHECK((given == kUnlimited || left < 0));  // a thread was refused
  }
}

TEST_CASE("without threads, too, the error of the lowest index ends the work") {
  if (!OCTET_OWN_PTHREAD_CREATE) {
    MESSAGE("skipped: the sanitizers have a pthread_create() of their own");
    return;
  }
  size_t calls = 0;
  threads_left = 0;
  const Status status = parallel_for(100, 4, {}, [&](int, size_t index) -> Status {
    ++calls;
    if (index == 7) return Error{ErrorCode::kInvalidFile, "sample 7"};
    return {};
  });
  threads_left = kUnlimited;
  REQUIRE(!status.ok());
  CHECK(status.error().message == "sample 7");
  CHECK(calls == 8);
}

}  // namespace
}  // namespace octet
