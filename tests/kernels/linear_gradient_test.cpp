// The products of training, against plain sums.
#include "kernels/training/linear_gradient.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

namespace octet::test {
namespace {

std::vector<float> random_floats(int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& v : values) v = uniform(random);
  return values;
}

}  // namespace

TEST_CASE("forward and gradient of groups of matrices are the sums that define them") {
  std::mt19937 random(11);
  for (const LinearGradient::Sizes& sizes : {LinearGradient::Sizes{1, 1, 1, 1, 1},
                                             {1, 16, 33, 7, 16 * 33},
                                             {5, 8, 9, 1, 20 * 9},
                                             {3, 17, 4, 2, 17 * 4},
                                             {1, 64, 128, 32, 64 * 128}}) {
    CAPTURE(sizes.groups);
    CAPTURE(sizes.rows);
    const auto& [g, r, i, o, stride] = sizes;
    const std::vector<float> x = random_floats(g * stride, random);
    const std::vector<float> w = random_floats(g * o * i, random);
    const std::vector<float> dy = random_floats(g * r * o, random);
    Result<LinearGradient> layer = LinearGradient::create(sizes);
    REQUIRE_MESSAGE(layer.ok(), layer.error().message);
    std::vector<float> y(dy.size(), NAN);
    std::vector<float> dw(w.size(), NAN);
    layer->forward(x.data(), w.data(), y.data());
    layer->weights_gradient(x.data(), dy.data(), dw.data());
    const auto at = [](const std::vector<float>& values, int64_t index) { return values[static_cast<size_t>(index)]; };
    // Either sum of k products is off by at most k * 2^-24 of the sum of their magnitudes, at most k.
    for (int64_t n = 0; n < g; ++n) {
      for (int64_t row = 0; row < r; ++row) {
        for (int64_t out = 0; out < o; ++out) {
          float sum = 0;
          for (int64_t k = 0; k < i; ++k) sum += at(x, n * stride + row * i + k) * at(w, (n * o + out) * i + k);
          CHECK(std::fabs(at(y, (n * r + row) * o + out) - sum) <= 2 * static_cast<float>(i * i) * 0x1p-24F);
        }
      }
      for (int64_t out = 0; out < o; ++out) {
        for (int64_t k = 0; k < i; ++k) {
          float sum = 0;
          for (int64_t row = 0; row < r; ++row)
            sum += at(dy, (n * r + row) * o + out) * at(x, n * stride + row * i + k);
          CHECK(std::fabs(at(dw, (n * o + out) * i + k) - sum) <= 2 * static_cast<float>(r * r) * 0x1p-24F);
        }
      }
    }
  }
}

}  // namespace octet::test
