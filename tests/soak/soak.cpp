// Runs models for long, and fails if memory, handles or latency grow.
//   soak runs COUNT FILE            one session runs COUNT times
//   soak lives SECONDS FILE...      models are loaded, run and destroyed in turns, one after the other
// With --threads N in front, sessions have N threads; one, unless given. Every run has inputs of its own.
// Prints what it measured, tenth by tenth. Exit code 1: something grew.
#include <dirent.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "octet/octet.hpp"
#include "octet/zoo.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Sample {
  double resident_mb = 0;
  int handles = 0;
  double fastest_us = 0;
};

double resident_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

int entries(const char* folder_path) {
  int count = 0;
  if (DIR* folder = opendir(folder_path)) {
    while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
    closedir(folder);
  }
  return count;
}

// Threads and open files.
int handles() {
  return entries("/proc/self/task") + entries("/proc/self/fd");
}

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

int fail(const char* what, const std::string& why) {
  std::fprintf(stderr, "soak: %s: %s\n", what, why.c_str());
  return 1;
}

// The most that may be said to be noise: pages that malloc touches later, and what other work on the cores makes of the
// fastest of thousands of runs.
constexpr double kMemoryNoiseMb = 0.25, kLatencyNoise = 1.25;

// The first tenth warms up; from then on nothing may grow.
int judge(const std::vector<Sample>& tenths) {
  std::printf("tenth  resident MB  handles  fastest us\n");
  for (size_t i = 0; i < tenths.size(); ++i) {
    std::printf("%5zu  %11.2f  %7d  %10.1f\n", i + 1, tenths[i].resident_mb, tenths[i].handles, tenths[i].fastest_us);
  }
  const Sample& first = tenths[1];
  const Sample& last = tenths.back();
  const auto fastest = [&](size_t from) {
    return std::min({tenths[from].fastest_us, tenths[from + 1].fastest_us, tenths[from + 2].fastest_us});
  };
  if (last.resident_mb > first.resident_mb + kMemoryNoiseMb) return fail("memory", "grew after the first tenth");
  if (last.handles > first.handles) return fail("handles", "grew after the first tenth");
  if (fastest(7) > kLatencyNoise * fastest(1)) return fail("latency", "grew after the first tenth");
  return 0;
}

// A session whose every run reads other inputs.
struct Net {
  octet::Session session;
  size_t inputs;

  // Images and numbers vary, f32 ones between -4 and 4; indices stay 0.
  void draw(uint64_t& state) {
    const auto next = [&] { return (state = state * 6364136223846793005U + 1442695040888963407U) >> 40; };
    for (size_t i = 0; i < inputs; ++i) {
      const octet::TensorView input = session.input(i);
      if (input.type == octet::DataType::kF32) {
        for (float& value : input.as<float>()) value = static_cast<float>(next()) * 0x1p-21F - 4;
      } else if (input.type == octet::DataType::kU8) {
        for (uint8_t& value : input.as<uint8_t>()) value = static_cast<uint8_t>(next());
      } else {
        std::memset(input.data, 0, static_cast<size_t>(input.byte_count()));
      }
    }
  }
};

octet::Result<Net> open(const char* path, int threads) {
  const octet::Result<octet::Model> model = octet::Model::load(path);
  if (!model.ok()) return model.error();
  octet::Result<octet::Session> session = octet::Session::create(*model, {.threads = threads});
  if (!session.ok()) return session.error();
  return Net{std::move(*session), model->inputs().size()};
}

int soak_runs(int64_t count, int threads, const char* path) {
  octet::Result<Net> net = open(path, threads);
  if (!net.ok()) return fail(path, net.error().message);
  uint64_t state = 1;
  std::vector<Sample> tenths;
  for (int tenth = 0; tenth < 10; ++tenth) {
    double fastest = 1e30;
    for (int64_t i = 0; i < count / 10; ++i) {
      net->draw(state);
      const auto start = Clock::now();
      net->session.run();
      fastest = std::min(fastest, microseconds_since(start));
    }
    tenths.push_back({resident_mb(), handles(), fastest});
  }
  std::printf("%lld runs of %s\n", static_cast<long long>(count / 10 * 10), path);
  return judge(tenths);
}

int soak_lives(double seconds, int threads, const std::vector<const char*>& paths) {
  std::vector<Sample> tenths;
  int64_t lives = 0;
  uint64_t state = 1;
  const auto begin = Clock::now();
  for (int tenth = 1; tenth <= 10; ++tenth) {
    double fastest = 1e30;
    do {
      // All of them alive at once, then none: the fastest round counts.
      const auto start = Clock::now();
      std::vector<Net> nets;
      for (const char* path : paths) {
        octet::Result<Net> net = open(path, threads);
        if (!net.ok()) return fail(path, net.error().message);
        net->draw(state);
        net->session.run();
        nets.push_back(std::move(*net));
      }
      nets.clear();
      fastest = std::min(fastest, microseconds_since(start));
      lives += static_cast<int64_t>(paths.size());
    } while (microseconds_since(begin) < seconds * 1e5 * tenth);
    tenths.push_back({resident_mb(), handles(), fastest});
  }
  std::printf("%lld lives of %zu models\n", static_cast<long long>(lives), paths.size());
  return judge(tenths);
}

}  // namespace

int main(int argc, char** argv) {
  octet::use_zoo();
  int threads = 1;
  if (argc > 2 && std::string(argv[1]) == "--threads") {
    threads = std::atoi(argv[2]);
    argc -= 2, argv += 2;
  }
  const std::string what = argc > 3 ? argv[1] : "";
  const double amount = argc > 3 ? std::strtod(argv[2], nullptr) : 0;
  const std::vector<const char*> paths(argv + std::min(argc, 3), argv + argc);
  if (what == "runs" && amount >= 10 && argc == 4) return soak_runs(static_cast<int64_t>(amount), threads, paths[0]);
  if (what == "lives" && amount > 0) return soak_lives(amount, threads, paths);
  return std::fputs("usage: soak [--threads N] (runs COUNT FILE | lives SECONDS FILE...)\n", stderr), 2;
}
