#include "converter/calibrate/range_search.h"

#include <algorithm>
#include <cmath>

namespace octet {
namespace {

struct Candidate {
  double min = 0;
  double max = 0;
  double cost = INFINITY;
};

constexpr int kHalvings = 11;  // a histogram has 2^12 bins a side: the least share is that of two bins

}  // namespace

std::pair<double, double> cheapest_range(double low, double high,
                                         const std::function<double(double min, double max)>& cost) {
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  Candidate best;
  const auto attempt = [&](double min, double max) {
    min = std::clamp(min, low, 0.0);
    max = std::clamp(max, 0.0, high);
    if (!(max - min > 0)) return false;
    const double found = cost(min, max);
    if (!(found < best.cost)) return false;
    best = {min, max, found};
    return true;
  };

  for (int i = 0; i <= 2 * kHalvings + 1; ++i) {
    const double min = i > 2 * kHalvings ? 0 : low * std::exp2(-i / 2.0);
    for (int j = 0; j <= 2 * kHalvings + 1; ++j) {
      const double max = j > 2 * kHalvings ? 0 : high * std::exp2(-j / 2.0);
      attempt(min, max);
      if (high == 0) break;
    }
    if (low == 0) break;
  }
  for (int halvings = 2; halvings <= 12; ++halvings) {
    const double step = std::exp2(-halvings);
    bool improved = true;
    for (int round = 0; improved && round < 4; ++round) {
      improved = false;
      const Candidate center = best;
      for (const double a : {1 + step, 1.0, 1 / (1 + step)}) {
        for (const double b : {1 + step, 1.0, 1 / (1 + step)}) {
          if (a != 1 || b != 1) improved |= attempt(center.min * a, center.max * b);
        }
      }
    }
  }
  return {best.min, best.max};
}

}  // namespace octet
