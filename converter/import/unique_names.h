// Names that many things ask for at once.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace octet {

class UniqueNames {
 public:
  // `wanted`, or with the least suffix "_2", "_3", ... that was not given yet. Hostile files ask for one name thousands
  // of times: where the last search for it ended, the next goes on.
  std::string give(const std::string& wanted) {
    if (taken_.insert(wanted).second) return wanted;
    size_t& suffix = next_.try_emplace(wanted, 2).first->second;
    while (true) {
      std::string name = wanted + "_" + std::to_string(suffix++);
      if (taken_.insert(name).second) return name;
    }
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, size_t> next_;  // the least suffix that may be free
};

}  // namespace octet
