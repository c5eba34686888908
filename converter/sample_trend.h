// What the order of the samples tells: moving averages of the extremes, drift, samples that repeat or say nothing.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/tensor.h"

namespace octet {

// The least and the greatest of some numbers; min > max: there were none.
struct Extremes {
  float min = INFINITY;
  float max = -INFINITY;

  bool empty() const { return min > max; }
};

// NaN and infinities are ignored.
Extremes extremes_of(std::span<const float> values);

// Mean and variance of numbers that come one at a time (Welford 1962).
struct RunningMoments {
  uint64_t count = 0;
  double mean = 0;
  double squares = 0;  // sum (x - mean)^2

  void add(double x);
};

// A value's extremes per sample, in the order of the samples.
struct ValueTrend {
  // average += 0.01 * (sample's extreme - average), from the first sample's on.
  Extremes moving_average;
  // Of the largest magnitude per sample, over the first and the second half of the samples.
  std::array<RunningMoments, 2> halves;
};
using TrendTable = std::map<std::string, ValueTrend>;  // by value name

// What is remembered of one sample.
struct SampleSummary {
  size_t number = 0;                       // from 0 on, in the order of the samples
  uint64_t hash = 0;                       // of the inputs
  bool is_blank = false;                   // each input is one number throughout
  std::map<std::string, Extremes> values;  // by value name
};
SampleSummary summarize_sample(size_t number, std::span<const Tensor> inputs, std::map<std::string, Extremes> values);

// Samples arrive in any order and from several threads; they count in the order of their numbers. Memory holds what
// waits for an earlier sample, and 8 bytes a sample to recognize it.
class TrendRecorder {
 public:
  explicit TrendRecorder(size_t sample_count) : sample_count_(sample_count) {}

  // Each sample once.
  void add(SampleSummary sample);

  const TrendTable& trends() const { return trends_; }
  // What is doubtful about the samples, a line each: repeated ones, blank ones, and values whose size changes from the
  // first half to the second, which tells that the order of the samples matters.
  std::vector<std::string> warnings() const;

 private:
  void count(const std::map<std::string, Extremes>& values);

  size_t sample_count_;
  std::mutex mutex_;
  size_t next_ = 0;  // the first sample that has not been counted
  std::map<size_t, std::map<std::string, Extremes>> waiting_;
  TrendTable trends_;
  std::set<uint64_t> seen_;
  size_t repeated_ = 0, blank_ = 0;
};

}  // namespace octet
