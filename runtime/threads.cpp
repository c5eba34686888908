#include "runtime/threads.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>

#include "octet/session.hpp"

namespace octet {
namespace {

int affinity_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(CPU_COUNT(&set), 1) : 1;
}

// The first two numbers of a small file; missing ones ("max") stay as they are.
void read_numbers(const std::string& path, double& first, double& second) {
  if (std::FILE* file = std::fopen(path.c_str(), "r")) {
    if (std::fscanf(file, "%lf %lf", &first, &second) < 1) first = -1;
    std::fclose(file);
  }
}

// CPUs that one group's quota pays for, or infinity.
double quota_of(const std::string& folder) {
  double quota = -1;
  double period = 100000;
  read_numbers(folder + "/cpu.max", quota, period);
  if (quota <= 0) {
    double unused = 0;
    read_numbers(folder + "/cpu.cfs_quota_us", quota, unused);
    read_numbers(folder + "/cpu.cfs_period_us", period, unused);
  }
  return quota > 0 && period > 0 ? quota / period : std::numeric_limits<double>::infinity();
}

// The least quota of the group `path` ("/a/b") of the hierarchy mounted at `mount` and of all groups around it.
double least_quota(const std::string& mount, std::string path) {
  double least = quota_of(mount);
  while (path.size() > 1) {
    least = std::min(least, quota_of(mount + path));
    path.resize(path.rfind('/'));
  }
  return least;
}

std::string read_text(const char* path) {
  std::string text;
  if (std::FILE* file = std::fopen(path, "r")) {
    std::array<char, 4096> piece;
    for (size_t count; (count = std::fread(piece.data(), 1, piece.size(), file)) > 0;) text.append(piece.data(), count);
    std::fclose(file);
  }
  return text;
}

int environment_count() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 1 << 16;
  const long count = std::strtol(text, nullptr, 10);
  return count >= 1 && count < (1 << 16) ? static_cast<int>(count) : 1 << 16;
}

}  // namespace

int cgroup_cpu_count(const std::string& groups, const std::string& root) {
  // Where /proc says nothing, the mounts' own roots still count.
  double least = std::min(quota_of(root), quota_of(root + "/cpu"));
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") least = std::min(least, least_quota(root, path));
    if (controllers.find(",cpu,") != std::string::npos) least = std::min(least, least_quota(root + "/cpu", path));
  }
  return static_cast<int>(std::clamp(std::ceil(least), 1.0, 65536.0));
}

int default_threads() {
  const int quota = cgroup_cpu_count(read_text("/proc/self/cgroup"), "/sys/fs/cgroup");
  return std::min({affinity_count(), quota, environment_count()});
}

}  // namespace octet
