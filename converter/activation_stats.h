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
// At most 64 KiB, whatever is observed. Not thread-safe: one object per thread, merged at the end.
class ActivationStats {
 public:
  static constexpr int kBins = 4096;         // a side
  static constexpr int kMinExponent = -149;  // of the smallest f32
  static constexpr uint64_t kMaxCount = uint64_t{1} << 62;

  // NaN and infinities are counted apart and otherwise ignored. -0 is 0.
  void observe(std::span<const float> values);
  // Afterwards *this has seen all that `other` has seen too. `other` may be *this.
  void merge(const ActivationStats& other);
  // What observing the magnitudes |v| would have given, up to which side of a bin its edges belong to.
  ActivationStats folded() const;

  uint64_t count() const { return count_; }            // finite values
  uint64_t zero_count() const { return zero_count_; }  // of these, exact zeros (what a ReLU leaves); also in bin 0
  uint64_t nonfinite_count() const { return nonfinite_count_; }
  float min() const { return min_; }  // 0 when nothing was observed
  float max() const { return max_; }
  bool is_constant() const { return count_ > 0 && min_ == max_; }

  // The smallest one >= kMinExponent with |v| < kBins * 2^exponent for all v: more than kBins / 2 bins are in use on
  // the side of the largest magnitude (unless that is below kBins * 2^kMinExponent).
  int exponent() const { return exponent_; }
  double bin_width() const;
  // The histogram from the lowest value to the highest: bins()[kBins + i] counts the values with i <= v / width < i +
  // 1, bins()[kBins - 1 - i] the negative ones with i <= -v / width < i + 1. 2 * kBins long; empty when count() == 0.
  std::span<const uint64_t> bins() const { return bins_; }

  friend bool operator==(const ActivationStats&, const ActivationStats&) = default;

 private:
  void observe_chunk(std::span<const float> values);
  void widen_to(int exponent);

  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  uint64_t nonfinite_count_ = 0;
  float min_ = 0;
  float max_ = 0;
  int exponent_ = kMinExponent;
  std::vector<uint64_t> bins_;
  friend class ActivationStatsIo;
};

// The exponent that a histogram needs for values of at most this magnitude (finite, >= 0).
int histogram_exponent(float magnitude);

// By value name.
using StatsTable = std::map<std::string, ActivationStats>;

// Adds what `other` has seen, name by name.
void merge_stats(StatsTable& table, const StatsTable& other);

// A chosen range: min <= 0 <= max, finite.
struct Range {
  float min = 0;
  float max = 0;

  friend bool operator==(const Range&, const Range&) = default;
};

// By value name.
using Ranges = std::map<std::string, Range>;

}  // namespace octet
