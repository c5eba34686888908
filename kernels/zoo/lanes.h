// The lanes of a tensor along one axis: [outer][axis][inner], where a lane is what one outer and inner index meet.
#pragma once

#include "octet/types.h"

namespace octet {

struct Lanes {
  int64_t outer = 1, axis = 1, inner = 1;

  Lanes(const Shape& shape, int64_t along) : axis(shape[static_cast<int>(along)]) {
    for (int i = 0; i < along; ++i) outer *= shape[i];
    for (int i = static_cast<int>(along) + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
  int64_t count() const { return outer * inner; }
  // The first element of a lane in a tensor with `length` elements along the axis; they are `inner` apart.
  int64_t start(int64_t lane, int64_t length) const { return lane / inner * length * inner + lane % inner; }
};

}  // namespace octet
