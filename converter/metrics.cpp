#include "converter/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace octet {

void TensorError::add(std::span<const float> x, std::span<const float> y, float clip_min, float clip_max) {
  assert(x.size() == y.size());
  count_ += x.size();
  for (size_t i = 0; i < x.size(); ++i) {
    const double a = x[i];
    const double b = y[i];
    error2_ += (a - b) * (a - b);
    x2_ += a * a;
    y2_ += b * b;
    xy_ += a * b;
    max_error_ = std::max(max_error_, std::fabs(a - b));
    clipped_ += x[i] < clip_min || x[i] > clip_max ? 1 : 0;
  }
}

void TensorError::merge(const TensorError& other) {
  count_ += other.count_;
  clipped_ += other.clipped_;
  error2_ += other.error2_;
  x2_ += other.x2_;
  y2_ += other.y2_;
  xy_ += other.xy_;
  max_error_ = std::max(max_error_, other.max_error_);
}

double TensorError::mse() const {
  return count_ == 0 ? 0 : error2_ / static_cast<double>(count_);
}

double TensorError::relative_error() const {
  if (error2_ == 0) return 0;
  return x2_ == 0 ? std::numeric_limits<double>::infinity() : std::sqrt(error2_ / x2_);
}

double TensorError::sqnr_db() const {
  if (error2_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(x2_ / error2_);
}

double TensorError::cosine() const {
  if (x2_ == 0 && y2_ == 0) return 1;
  return x2_ == 0 || y2_ == 0 ? 0 : xy_ / std::sqrt(x2_ * y2_);
}

double TensorError::clip_rate() const {
  return count_ == 0 ? 0 : static_cast<double>(clipped_) / static_cast<double>(count_);
}

}  // namespace octet
