// Memory or threads that cannot be had, at every point of loading a model and making and running a session, give an
// Error: nothing crashes, nothing leaks. This program replaces the functions that allocate, for itself and all
// libraries that it loads, and lets them fail.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "octet/octet.hpp"
#include "runtime/packed_format.h"
#include "tests/support/old_files.h"
#include "tests/support/packed_builder.h"
#include "tests/support/random_packed_net.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/skip.h"

namespace {

enum class Failing { kNothing, kOne, kAllFromThere };
enum class Callers { kAll, kOctet };  // whose calls fail: octet is linked into this program, other libraries are not

Failing failing = Failing::kNothing;
Callers failing_callers = Callers::kAll;
std::atomic<int64_t> calls_left = 0;  // until the one that fails
std::atomic<int64_t> failure_count = 0;
std::atomic<int64_t> live_count = 0;  // blocks that are not freed

bool is_in_this_program(const void* code) {
  Dl_info of_code{}, of_this{};
  return dladdr(code, &of_code) != 0 && dladdr(reinterpret_cast<const void*>(&is_in_this_program), &of_this) != 0 &&
         of_code.dli_fbase == of_this.dli_fbase;
}

bool fails(const void* caller) {
  if (failing == Failing::kNothing) return false;
  if (failing_callers == Callers::kOctet && !is_in_this_program(caller)) return false;
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

// Where a function that replaces another one is called from.
#define CALLER __builtin_return_address(0)

// glibc's own, behind the names that are replaced.
extern "C" {
void* __libc_malloc(size_t);            // NOLINT
void* __libc_calloc(size_t, size_t);    // NOLINT
void* __libc_realloc(void*, size_t);    // NOLINT
void* __libc_memalign(size_t, size_t);  // NOLINT
void __libc_free(void*);                // NOLINT

__attribute__((visibility("default"))) void* malloc(size_t bytes) {
  return fails(CALLER) ? nullptr : counted(__libc_malloc(bytes));
}
__attribute__((visibility("default"))) void* calloc(size_t items, size_t bytes) {
  return fails(CALLER) ? nullptr : counted(__libc_calloc(items, bytes));
}
__attribute__((visibility("default"))) void* realloc(void* memory, size_t bytes) {
  if (fails(CALLER)) return nullptr;
  void* const moved = __libc_realloc(memory, bytes);
  return memory == nullptr ? counted(moved) : moved;
}
__attribute__((visibility("default"))) void* memalign(size_t alignment, size_t bytes) {
  return fails(CALLER) ? nullptr : counted(__libc_memalign(alignment, bytes));
}
__attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails(CALLER) ? nullptr : counted(__libc_memalign(alignment, bytes));
}
__attribute__((visibility("default"))) int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = fails(CALLER) ? nullptr : counted(__libc_memalign(alignment, bytes));
  return *memory == nullptr ? ENOMEM : 0;
}
__attribute__((visibility("default"))) void free(void* memory) {
  if (memory != nullptr) --live_count;
  __libc_free(memory);
}
__attribute__((visibility("default"))) void* mmap(void* address, size_t bytes, int protection, int flags, int file,
                                                  off_t offset) {
  if (fails(CALLER)) {
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
  if (fails(CALLER)) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, work, argument);
}
}

