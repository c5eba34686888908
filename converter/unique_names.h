// Names that many things ask for at once: none is searched for among all others.
#pragma once

#include <charconv>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace octet {

class UniqueNames {
 public:
  // `wanted`, or with the least suffix "_2", "_3", ... that nothing has. Hostile files ask for one name thousands of
  // times: where the last search for it ended, the next goes on.
  std::string free(std::string_view wanted) {
    std::string name(wanted);
    if (!taken_.contains(name)) return name;
    Suffixes& suffixes = suffixes_[name];
    const auto is_free = [&](size_t suffix) {
      name.resize(wanted.size());
      name += "_" + std::to_string(suffix);
      return !taken_.contains(name);
    };
    std::set<size_t>& dropped = suffixes.dropped;
    while (!dropped.empty() && !is_free(*dropped.begin())) dropped.erase(dropped.begin());
    if (!dropped.empty()) return name;
    while (!is_free(suffixes.next)) ++suffixes.next;
    return name;
  }
  // Something has the name from now on, whether or not others do.
  void take(const std::string& name) { ++taken_[name]; }
  // One of the things that have the name has it no more.
  void drop(const std::string& name) {
    const auto at = taken_.find(name);
    if (at == taken_.end() || --at->second > 0) return;
    taken_.erase(at);
    note_dropped(name);
  }
  // What is free, and taken with that.
  std::string give(std::string_view wanted) {
    std::string name = free(wanted);
    take(name);
    return name;
  }

  // Whether the same names are taken, each as often.
  bool operator==(const UniqueNames& other) const { return taken_ == other.taken_; }

 private:
  struct Suffixes {
    size_t next = 2;           // all below have been taken
    std::set<size_t> dropped;  // of these, those that were dropped; some are taken again
  };

  // Where `name` is another one with its suffix: the next search for that one may find it.
  void note_dropped(std::string_view name) {
    const size_t end = name.find_last_not_of("0123456789");
    if (end == std::string_view::npos || name[end] != '_' || name.substr(end + 1).starts_with('0')) return;
    size_t suffix = 0;
    if (std::from_chars(name.data() + end + 1, name.data() + name.size(), suffix).ec != std::errc()) return;
    const auto found = suffixes_.find(name.substr(0, end));
    if (found != suffixes_.end() && suffix >= 2 && suffix < found->second.next) found->second.dropped.insert(suffix);
  }

  std::map<std::string, size_t, std::less<>> taken_;  // how many things have the name
  std::map<std::string, Suffixes, std::less<>> suffixes_;
};

// The names of a list's items, which have a `name`. It stays behind where the list is copied or moved, and is made
// anew when it is asked for, as a whole or for the items that the list has got at its end. It must be told of any other
// change.
class NameIndex {
 public:
  NameIndex() = default;
  NameIndex(const NameIndex&) {}
  NameIndex(NameIndex&& other) noexcept { other.forget(); }
  NameIndex& operator=(const NameIndex&) noexcept {
    forget();
    return *this;
  }
  NameIndex& operator=(NameIndex&& other) noexcept {
    forget();
    other.forget();
    return *this;
  }
  ~NameIndex() = default;

  // UniqueNames::free among the items' names; "unnamed" is wanted where nothing is.
  template <class Items>
  std::string free(const Items& items, std::string_view wanted) {
    learn(items);
    return names_.free(wanted.empty() ? "unnamed" : wanted);
  }
  // From then on these items may trade their names.
  template <class Items>
  void learn(const Items& items) {
    if (items.size() < count_) forget();
    for (; count_ < items.size(); ++count_) names_.take(items[count_].name);
  }
  // An item is inserted before item i, or becomes the last.
  void insert(size_t i, const std::string& name) {
    if (i >= count_) return;
    names_.take(name);
    ++count_;
  }
  void erase(size_t i, const std::string& name) {
    if (i >= count_) return;
    names_.drop(name);
    --count_;
  }
  void rename(size_t i, const std::string& from, const std::string& to) {
    if (i >= count_) return;
    names_.drop(from);
    names_.take(to);
  }
  // Items before item `end` trade places.
  void reorder(size_t end) noexcept {
    if (end > count_) forget();
  }
  void forget() noexcept {
    names_ = {};
    count_ = 0;
  }
  // Whether it is as one made anew.
  template <class Items>
  bool is_right(const Items& items) const {
    UniqueNames made;
    for (size_t i = 0; i < count_ && i < items.size(); ++i) made.take(items[i].name);
    return count_ <= items.size() && made == names_;
  }

 private:
  UniqueNames names_;
  size_t count_ = 0;  // of the items that it knows
};

}  // namespace octet
