#include "converter/activation_stats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

namespace octet {
namespace {

constexpr size_t kChunk = 1024;  // values and their bins stay in the first-level cache
constexpr int kBins = ActivationStats::kBins;
constexpr int32_t kMagnitude = 0x7fffffff;
constexpr int32_t kInfinity = 0x7f800000;

// The bits of a float as an integer that orders as floats do (-0 becomes 0 first), and back.
int32_t ordered(int32_t bits) {
  return bits ^ ((bits >> 31) & kMagnitude);
}
float from_ordered(int32_t key) {
  return std::bit_cast<float>(ordered(key));
}

struct Summary {
  int32_t min_key = INT32_MAX;
  int32_t max_key = INT32_MIN;
  int32_t zeros = 0;
  int32_t nonfinite = 0;
};

// Integer reductions, which compilers vectorize where those of floats are not allowed to be reordered.
Summary summarize(std::span<const float> values) {
  Summary s;
  for (const float v : values) {
    const auto bits = std::bit_cast<int32_t>(v + 0.0F);  // -0 + 0 is +0
    const int32_t magnitude = bits & kMagnitude;
    const int32_t key = ordered(bits);
    s.min_key = std::min(s.min_key, key);
    s.max_key = std::max(s.max_key, key);
    s.zeros += magnitude == 0 ? 1 : 0;
    s.nonfinite += magnitude >= kInfinity ? 1 : 0;
  }
  return s;
}

}  // namespace

int histogram_exponent(float magnitude) {
  if (magnitude == 0) return ActivationStats::kMinExponent;
  constexpr int kBinsLog2 = std::countr_zero(static_cast<unsigned>(kBins));
  return std::max(ActivationStats::kMinExponent, std::ilogb(magnitude) + 1 - kBinsLog2);
}

double ActivationStats::bin_width() const {
  return std::ldexp(1.0, exponent_);
}

void ActivationStats::observe(std::span<const float> values) {
  while (!values.empty()) {
    const size_t n = std::min(values.size(), kChunk);
    observe_chunk(values.first(n));
    values = values.subspan(n);
  }
}

void ActivationStats::observe_chunk(std::span<const float> values) {
  const Summary s = summarize(values);
  if (s.nonfinite > 0) {
    std::array<float, kChunk> finite;
    const auto end =
        std::copy_if(values.begin(), values.end(), finite.begin(), [](float v) { return std::isfinite(v); });
    nonfinite_count_ += static_cast<uint64_t>(s.nonfinite);
    if (end != finite.begin()) observe_chunk({finite.begin(), end});
    return;
  }
  const float low = from_ordered(s.min_key);
  const float high = from_ordered(s.max_key);
  min_ = count_ == 0 ? low : std::min(min_, low);
  max_ = count_ == 0 ? high : std::max(max_, high);
  count_ += values.size();
  zero_count_ += static_cast<uint64_t>(s.zeros);
  if (bins_.empty()) bins_.resize(size_t{2} * kBins);
  widen_to(histogram_exponent(std::max(std::fabs(low), std::fabs(high))));

  // 2^-exponent in two factors, each of which is a float. Powers of two scale exactly; what underflows belongs into
  // bin 0 or -1 anyway, by its sign.
  const float half = std::ldexp(1.0F, -exponent_ / 2);
  const float rest = std::ldexp(1.0F, -exponent_ + exponent_ / 2);
  std::array<int32_t, kChunk> bin;
  for (size_t i = 0; i < values.size(); ++i) {
    const float v = values[i] + 0.0F;
    const auto magnitude = static_cast<int32_t>(std::fabs(v) * half * rest);
    bin[i] = kBins + (magnitude ^ (std::bit_cast<int32_t>(v) >> 31));
  }
  uint64_t* const bins = bins_.data();
  for (size_t i = 0; i < values.size(); ++i) ++bins[bin[i]];
}

// Bins i and i + 1 (i even) become one: an arithmetic shift of the signed bin number, -1 - j for the j-th negative.
void ActivationStats::widen_to(int exponent) {
  if (exponent <= exponent_) return;
  const int shift = std::min(exponent - exponent_, 31);
  exponent_ = exponent;
  if (count_ == 0) return;
  std::vector<uint64_t> wider(size_t{2} * kBins);
  for (int i = 0; i < 2 * kBins; ++i) {
    const int bin = kBins + ((i - kBins) >> shift);
    wider[static_cast<size_t>(bin)] += bins_[static_cast<size_t>(i)];
  }
  bins_ = std::move(wider);
}

void ActivationStats::merge(const ActivationStats& other) {
  nonfinite_count_ += other.nonfinite_count_;
  if (other.count_ == 0) return;
  if (count_ == 0) {
    const uint64_t nonfinite = nonfinite_count_;
    *this = other;
    nonfinite_count_ = nonfinite;
    return;
  }
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  zero_count_ += other.zero_count_;
  count_ += other.count_;
  widen_to(other.exponent_);
  const int shift = std::min(exponent_ - other.exponent_, 31);
  for (int i = 0; i < 2 * kBins; ++i) {
    const int bin = kBins + ((i - kBins) >> shift);
    bins_[static_cast<size_t>(bin)] += other.bins_[static_cast<size_t>(i)];
  }
}

ActivationStats ActivationStats::folded() const {
  ActivationStats folded = *this;
  if (count_ == 0) return folded;
  folded.min_ = min_ > 0 ? min_ : max_ < 0 ? -max_ : 0.0F;
  folded.max_ = std::max(std::fabs(min_), std::fabs(max_));
  for (size_t i = 0; i < kBins; ++i) {
    folded.bins_[kBins + i] += std::exchange(folded.bins_[kBins - 1 - i], 0);
  }
  return folded;
}

void merge_stats(StatsTable& table, const StatsTable& other) {
  for (const auto& [name, stats] : other) table[name].merge(stats);
}

}  // namespace octet
