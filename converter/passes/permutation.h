// Permutations of axes: y = transpose(x, p) has y.shape[i] = x.shape[p[i]].
#pragma once

#include <cstdint>
#include <vector>

#include "octet/types.h"

namespace octet {

using Permutation = std::vector<int64_t>;

inline const Permutation kToChannelsLast{0, 2, 3, 1};
inline const Permutation kToChannelsFirst{0, 3, 1, 2};

inline bool is_identity(const Permutation& p) {
  return std::is_sorted(p.begin(), p.end());
}

inline Permutation inverse(const Permutation& p) {
  Permutation result(p.size());
  for (size_t i = 0; i < p.size(); ++i) result[static_cast<size_t>(p[i])] = static_cast<int64_t>(i);
  return result;
}

// transpose(transpose(x, first), second) = transpose(x, join(first, second))
inline Permutation join(const Permutation& first, const Permutation& second) {
  Permutation result;
  for (const int64_t axis : second) result.push_back(first[static_cast<size_t>(axis)]);
  return result;
}

inline Shape permuted(const Shape& shape, const Permutation& p) {
  Shape result = shape;
  for (size_t i = 0; i < p.size(); ++i) result[static_cast<int>(i)] = shape[static_cast<int>(p[i])];
  return result;
}

// Whether the transpose moves no bytes: the axes that are not of size 1 keep their order.
inline bool is_view_of(const Shape& shape, const Permutation& p) {
  int64_t last = -1;
  for (const int64_t axis : p) {
    if (shape[static_cast<int>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace octet
