// Weights of 4 bits in groups: s8 integers that are a factor of their group times numbers in [-7, 7].
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace octet {

inline constexpr int kNibbleBound = 7;
inline constexpr int kMostFactor = 127 / kNibbleBound;

// The least factor that serves for all of `run`; 0 where there is none.
inline int least_factor(std::span<const int8_t> run) {
  for (int factor = 1; factor <= kMostFactor; ++factor) {
    const int most = factor * kNibbleBound;
    if (std::all_of(run.begin(), run.end(), [&](int8_t v) { return v % factor == 0 && v <= most && v >= -most; })) {
      return factor;
    }
  }
  return 0;
}

}  // namespace octet
