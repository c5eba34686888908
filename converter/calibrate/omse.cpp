#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "converter/calibrate/method_list.h"

namespace octet {
namespace {

constexpr int kBins = ActivationStats::kBins;

// A value's histogram without its exact zeros (what a ReLU leaves).
class Body {
 public:
  explicit Body(const ActivationStats& stats)
      : stats_(stats), total_(static_cast<double>(stats.count() - stats.zero_count())) {}

  double min() const { return stats_.min(); }
  double max() const { return stats_.max(); }

  // visit(middle of a bin, its share of the values), upwards.
  template <class Visit>
  void each(const Visit& visit) const {
    const double width = stats_.bin_width();
    for (int i = 0; i < 2 * kBins; ++i) {
      uint64_t count = stats_.bins()[static_cast<size_t>(i)];
      if (i == kBins) count -= stats_.zero_count();
      if (count == 0) continue;
      const double low = std::max((i - kBins) * width, min());
      const double high = std::min((i + 1 - kBins) * width, max());
      visit((low + high) / 2, static_cast<double>(count) / total_);
    }
  }
  double mean(const std::function<double(double)>& of) const {
    double sum = 0;
    each([&](double x, double share) { sum += share * of(x); });
    return sum;
  }
  double median() const {
    double below = 0;
    double found = max();
    each([&](double x, double share) {
      if (below < 0.5 && below + share >= 0.5) found = x;
      below += share;
    });
    return found;
  }

 private:
  const ActivationStats& stats_;
  double total_;
};

double normal_cdf(double t) {
  return std::erfc(-t / std::numbers::sqrt2) / 2;
}

// The families of size 1. A range of `width` times the clip has `levels` integers.
struct Family {
  double width;              // 2: [-c, c], 1: [0, c]
  double (*cdf)(double t);   // at centre + t
  double (*tail)(double c);  // E[(x - c)^2; x > c] over all that is clipped, with both tails where there are two
};

double gauss_tail(double c) {
  const double phi = std::exp(-c * c / 2) / std::sqrt(2 * std::numbers::pi);
  return 2 * ((1 + c * c) * normal_cdf(-c) - c * phi);
}
double laplace_cdf(double t) {
  return t < 0 ? std::exp(t) / 2 : 1 - std::exp(-t) / 2;
}
double exponential_tail(double c) {
  return 2 * std::exp(-c);
}
constexpr Family kGauss{2, normal_cdf, gauss_tail};
constexpr Family kLaplace{2, laplace_cdf, exponential_tail};
constexpr Family kHalfGauss{1, [](double t) { return 2 * normal_cdf(t) - 1; }, gauss_tail};
constexpr Family kExponential{1, [](double t) { return 1 - std::exp(-t); }, exponential_tail};

// argmin over c of  L_round + L_clip = (width c / (levels - 1))^2 / 12 * P(not clipped) + tail(c).  Both are smooth,
// one grows and one falls: there is one minimum. At 256 levels: 3.92 for the Gauss, 9.88 for the Laplace, 4.21 for its
// half, 11.16 for the exponential.
double best_clip(const Family& family, int levels) {
  const auto loss = [&](double c) {
    const double step = family.width * c / (levels - 1);
    const double inside = family.width == 2 ? 2 * family.cdf(c) - 1 : family.cdf(c);
    return step * step / 12 * inside + family.tail(c);
  };
  double low = 0.1;
  double high = 40;
  while (high - low > 1e-6) {  // golden section
    const double a = high - (high - low) / std::numbers::phi;
    const double b = low + (high - low) / std::numbers::phi;
    (loss(a) < loss(b) ? high : low) = loss(a) < loss(b) ? b : a;
  }
  return (low + high) / 2;
}

struct Fit {
  double distance = INFINITY;  // Cramer and von Mises': E[(F - F_fitted)^2]
  double min = 0;
  double max = 0;
};

double distance(const Body& body, const std::function<double(double)>& cdf) {
  double below = 0;
  double sum = 0;
  body.each([&](double x, double share) {
    const double d = below + share / 2 - cdf(x);
    sum += share * d * d;
    below += share;
  });
  return sum;
}

}  // namespace

// The clip of least mean squared error of the distribution that fits the values best, in closed form (Banner et al.
// 2019, arXiv:1810.05723): Gauss, Laplace and uniform for values on both sides of 0, half a Gauss, exponential and
// uniform for those on one side.
Range choose_omse(const ActivationStats& stats, const ValueTrend&, const CalibrationOptions& options) {
  if (stats.count() == stats.zero_count()) return {};
  const Body body(stats);
  Fit best;
  // Values are centre + sign * size * t.
  const auto attempt = [&](const Family& family, double centre, double sign, double size) {
    if (!(size > 0)) return;
    const double found = distance(body, [&](double x) {
      const double t = sign * (x - centre) / size;
      return sign > 0 ? family.cdf(t) : 1 - family.cdf(t);
    });
    if (!(found < best.distance)) return;
    const double reach = size * best_clip(family, options.levels);
    best = {found, family.width == 2 || sign < 0 ? centre - reach : centre,
            family.width == 2 || sign > 0 ? centre + reach : centre};
  };
  if (body.min() < 0 && body.max() > 0) {
    const double mean = body.mean([](double x) { return x; });
    attempt(kGauss, mean, 1, std::sqrt(body.mean([&](double x) { return (x - mean) * (x - mean); })));
    const double median = body.median();
    attempt(kLaplace, median, 1, body.mean([&](double x) { return std::fabs(x - median); }));
  } else {
    const double sign = body.min() < 0 ? -1 : 1;
    attempt(kHalfGauss, 0, sign, std::sqrt(body.mean([](double x) { return x * x; })));
    attempt(kExponential, 0, sign, body.mean([](double x) { return std::fabs(x); }));
  }
  const double width = body.max() - body.min();
  const double uniform = distance(body, [&](double x) { return width > 0 ? (x - body.min()) / width : 0.5; });
  if (uniform <= best.distance) best = {uniform, body.min(), body.max()};
  return observed_range(stats, best.min, best.max);
}

}  // namespace octet
