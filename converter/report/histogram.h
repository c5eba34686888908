// What values a tensor holds, in as many columns as a small picture shows.
#pragma once

#include <cstdint>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/sample_trend.h"

namespace octet {

// counts[i] values lie in the i-th of equal parts of [first, last], without exact zeros: what a ReLU leaves would dwarf
// the rest. Empty where nothing was observed, or nothing but one number.
struct Histogram {
  double first = 0, last = 0;
  std::vector<uint64_t> counts;

  size_t column(double value) const;  // values beyond the ends count in the outermost
};

// Of what was observed, from its least to its greatest number, 0 and the ends of `range` (or an empty one) included.
Histogram make_histogram(const ActivationStats& stats, Extremes range);

}  // namespace octet