// The library's own would be who calls malloc.
void* operator new(size_t bytes) {
  void* const memory = fails(CALLER) ? nullptr : counted(__libc_malloc(bytes));
  return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new[](size_t bytes) {
  void* const memory = fails(CALLER) ? nullptr : counted(__libc_malloc(bytes));
  return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  void* const memory = fails(CALLER) ? nullptr : counted(__libc_memalign(static_cast<size_t>(alignment), bytes));
  return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  void* const memory = fails(CALLER) ? nullptr : counted(__libc_memalign(static_cast<size_t>(alignment), bytes));
  return memory != nullptr ? memory : throw std::bad_alloc();
}

namespace octet {
namespace {

struct Outcome {
  bool ok = false;
  Error error{ErrorCode::kUsage, ""};
  std::string bytes;  // of all outputs
};

// Of any type: floats between -8 and 8, or small integers.
void fill(const TensorView& input) {
  for (int64_t i = 0; i < input.byte_count(); ++i) static_cast<char*>(input.data)[i] = static_cast<char>(i % 17);
  if (input.type != DataType::kF32) return;
  const std::span<float> values = input.as<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) - 8;
}

Outcome run_session(const Model& model, int threads) {
  Outcome outcome;
  Result<Session> session = Session::create(model, {.threads = threads, .batch = 3});
  if (!session.ok()) {
    outcome.error = session.error();
    return outcome;
  }
  const Failing how = std::exchange(failing, Failing::kNothing);  // what this test allocates itself may not fail
  for (size_t i = 0; i < model.inputs().size(); ++i) fill(session->input(i));
  if (failing_callers == Callers::kAll) failing = how;
  session->run();
  failing = Failing::kNothing;
  for (size_t i = 0; i < model.outputs().size(); ++i) {
    const TensorView output = session->output(i);
    outcome.bytes.append(static_cast<const char*>(output.data), static_cast<size_t>(output.byte_count()));
  }
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
      same = outcome.bytes == expected.bytes;
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

struct Network {
  std::string name;
  std::vector<std::byte> bytes;
};

// Boxes of which some are chosen: an operation of the zoo that keeps memory of its own from its first run on.
PackedModel boxes_net() {
  constexpr int64_t kBoxes = 20, n = Shape::kDynamic;
  test::PackedBuilder b;
  const int32_t boxes = b.input("boxes", DataType::kF32, {n, kBoxes, 4});
  const int32_t scores = b.input("scores", DataType::kF32, {n, 1, kBoxes});
  const int32_t chosen = b.activation("chosen", DataType::kS64, {n, 3});
  b.node("nms", NonMaxSuppressionParams{.max_boxes = kBoxes, .iou_threshold = 0.5F}, {boxes, scores}, {chosen});
  b.output(chosen);
  return b.take();
}

// Integers with a residual, integers at random, boxes, and one file of each kind that the format has: weights of 4
// bits, bf16, f32, layers that quantize rows, recurrent ones.
std::vector<Network> networks() {
  std::vector<Network> all{{"small_int8_net", write_model(test::small_int8_net())},
                           {"random_packed_net", write_model(test::random_packed_net(1))},
                           {"boxes", write_model(boxes_net())}};
  for (test::OldFile& file : test::old_files()) {
    all.push_back({file.path.filename().string(), std::move(file.bytes)});
  }
  return all;
}

// The step that oneDNN runs, if any, itself or behind bf16 that is widened: it does not look at all that it allocates
// (runtime/README.md, Faults).
std::string step_on_onednn(const std::vector<std::byte>& bytes) {
  const Result<Model> model = Model::from_memory(bytes);
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  const Result<Session> session = Session::create(*model, {.threads = 1, .batch = 3});
  REQUIRE_MESSAGE(session.ok(), session.error().message);
  const std::vector<StepInfo> steps = session->steps();
  const auto found = std::ranges::find_if(
      steps, [](const StepInfo& step) { return step.kernel == "onednn" || step.kernel == "widened"; });
  return found == steps.end() ? "" : found->name;
}

// Loads a network from its file and from memory, makes sessions of both and runs them, while each call of `callers`
// fails once, alone and with all after it. Returns how many calls failed.
int64_t fail_everywhere(const std::string& path, const Network& network, Callers callers) {
  failing_callers = callers;
  int64_t faults = 0;
  for (const Failing how : {Failing::kOne, Failing::kAllFromThere}) {
    for (const int threads : {1, 3}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(threads);
      const int64_t loaded = fail_everywhere(how, [&] { return run_model(Model::load(path), threads); });
      const int64_t copied =
          fail_everywhere(how, [&] { return run_model(Model::from_memory(network.bytes), threads); });
      const std::string whose = callers == Callers::kOctet ? " of octet, beside oneDNN's" : "";
      MESSAGE(network.name << ": " << loaded << " and " << copied << " calls" << whose);
      faults += loaded + copied;
      CHECK(loaded > 50);
      CHECK(copied > 50);
    }
  }
  failing_callers = Callers::kAll;
  return faults;
}

}  // namespace

// Where oneDNN runs a step, sessions are made with what it calls itself at hand, and `run` is for the next test.
TEST_CASE("an allocation that fails is an error of load or create, never a crash or a leak, and run needs none") {
  const test::ScratchFolder folder;
  int tested = 0;
  int64_t faults = 0;
  for (const Network& network : networks()) {
    CAPTURE(network.name);
    const std::vector<std::byte>& bytes = network.bytes;
    const std::string step = step_on_onednn(bytes);
    const std::string path = folder.write("net.octet", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    faults += fail_everywhere(path, network, step.empty() ? Callers::kAll : Callers::kOctet);
    if (step.empty()) ++tested;
  }
  MESSAGE(faults << " calls failed");
  CHECK(tested > 4);
}

// Later allocations of oneDNN may be those of its own loops, where an exception ends the process.
TEST_CASE("where oneDNN has no memory for a step's arguments the run ends with an exception, and the next is right") {
  int tested = 0;
  for (const Network& network : networks()) {
    if (step_on_onednn(network.bytes).empty()) continue;
    CAPTURE(network.name);
    ++tested;
    const Result<Model> model = Model::from_memory(network.bytes);
    REQUIRE(model.ok());
    for (const int threads : {1, 3}) {
      Result<Session> session = Session::create(*model, {.threads = threads, .batch = 3});
      REQUIRE(session.ok());
      fill(session->input());
      session->run();
      const TensorView output = session->output();
      const auto* values = static_cast<const std::byte*>(output.data);
      const std::vector<std::byte> expected(values, values + output.byte_count());
      for (const Failing how : {Failing::kOne, Failing::kAllFromThere}) {
        bool thrown = false;
        failure_count = 0;
        calls_left = 1;
        failing = how;
        try {
          session->run();
        } catch (const std::bad_alloc&) {
          thrown = true;
        }
        failing = Failing::kNothing;
        CHECK(failure_count > 0);
        CHECK(thrown);
        session->run();
        CHECK(std::memcmp(values, expected.data(), expected.size()) == 0);
      }
    }
  }
  if (tested == 0) test::skip("oneDNN runs no step of these networks");
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
