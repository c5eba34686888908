#include "kernels/thread_team.h"

#include <sched.h>

#include <algorithm>

namespace octet {
namespace {

// Rounds of waiting before a thread lets others run, or sleeps: some 50 us.
constexpr int kSpins = 2000;

thread_local ThreadTeam* current_team = nullptr;
thread_local int current_index = 0;
thread_local bool works_on_piece = false;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadTeam* ThreadTeam::current() {
  return current_team;
}
bool ThreadTeam::in_piece() {
  return works_on_piece;
}
int ThreadTeam::index() {
  return current_index;
}

ThreadTeam::ThreadTeam(int threads) {
  workers_.reserve(static_cast<size_t>(std::max(threads - 1, 0)));
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {
    stop();  // those that did start
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop();
}

void ThreadTeam::stop() {
  stops_ = true;
  ++wake_ups_;
  wake_ups_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// A job is open while job_ holds its number. A worker that wants in raises inside_ first and then looks at job_ again;
// the caller closes the job first and then waits for inside_ to fall to 0. Both are sequentially consistent, so either
// the worker sees that the job is closed, or the caller sees the worker. Hence nobody is inside while a job is set up.
void ThreadTeam::run(int64_t count, Piece piece, const void* f) {
  piece_ = piece;
  f_ = f;
  count_ = count;
  next_ = 0;
  jobs_ = jobs_ + 1 == 0 ? 1 : jobs_ + 1;
  job_ = jobs_;
  if (asleep_ > 0) {
    ++wake_ups_;
    wake_ups_.notify_all();
  }
  works_on_piece = true;
  take_pieces();
  works_on_piece = false;
  job_ = 0;
  for (int spins = 0; inside_ != 0; ++spins) {
    if (spins < kSpins) {
      pause_cpu();
    } else {
      sched_yield();
    }
  }
}

void ThreadTeam::take_pieces() {
  for (int64_t i = next_++; i < count_; i = next_++) piece_(f_, i);
}

void ThreadTeam::await_job(uint32_t last) {
  for (int spins = 0; spins < kSpins; ++spins) {
    const uint32_t job = job_.load(std::memory_order_acquire);
    if ((job != 0 && job != last) || stops_) return;
    pause_cpu();
  }
  // The caller opens a job and then looks for sleepers: whoever counts as one before looking for a job is not missed.
  const uint32_t wake_ups = wake_ups_;
  ++asleep_;
  const uint32_t job = job_;
  if ((job == 0 || job == last) && !stops_) wake_ups_.wait(wake_ups);
  --asleep_;
}

void ThreadTeam::work(int index) {
  current_index = index;
  works_on_piece = true;
  uint32_t last = 0;
  while (!stops_) {
    await_job(last);
    const uint32_t job = job_;
    if (job == 0 || job == last) continue;
    ++inside_;
    if (job_ == job) {
      take_pieces();
      last = job;
    }
    --inside_;
  }
}

TeamScope::TeamScope(ThreadTeam* team) : before_(current_team) {
  current_team = team;
}
TeamScope::~TeamScope() {
  current_team = before_;
}

}  // namespace octet
