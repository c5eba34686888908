// The threads of one session, for kernels that split their work themselves.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace octet {

// Work is cut into pieces that whoever is awake takes, the caller first: a worker that the system keeps from running
// costs its help, not the time until it runs again. Between two calls workers look out for the next one for some 50 us,
// then sleep; an idle team takes no time.
class ThreadTeam {
 public:
  // Starts threads - 1 workers. Throws std::system_error and std::bad_alloc.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // piece(f, i) for each i in [0, count), at most one at a time in each thread; returns when all are done. Called by
  // one thread at a time, and not from a piece.
  using Piece = void (*)(const void* f, int64_t i);
  void run(int64_t count, Piece piece, const void* f);

  // The team that parallel_for uses in this thread; null outside of any scope.
  static ThreadTeam* current();
  // Whether this thread works on a piece: what it calls does not split its work again.
  static bool in_piece();
  // The number of this thread in the piece that it works on: 0 for the caller, less than the team's threads.
  static int index();

 private:
  friend class TeamScope;
  void take_pieces();
  void work(int index);
  void stop();
  void await_job(uint32_t last);

  Piece piece_ = nullptr;
  const void* f_ = nullptr;
  int64_t count_ = 0;
  // Each on a cache line of its own: workers look at the first all the time.
  alignas(64) std::atomic<uint32_t> job_{0};  // its number while workers may enter it, else 0
  alignas(64) std::atomic<int64_t> next_{0};  // the first piece that nobody has taken
  alignas(64) std::atomic<int> inside_{0};    // workers that may be in a piece
  alignas(64) std::atomic<int> asleep_{0};
  std::atomic<uint32_t> wake_ups_{0};
  std::atomic<bool> stops_{false};
  uint32_t jobs_ = 0;
  std::vector<std::thread> workers_;
};

// While it lives, parallel_for in this thread uses `team` (null: OpenMP).
class TeamScope {
 public:
  explicit TeamScope(ThreadTeam* team);
  ~TeamScope();
  TeamScope(const TeamScope&) = delete;
  TeamScope& operator=(const TeamScope&) = delete;

 private:
  ThreadTeam* before_;
};

}  // namespace octet
