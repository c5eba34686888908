#include "converter/passes/reshape_groups.h"

namespace octet {
namespace {

std::vector<int> axes_of(const Shape& shape) {
  std::vector<int> axes;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] != 1) axes.push_back(i);
  }
  return axes;
}

}  // namespace

std::optional<std::vector<AxisGroup>> reshape_groups(const Shape& from, const Shape& to) {
  const std::vector<int> in = axes_of(from);
  const std::vector<int> out = axes_of(to);
  std::vector<AxisGroup> groups;
  size_t i = 0;
  size_t j = 0;
  while (i < in.size() && j < out.size()) {
    AxisGroup group{{in[i]}, {out[j]}};
    int64_t a = from[in[i++]];
    int64_t b = to[out[j++]];
    if (a == 0 || b == 0) return std::nullopt;
    while (a != b) {
      if (a < 0 || b < 0) return std::nullopt;
      const bool more_in = a < b;
      if (more_in ? i == in.size() : j == out.size()) return std::nullopt;
      const int64_t dim = more_in ? from[in[i]] : to[out[j]];
      if (dim <= 0) return std::nullopt;
      (more_in ? a : b) *= dim;
      more_in ? group.in.push_back(in[i++]) : group.out.push_back(out[j++]);
    }
    groups.push_back(group);
  }
  if (i != in.size() || j != out.size()) return std::nullopt;
  return groups;
}

}  // namespace octet
