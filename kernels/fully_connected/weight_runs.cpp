#include <algorithm>
#include <span>

#include "kernels/fully_connected/weight_only.h"
#include "kernels/weight_factors.h"

namespace octet {
namespace {

// Shorter groups would take more memory than s8: each has whole words of its own.
constexpr int64_t kLeastGroup = 8;

}  // namespace

WeightRuns weight_runs(const TensorDesc& weights) {
  if (weights.bits != 4 || (weights.group > 0 && weights.group < kLeastGroup)) return {};
  const int64_t outputs = weights.shape[0], taps = weights.shape[1];
  WeightRuns runs{.is_nibbles = true};
  // The length of a run is part of the arithmetic, so a single run of a whole row is cut as s8 would be.
  const bool has_groups = weights.group > 0 && weights.group < taps;
  if (has_groups) runs.size = weights.group;
  const auto* values = weights.as<int8_t>();
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t k = 0; k < taps; k += runs.size) {
      const auto count = static_cast<size_t>(std::min(runs.size, taps - k));
      const int factor = least_factor(std::span(values + o * taps + k, count));
      if (factor == 0 || (!has_groups && factor > 1)) return {};
      if (has_groups) runs.factors.push_back(static_cast<uint8_t>(factor));
    }
  }
  return runs;
}

}  // namespace octet
