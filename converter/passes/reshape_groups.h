// What a reshape does to axes: which it joins, which it splits.
#pragma once

#include <optional>
#include <vector>

#include "octet/types.h"

namespace octet {

// Axes of a reshape's input that become axes of its output: equal products, dynamic with dynamic. Axes of size 1 belong
// to no group.
struct AxisGroup {
  std::vector<int> in, out;
};

// In order. Nothing where a dimension is 0, or a dynamic one is joined with others.
std::optional<std::vector<AxisGroup>> reshape_groups(const Shape& from, const Shape& to);

}  // namespace octet
