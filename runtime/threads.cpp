#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "octet/session.hpp"

namespace octet {
namespace {

int affinity_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(CPU_COUNT(&set), 1) : 1;
}

// The first two numbers of a small file; missing ones stay as they are.
void read_numbers(const char* path, double& first, double& second) {
  if (std::FILE* file = std::fopen(path, "r")) {
    if (std::fscanf(file, "%lf %lf", &first, &second) < 1) first = -1;
    std::fclose(file);
  }
}

// CPUs that the cgroup's quota pays for, rounded up; a large number without a quota. Version 2 first, then version 1.
int cgroup_count() {
  double quota = -1;
  double period = 100000;
  read_numbers("/sys/fs/cgroup/cpu.max", quota, period);
  if (quota <= 0) {
    double unused = 0;
    read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, unused);
    read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, unused);
  }
  if (quota <= 0 || period <= 0) return 1 << 16;
  return std::max(static_cast<int>(std::ceil(quota / period)), 1);
}

int environment_count() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 1 << 16;
  const long count = std::strtol(text, nullptr, 10);
  return count >= 1 && count < (1 << 16) ? static_cast<int>(count) : 1 << 16;
}

}  // namespace

int default_threads() {
  return std::min({affinity_count(), cgroup_count(), environment_count()});
}

}  // namespace octet
