#include <doctest/doctest.h>

#include "octet/types.h"

namespace octet {

TEST_CASE("an element count is the product, 1 for a scalar, -1 when dynamic or too large") {
  CHECK(Shape{}.element_count() == 1);
  CHECK(Shape{2, 3, 4}.element_count() == 24);
  CHECK(Shape{0, 3}.element_count() == 0);
  CHECK(Shape{Shape::kDynamic, 3}.element_count() == -1);
  CHECK(Shape{0, Shape::kDynamic}.element_count() == 0);
  CHECK(Shape{int64_t{1} << 20, int64_t{1} << 20}.element_count() == Shape::kMaxElements);
  CHECK(Shape{int64_t{1} << 20, (int64_t{1} << 20) + 1}.element_count() == -1);
  // Strides are products of dimensions, of tensors without elements too.
  CHECK(Shape{0, Shape::kMaxElements}.element_count() == 0);
  CHECK(Shape{0, Shape::kMaxElements, 2}.element_count() == -1);
  CHECK(Shape{INT64_MAX, INT64_MAX, 0}.element_count() == -1);
}

TEST_CASE("a shape prints as its dimensions") {
  CHECK(Shape{}.to_string() == "scalar");
  CHECK(Shape{Shape::kDynamic, 3, 224, 224}.to_string() == "Nx3x224x224");
}

}  // namespace octet
