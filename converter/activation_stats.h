// What is remembered of a value that flows through the network: exact, mergeable, of bounded size.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace octet {

// Count, extremes and a histogram of all values that were observed. The histogram has kBins bins a side, of width
// 2^exponent, and doubles that width whenever a value does not fit; bin edges are multiples of the width, so the result
// depends on the values alone: not on their order, on chunks, or on how many threads observed shares of them.
class ActivationStats {
 public:
  static constexpr int kBins = 4096;  // a side

  // NaN and infinities are counted apart and otherwise ignored.
  void observe(std::span<const float> values);
  // Afterwards *this has seen all that `other` has seen too.
  void merge(const ActivationStats& other);

  uint64_t count() const { return count_; }            // finite values
  uint64_t zero_count() const { return zero_count_; }  // of these, exact zeros (what a ReLU leaves); also in bin 0
  uint64_t nonfinite_count() const { return nonfinite_count_; }
  float min() const { return min_; }  // 0 when nothing was observed
  float max() const { return max_; }
  int exponent() const { return exponent_; }
  // bins[i] counts values v with i <= |v| / 2^exponent < i + 1. Zero is positive.
  std::span<const uint64_t> positive() const { return positive_; }
  std::span<const uint64_t> negative() const { return negative_; }

  friend bool operator==(const ActivationStats&, const ActivationStats&) = default;

 private:
  void fit(float magnitude);

  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  uint64_t nonfinite_count_ = 0;
  float min_ = 0;
  float max_ = 0;
  int exponent_ = -149;  // of the smallest f32
  std::vector<uint64_t> positive_, negative_;
  friend class ActivationStatsIo;
};

// By value name.
using StatsTable = std::map<std::string, ActivationStats>;

// A chosen range: min <= 0 <= max, finite.
struct Range {
  float min = 0;
  float max = 0;

  friend bool operator==(const Range&, const Range&) = default;
};

// By value name.
using Ranges = std::map<std::string, Range>;

}  // namespace octet
