#include <algorithm>
#include <cmath>
#include <vector>

#include "converter/calibrate/method_list.h"
#include "converter/calibrate/range_search.h"

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;

// Count, sum and sum of squares of values.
struct Moments {
  double m0 = 0;
  double m1 = 0;
  double m2 = 0;

  friend Moments operator+(const Moments& a, const Moments& b) { return {a.m0 + b.m0, a.m1 + b.m1, a.m2 + b.m2}; }
  friend Moments operator-(const Moments& a, const Moments& b) { return {a.m0 - b.m0, a.m1 - b.m1, a.m2 - b.m2}; }
  // sum (v - center)^2
  double error(double center) const { return std::max(0.0, m2 - 2 * center * m1 + center * center * m0); }
};

// `mass` values spread evenly over [low, high].
Moments uniform(double mass, double low, double high) {
  return {mass, mass * (low + high) / 2, mass * (low * low + low * high + high * high) / 3};
}

// The squared error of quantizing what was observed, for any range. In units of the bin width; each bin's values count
// as spread evenly over it, exact zeros are left out because they have no error.
class QuantizationError {
 public:
  QuantizationError(const ActivationStats& stats, int levels)
      : last_(levels - 1), low_(stats.min() / stats.bin_width()), high_(stats.max() / stats.bin_width()) {
    // Sums from 0 outward, so that an outlier's square does not swallow the small ones.
    up_.resize(kBins + 1);
    down_.resize(kBins + 1);
    mass_.assign(stats.bins().begin(), stats.bins().end());
    mass_[kBins] -= static_cast<double>(stats.zero_count());
    for (int i = 0; i < kBins; ++i) {
      up_[at(i + 1)] = up_[at(i)] + part(kBins + i, high_edge(kBins + i));
      const int j = kBins - 1 - i;
      down_[at(i + 1)] = down_[at(i)] + (part(j, high_edge(j)) - part(j, low_edge(j)));
    }
  }

  // sum (v - dequantize(quantize(v)))^2 with scale = (max - min) / last_, zero_point = round(-min / scale): each of
  // the levels takes the values nearest to it, the end levels all beyond (these are what clipping costs).
  double operator()(double min, double max) const {
    const double scale = (max - min) / last_;
    const double zero_point = std::clamp(std::nearbyint(-min / scale), 0.0, static_cast<double>(last_));
    double sum = 0;
    Moments below = Moments{} - down_[kBins];
    for (int q = 0; q <= last_; ++q) {
      const double level = scale * (q - zero_point);
      const Moments above = q == last_ ? up_[kBins] : zero_to(level + scale / 2);
      sum += (above - below).error(level);
      below = above;
    }
    return sum;
  }

  double low() const { return low_; }
  double high() const { return high_; }

 private:
  static size_t at(int i) { return static_cast<size_t>(i); }
  double low_edge(int bin) const { return std::max(low_, static_cast<double>(bin - kBins)); }
  double high_edge(int bin) const { return std::min(high_, static_cast<double>(bin + 1 - kBins)); }

  // The values of a bin up to x.
  Moments part(int bin, double x) const {
    const double mass = mass_[at(bin)];
    const double low = low_edge(bin);
    const double high = high_edge(bin);
    if (mass == 0 || x < low) return {};
    if (x >= high) return uniform(mass, low, high);
    return uniform(mass * (x - low) / (high - low), low, x);
  }

  // The values in [0, x], or minus those in (x, 0).
  Moments zero_to(double x) const {
    if (x >= kBins) return up_[kBins];
    const double edge = std::floor(x);
    const int i = static_cast<int>(edge);
    if (i >= 0) return up_[at(i)] + part(kBins + i, x);
    if (i < -kBins) return Moments{} - down_[kBins];
    return part(kBins + i, x) - down_[at(-i)];
  }

  int last_;  // the highest integer, from 0
  double low_;
  double high_;
  std::vector<Moments> up_, down_;  // [i]: of the i bins next to 0
  std::vector<double> mass_;
};

}  // namespace

// In the range, integers are spread from 0 evenly; z of the levels - 1 steps lie below 0.
Range power_of_two_range(Range range, const ActivationStats& stats, int levels) {
  const double steps = levels - 1;
  const double exact = (static_cast<double>(range.max) - static_cast<double>(range.min)) / steps;
  const double above = std::exp2(std::ceil(std::log2(exact)));
  if (!std::isnormal(static_cast<float>(above / 2)) || !std::isfinite(static_cast<float>(above * steps))) return range;
  const auto at = [&](double scale, double zero_point) {
    return std::pair(-zero_point * scale, (steps - zero_point) * scale);
  };
  std::pair<double, double> best = at(above, std::nearbyint(-static_cast<double>(range.min) / above));
  if (stats.min() != 0 || stats.max() != 0) {
    const QuantizationError error(stats, levels);
    const auto cost = [&](const std::pair<double, double>& ends) {
      return error(ends.first / stats.bin_width(), ends.second / stats.bin_width());
    };
    double least = cost(best);
    // Clipping may take from one end, from the other, or from both.
    const double below = above / 2;
    const double first = std::ceil(std::max(0.0, steps - static_cast<double>(range.max) / below));
    const double last = std::floor(std::min(steps, -static_cast<double>(range.min) / below));
    const int end = static_cast<int>(std::max(first, last));
    for (int integer = static_cast<int>(std::min(first, last)); integer <= end; ++integer) {
      const double zero_point = integer;
      const double found = cost(at(below, zero_point));
      if (!(found < least)) continue;
      least = found;
      best = at(below, zero_point);
    }
  }
  return {static_cast<float>(best.first), static_cast<float>(best.second)};
}

// argmin over min and max of L_round + L_clip, both exact for the grid of integers that the range gives.
//
// On a density that is smooth over a step, L_round is scale^2 / 12; the optimum of N(0, 1) at 8 bits is 3.92 sigma, of
// half a Gauss from 0 up 4.21 sigma (Banner et al. 2019, arXiv:1810.05723, for the form of the objective).
Range choose_mse(const ActivationStats& stats, const ValueTrend&, const CalibrationOptions& options) {
  if (stats.min() == 0 && stats.max() == 0) return {};
  const QuantizationError error(stats, options.levels);
  const auto [min, max] = cheapest_range(error.low(), error.high(), error);
  return observed_range(stats, min * stats.bin_width(), max * stats.bin_width());
}

}  // namespace octet
