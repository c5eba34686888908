#include "converter/calibrate/rescaled_range.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace octet {
namespace {

constexpr double kRounding = 1e-3;

std::optional<double> factor(double before, double after) {
  if (before == 0) return std::nullopt;
  const double ratio = after / before;
  return std::fabs(ratio - 1) < kRounding ? 1.0 : ratio;
}

}  // namespace

Range rescaled_range(const Range& saved, const Range& before, const Range& after, bool is_pow2) {
  const auto span = [](const Range& range) { return static_cast<double>(range.max) - static_cast<double>(range.min); };
  const auto both = factor(span(before), span(after));
  if (!both.has_value()) return {std::min(saved.min, after.min), std::max(saved.max, after.max)};
  const auto low = is_pow2 ? both : factor(static_cast<double>(before.min), static_cast<double>(after.min));
  const auto high = is_pow2 ? both : factor(static_cast<double>(before.max), static_cast<double>(after.max));
  return {static_cast<float>(static_cast<double>(saved.min) * low.value_or(*both)),
          static_cast<float>(static_cast<double>(saved.max) * high.value_or(*both))};
}

Ranges rescaled_ranges(Ranges saved, const Ranges& before, const Ranges& after, bool is_pow2) {
  for (auto& [name, range] : saved) {
    const auto from = before.find(name);
    const auto to = after.find(name);
    if (from == before.end() || to == after.end()) continue;
    range = rescaled_range(range, from->second, to->second, is_pow2);
  }
  return saved;
}

}  // namespace octet
