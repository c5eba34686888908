// The clamp that ends an op: none, ReLU, ReLU6 or any other Clip, in real units.
#pragma once

#include <limits>

namespace octet {

// y = min(max(x, min), max). ReLU is {0, inf}, ReLU6 is {0, 6}, the default does nothing.
struct Clamp {
  float min = -std::numeric_limits<float>::infinity();
  float max = std::numeric_limits<float>::infinity();

  bool is_none() const { return *this == Clamp{}; }
  friend bool operator==(const Clamp&, const Clamp&) = default;
};

}  // namespace octet
