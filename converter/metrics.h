// How far an integer network's tensor is from the float network's: what `compare` reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace octet {

// part of whole in percent; 0 of nothing.
inline double percent(size_t part, size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// Sums over pairs (x of the float network, y of the integer one), from which every figure follows. Mergeable.
class TensorError {
 public:
  // The same count; `clip_min` and `clip_max` bound what y can represent (infinite for f32).
  void add(std::span<const float> x, std::span<const float> y, float clip_min, float clip_max);
  void merge(const TensorError& other);

  uint64_t count() const { return count_; }
  double mse() const;             // E[(x - y)^2]
  double relative_error() const;  // sqrt(mse / E[x^2]); 0 for 0/0
  double sqnr_db() const;         // 10 log10(E[x^2] / mse); infinite where nothing differs
  double cosine() const;          // of x and y as vectors; 1 if both are 0
  double max_error() const { return max_error_; }
  double clip_rate() const;  // share of x outside [clip_min, clip_max]

 private:
  uint64_t count_ = 0;
  uint64_t clipped_ = 0;
  double error2_ = 0, x2_ = 0, y2_ = 0, xy_ = 0;
  double max_error_ = 0;
};

}  // namespace octet
