// How many CPUs this process may use.
#pragma once

#include <string>

namespace octet {

// CPUs that the quotas of a process's control groups pay for, rounded up; a large number without a quota. A group's
// quota counts for all groups in it, so the least from the process's group up to the root is what it gets.
//
// groups  what /proc/self/cgroup says: "0::/a/b" (version 2), "3:cpu,cpuacct:/a/b" (version 1)
// root    where the groups are mounted: "/sys/fs/cgroup"
int cgroup_cpu_count(const std::string& groups, const std::string& root);

}  // namespace octet
