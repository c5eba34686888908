// A constant as several readings of one network have it: which of its elements follow the size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "converter/tensor.h"

namespace octet {

constexpr int kMostDegree = 2;  // of a polynomial that three readings determine

// Element i; NaN where its type is none that arithmetic of sizes has.
double number_at(const Tensor& tensor, int64_t i);

bool is_uniform(const Tensor& tensor, double value);

// One value as it is in each reading.
struct Followed {
  std::vector<const Tensor*> readings;
  bool same_shape = true;
  int64_t following = 0;  // elements that are not the same in every reading
  int64_t first = 0;      // of them
  // What those are at any size, and the degree of their polynomials of the batch; more than 2: perhaps none.
  double at_least = -std::numeric_limits<double>::infinity();
  int degree = kMostDegree + 1;
  // What the others are.
  double least_fixed = std::numeric_limits<double>::infinity();
  double most_fixed = -std::numeric_limits<double>::infinity();

  bool follows() const { return following > 0; }
  double least() const { return follows() ? std::min(at_least, least_fixed) : least_fixed; }
};

// More copies of the same numbers at another size are no other numbers: such a value does not follow it.
Followed follow(std::vector<const Tensor*> readings);

// Whether q * b = a in every reading, element by element.
bool divides_exactly(const Followed& a, const Followed& b, const Followed& q);

// Whether a = b in every reading, in shape and elements.
bool are_equal(const Followed& a, const Followed& b);

// Whether the size that a value follows is still to be seen in what was made of it.
bool shows_in(const Followed& input, const Followed& output);

}  // namespace octet
