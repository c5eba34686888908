#include "runtime/threads.h"

#include <doctest/doctest.h>

#include "octet/session.hpp"
#include "tests/support/scratch_folder.h"

namespace octet {
namespace {

constexpr int kNoQuota = 65536;

}  // namespace

TEST_CASE("a quota is rounded up to whole CPUs") {
  const test::ScratchFolder root;
  root.write("cpu.max", "150000 100000\n");
  CHECK(cgroup_cpu_count("0::/\n", root.path()) == 2);
  root.write("cpu.max", "20000 100000\n");
  CHECK(cgroup_cpu_count("0::/\n", root.path()) == 1);
  root.write("cpu.max", "max 100000\n");
  CHECK(cgroup_cpu_count("0::/\n", root.path()) == kNoQuota);
}

TEST_CASE("the least quota of a group and of all around it counts") {
  const test::ScratchFolder root;
  root.write("a/cpu.max", "400000 100000\n");
  root.write("a/b/cpu.max", "max 100000\n");
  root.write("a/b/c/cpu.max", "600000 100000\n");
  CHECK(cgroup_cpu_count("0::/a/b/c\n", root.path()) == 4);
  CHECK(cgroup_cpu_count("0::/a/b\n", root.path()) == 4);
  CHECK(cgroup_cpu_count("0::/elsewhere\n", root.path()) == kNoQuota);
  root.write("a/b/cpu.max", "300000 100000\n");
  CHECK(cgroup_cpu_count("0::/a/b/c\n", root.path()) == 3);
}

TEST_CASE("version 1 groups have their quota in two files") {
  const test::ScratchFolder root;
  root.write("cpu/docker/x/cpu.cfs_quota_us", "250000\n");
  root.write("cpu/docker/x/cpu.cfs_period_us", "100000\n");
  root.write("cpu/cpu.cfs_quota_us", "-1\n");
  CHECK(cgroup_cpu_count("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n", root.path()) == 3);
  CHECK(cgroup_cpu_count("5:cpuset:/docker/x\n", root.path()) == kNoQuota);
}

TEST_CASE("what is no list of groups changes nothing") {
  const test::ScratchFolder root;
  for (const char* text : {"", "\n", "0", "0:", "0::", "0::a", "::/../..\n"}) {
    CHECK(cgroup_cpu_count(text, root.path()) == kNoQuota);
  }
  CHECK(default_threads() >= 1);
}

}  // namespace octet
