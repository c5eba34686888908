#include "converter/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <vector>

namespace octet {
namespace {

constexpr std::chrono::milliseconds kProgressInterval{100};

struct Shared {
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
  std::mutex mutex;
  std::condition_variable finished;
  int running = 0;
  std::optional<std::pair<size_t, Error>> failure;  // of the lowest index
};

Status call(const std::function<Status(int, size_t)>& work, int worker, size_t index) {
  try {
    return work(worker, index);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kResource, "out of memory"};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kResource, error.what()};
  }
}

void run_worker(Shared& shared, int worker, size_t count, const std::function<Status(int, size_t)>& work) {
  for (size_t index = shared.next++; index < count; index = shared.next++) {
    const Status status = call(work, worker, index);
    ++shared.done;
    if (status.ok()) continue;
    const std::lock_guard lock(shared.mutex);
    if (!shared.failure.has_value() || index < shared.failure->first) shared.failure = {index, status.error()};
    shared.next = count;
  }
  const std::lock_guard lock(shared.mutex);
  --shared.running;
  shared.finished.notify_all();
}

// As many of `workers` threads as can be had: where the system gives no more, those that run take every index.
std::vector<std::thread> start_threads(Shared& shared, int workers, size_t count,
                                       const std::function<Status(int, size_t)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(workers));
  shared.running = workers;
  try {
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([&shared, i, count, &work] { run_worker(shared, i, count, work); });
    }
  } catch (const std::exception&) {  // std::system_error: a limit on processes; std::bad_alloc
    const std::lock_guard lock(shared.mutex);
    shared.running -= workers - static_cast<int>(threads.size());
  }
  return threads;
}

}  // namespace

Status parallel_for(size_t count, int workers, const Progress& progress,
                    const std::function<Status(int worker, size_t index)>& work) {
  workers = static_cast<int>(std::clamp<size_t>(count, 1, static_cast<size_t>(std::max(workers, 1))));
  Shared shared;
  std::vector<std::thread> threads = start_threads(shared, workers, count, work);
  if (threads.empty()) {
    shared.running = 1;
    run_worker(shared, 0, count, work);
  }
  {
    std::unique_lock lock(shared.mutex);
    while (!shared.finished.wait_for(lock, kProgressInterval, [&] { return shared.running == 0; })) {
      lock.unlock();
      if (progress) progress(shared.done, count);
      lock.lock();
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (shared.failure.has_value()) return shared.failure->second;
  if (progress) progress(count, count);
  return {};
}

}  // namespace octet
