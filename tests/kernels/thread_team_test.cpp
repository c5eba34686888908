#include "kernels/thread_team.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <numeric>
#include <thread>
#include <vector>

#include "kernels/parallel.h"

namespace octet::test {
namespace {

template <class F>
void run(ThreadTeam& team, int64_t count, const F& piece) {
  team.run(
      count, [](const void* f, int64_t i) { (*static_cast<const F*>(f))(i); }, &piece);
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

TEST_CASE("a team does every piece once, for any number of pieces and threads") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadTeam team(threads);
    for (int round = 0; round < 2000; ++round) {
      const int64_t count = round % 11;
      std::vector<std::atomic<int>> done(static_cast<size_t>(count));
      std::atomic<int> bad_index = 0;
      run(team, count, [&](int64_t i) {
        ++done[static_cast<size_t>(i)];
        if (ThreadTeam::index() < 0 || ThreadTeam::index() >= threads || !ThreadTeam::in_piece()) ++bad_index;
      });
      REQUIRE(std::all_of(done.begin(), done.end(), [](const auto& times) { return times == 1; }));
      REQUIRE(bad_index == 0);
    }
  }
}

TEST_CASE("a team that slept works again, and what it wrote is visible") {
  ThreadTeam team(3);
  std::vector<int64_t> values(1000, 0);
  for (int round = 1; round <= 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    run(team, 10, [&](int64_t piece) {
      for (size_t i = 0; i < 100; ++i) values[static_cast<size_t>(piece) * 100 + i] += 1;
    });
    REQUIRE(std::accumulate(values.begin(), values.end(), int64_t{0}) == 1000 * round);
  }
}

TEST_CASE("parallel_for runs on the team of its scope, and serially within a piece") {
  ThreadTeam team(4);
  const TeamScope scope(&team);
  REQUIRE(ThreadTeam::current() == &team);
  std::vector<int> counts(1000, 0);
  parallel_for(4, 1000, 1, 1, [&](int64_t begin, int64_t end) {
    parallel_for(4, end - begin, 1, 1, [&](int64_t first, int64_t last) {
      CHECK(first == 0);  // one piece
      for (int64_t i = begin + first; i < begin + last; ++i) ++counts[static_cast<size_t>(i)];
    });
  });
  CHECK(std::all_of(counts.begin(), counts.end(), [](int count) { return count == 1; }));
  {
    const TeamScope none(nullptr);
    CHECK(ThreadTeam::current() == nullptr);
  }
  CHECK(ThreadTeam::current() == &team);
}

TEST_CASE("teams work side by side") {
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum = 0;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&sum] {
      ThreadTeam team(2);
      for (int round = 0; round < 500; ++round) run(team, 3, [&](int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 4 * 500 * 3);
}

TEST_CASE("an idle team takes no time") {
  ThreadTeam team(4);
  run(team, 4, [](int64_t) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // after a while they sleep
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(cpu_seconds() - before < 0.02);
}

}  // namespace octet::test
