#include "converter/sample_trend.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace octet {
namespace {

constexpr double kAveraging = 0.01;
// Drift: the means of the halves differ by a tenth, and by more than five times the error of that difference.
constexpr double kDriftShare = 0.1;
constexpr double kDriftErrors = 5;
constexpr uint64_t kDriftSamples = 10;  // a half

uint64_t hash_of(std::span<const Tensor> inputs) {
  uint64_t hash = 0;
  for (const Tensor& tensor : inputs) hash = hash_of(tensor, hash);
  return hash;
}

bool is_constant(const Tensor& tensor) {
  if (tensor.type() != DataType::kF32) return false;
  const std::span<const float> values = tensor.as<float>();
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == values[0]; });
}

// Any other input may be one number throughout: states start as zeros, masks as ones. A single number is never more.
bool is_blank(std::span<const Tensor> inputs) {
  const bool has_many =
      std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) { return input.shape().element_count() > 1; });
  return has_many && std::all_of(inputs.begin(), inputs.end(), is_constant);
}

// How many errors of the difference the halves lie apart; 0 where that is less than a tenth.
double drift_of(const ValueTrend& trend) {
  const auto& [a, b] = trend.halves;
  if (a.count < kDriftSamples || b.count < kDriftSamples) return 0;
  const double difference = std::fabs(a.mean - b.mean);
  if (difference <= kDriftShare * std::max(a.mean, b.mean)) return 0;
  const auto error2 = [](const RunningMoments& m) {
    const auto n = static_cast<double>(m.count);
    return m.squares / (n - 1) / n;
  };
  const double error = std::sqrt(error2(a) + error2(b));
  return error > 0 ? difference / error : INFINITY;
}

std::string part_of(size_t part, size_t whole) {
  return std::to_string(part) + " of " + std::to_string(whole) + " samples";
}

}  // namespace

Extremes extremes_of(std::span<const float> values) {
  Extremes found;
  for (const float v : values) {
    const bool finite = std::fabs(v) <= 3.402823466e38F;
    found.min = finite && v < found.min ? v : found.min;
    found.max = finite && v > found.max ? v : found.max;
  }
  return found;
}

void RunningMoments::add(double x) {
  ++count;
  const double before = x - mean;
  mean += before / static_cast<double>(count);
  squares += before * (x - mean);
}

SampleSummary summarize_sample(size_t number, std::span<const Tensor> inputs, std::map<std::string, Extremes> values) {
  return {number, hash_of(inputs), is_blank(inputs), std::move(values)};
}

void TrendRecorder::add(SampleSummary sample) {
  const std::lock_guard lock(mutex_);
  repeated_ += seen_.insert(sample.hash).second ? 0 : 1;
  blank_ += sample.is_blank ? 1 : 0;
  waiting_.emplace(sample.number, std::move(sample.values));
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; first = waiting_.begin()) {
    count(first->second);
    waiting_.erase(first);
    ++next_;
  }
}

void TrendRecorder::count(const std::map<std::string, Extremes>& values) {
  const size_t half = next_ < sample_count_ / 2 ? 0 : 1;
  for (const auto& [name, extremes] : values) {
    if (extremes.empty()) continue;
    ValueTrend& trend = trends_[name];
    Extremes& average = trend.moving_average;
    if (average.empty()) average = extremes;
    const auto step = [](float from, float to) {
      return static_cast<float>(from + kAveraging * (static_cast<double>(to) - from));
    };
    average = {step(average.min, extremes.min), step(average.max, extremes.max)};
    trend.halves[half].add(std::max(std::fabs(extremes.min), std::fabs(extremes.max)));
  }
}

std::vector<std::string> TrendRecorder::warnings() const {
  std::vector<std::string> lines;
  if (repeated_ > 0) lines.push_back(part_of(repeated_, sample_count_) + " repeat another one");
  if (blank_ > 0) lines.push_back(part_of(blank_, sample_count_) + " are constant: the same number everywhere");
  size_t drifting = 0;
  double most = kDriftErrors;
  const TrendTable::value_type* worst = nullptr;
  for (const auto& entry : trends_) {
    const double drift = drift_of(entry.second);
    if (drift <= kDriftErrors) continue;
    ++drifting;
    if (worst != nullptr && drift <= most) continue;
    most = drift;
    worst = &entry;
  }
  if (worst != nullptr) {
    char text[160];
    std::snprintf(text, sizeof text, "' has a mean largest magnitude of %.4g, then %.4g; do they come sorted?",
                  worst->second.halves[0].mean, worst->second.halves[1].mean);
    lines.push_back(std::to_string(drifting) + " of " + std::to_string(trends_.size()) +
                    " values drift from the first half of the samples to the second: '" + worst->first + text);
  }
  return lines;
}

}  // namespace octet
