// Memory or threads that cannot be had, at every point of loading a model and making and running a session, give an
// Error: nothing crashes, nothing leaks. This program replaces the functions that allocate, for itself and all
// libraries that it loads, and lets them fail.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "octet/octet.hpp"
#include "runtime/packed_format.h"
#include "tests/support/packed_builder.h"
#include "tests/support/scratch_folder.h"

namespace {

enum class Failing { kNothing, kOne, kAllFromThere };

Failing failing = Failing::kNothing;
std::atomic<int64_t> calls_left = 0;  // until the one that fails
std::atomic<int64_t> failure_count = 0;
std::atomic<int64_t> live_count = 0;  // blocks that are not freed

bool fails() {
  if (failing == Failing::kNothing) return false;
  const int64_t left = --calls_left;
  if (left > 0 || (left < 0 && failing == Failing::kOne)) return false;
  ++failure_count;
  return true;
}

void* counted(void* memory) {
  if (memory != nullptr) ++live_count;
  return memory;
}

}  // namespace

// glibc's own, behind the names that are replaced. operator new calls malloc or aligned_alloc.
extern "C" {
void* __libc_malloc(size_t);            // NOLINT
void* __libc_calloc(size_t, size_t);    // NOLINT
void* __libc_realloc(void*, size_t);    // NOLINT
void* __libc_memalign(size_t, size_t);  // NOLINT
void __libc_free(void*);                // NOLINT

__attribute__((visibility("default"))) void* malloc(size_t bytes) {
  return fails() ? nullptr : counted(__libc_malloc(bytes));
}
__attribute__((visibility("default"))) void* calloc(size_t items, size_t bytes) {
  return fails() ? nullptr : counted(__libc_calloc(items, bytes));
}
__attribute__((visibility("default"))) void* realloc(void* memory, size_t bytes) {
  if (fails()) return nullptr;
  void* const moved = __libc_realloc(memory, bytes);
  return memory == nullptr ? counted(moved) : moved;
}
__attribute__((visibility("default"))) void* memalign(size_t alignment, size_t bytes) {
  return fails() ? nullptr : counted(__libc_memalign(alignment, bytes));
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails() ? nullptr : counted(__libc_memalign(alignment, bytes));
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = fails() ? nullptr : counted(__libc_memalign(alignment, bytes));
  return *memory == nullptr ? ENOMEM : 0;
}
__attribute__((visibility("default"))) void free(void* memory) {
  if (memory != nullptr) --live_count;
  __libc_free(memory);
}
__attribute__((visibility("default"))) void* mmap(void* address, size_t bytes, int protection, int flags, int file,
                                                  off_t offset) {
  if (fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  ++live_count;
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
__attribute__((visibility("default"))) int munmap(void* address, size_t bytes) {
  --live_count;
  return static_cast<int>(syscall(SYS_munmap, address, bytes));
}
__attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                          void* (*work)(void*), void* argument) {
  if (fails()) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, work, argument);
}
}

namespace octet {
namespace {

struct Outcome {
  bool ok = false;
  Error error{ErrorCode::kUsage, ""};
  std::vector<float> probabilities;
};

Outcome run_session(const Model& model, int threads) {
  Outcome outcome;
  Result<Session> session = Session::create(model, {.threads = threads, .batch = 3});
  if (!session.ok()) {
    outcome.error = session.error();
    return outcome;
  }
  failing = Failing::kNothing;  // from here on nothing fails: run() allocates nothing
  const std::span<float> image = session->input().as<float>();
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i % 17) - 8;
  session->run();
  const std::span<float> found = session->output().as<float>();
  outcome.probabilities.assign(found.begin(), found.end());
  outcome.ok = true;
  return outcome;
}

Outcome run_model(const Result<Model>& model, int threads) {
  Outcome outcome;
  if (model.ok()) return run_session(*model, threads);
  outcome.error = model.error();
  return outcome;
}

// Lets call 1, 2, 3 ... of `attempt` fail, until it makes no more calls. Returns how many.
template <class F>
int64_t fail_everywhere(Failing how, const F& attempt) {
  const Outcome expected = attempt();  // also fills what libraries keep for the life of the process
  REQUIRE_MESSAGE(expected.ok, expected.error.message);
  for (int64_t call = 1;; ++call) {
    const int64_t live = live_count;
    bool ok = false, same = false, is_resource = false, explained = false;
    failure_count = 0;
    calls_left = call;
    failing = how;
    {
      const Outcome outcome = attempt();
      failing = Failing::kNothing;
      ok = outcome.ok;
      same = outcome.probabilities == expected.probabilities;
      is_resource = outcome.error.code == ErrorCode::kResource;
      explained = !outcome.error.message.empty();
    }
    if (failure_count == 0) return call - 1;
    CAPTURE(call);
    // Where there is another way without that memory, the result is what it always is.
    CHECK((ok ? same : is_resource && explained));
    CHECK(live_count == live);
  }
}

}  // namespace

TEST_CASE("an allocation that fails is an error of load, from_memory and create, never a crash or a leak") {
  const test::ScratchFolder folder;
  const std::vector<std::byte> bytes = write_model(test::small_int8_net());
  const std::string path = folder.write("net.octet", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const Failing how : {Failing::kOne, Failing::kAllFromThere}) {
    for (const int threads : {1, 3}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(threads);
      const int64_t loaded = fail_everywhere(how, [&] { return run_model(Model::load(path), threads); });
      const int64_t copied = fail_everywhere(how, [&] { return run_model(Model::from_memory(bytes), threads); });
      MESSAGE(loaded << " and " << copied << " calls");
      CHECK(loaded > 100);
      CHECK(copied > 100);
    }
  }
}

TEST_CASE("a model outlives the sessions that it had no memory for") {
  const std::vector<std::byte> bytes = write_model(test::small_int8_net());
  const Result<Model> model = Model::from_memory(bytes);
  REQUIRE(model.ok());
  fail_everywhere(Failing::kOne, [&] { return run_session(*model, 2); });
  CHECK(model->packed_constants().bytes() == 0);
  CHECK(run_session(*model, 2).ok);
}

}  // namespace octet
