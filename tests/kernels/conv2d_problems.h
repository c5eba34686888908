// The convolutions that the tests of conv2d's rows run on: layer classes of real nets, and random ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "tests/kernels/conv2d_case.h"

namespace octet::test {

struct Geometry {
  Shape src, weights;
  std::array<int64_t, 2> strides{1, 1};
  std::array<int64_t, 4> pads{};
  std::array<int64_t, 2> dilations{1, 1};
  int64_t groups = 1;
};

// Layer classes of real nets, then every channel count at which vector code changes its mind.
inline std::vector<Geometry> geometries() {
  std::vector<Geometry> list = {
      {{1, 14, 14, 64}, {96, 1, 1, 64}},
      {{3, 7, 7, 160}, {64, 1, 1, 160}},
      {{1, 9, 9, 64}, {64, 3, 3, 64}, {1, 1}, {1, 1, 1, 1}},
      {{1, 9, 7, 32}, {160, 3, 3, 32}, {1, 1}, {1, 1, 1, 1}},
      {{1, 4, 14, 24}, {144, 1, 1, 24}, {1, 2}},
      {{3, 9, 8, 32}, {48, 3, 3, 32}, {2, 2}, {1, 1, 1, 1}},
      {{1, 15, 15, 3}, {32, 3, 3, 3}, {2, 2}, {0, 0, 1, 1}},
      {{1, 23, 23, 3}, {64, 7, 7, 3}, {2, 2}, {3, 3, 3, 3}},
      {{1, 11, 12, 16}, {24, 5, 5, 16}, {1, 1}, {2, 2, 2, 2}},
      {{1, 10, 10, 32}, {32, 3, 3, 1}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 32},
      {{3, 11, 10, 144}, {144, 3, 3, 1}, {2, 2}, {0, 0, 1, 1}, {1, 1}, 144},
      {{1, 12, 12, 48}, {48, 5, 5, 1}, {2, 2}, {1, 2, 2, 1}, {1, 1}, 48},
      {{1, 9, 21, 80}, {80, 5, 5, 1}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 80},
      {{2, 13, 17, 96}, {96, 4, 3, 1}, {1, 1}, {1, 1, 2, 1}, {2, 1}, 96},
      {{1, 14, 3, 128}, {128, 3, 5, 1}, {1, 2}, {1, 2, 1, 2}, {1, 1}, 128},
      {{1, 10, 9, 64}, {64, 3, 3, 16}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
      {{1, 8, 8, 12}, {18, 3, 3, 4}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
      {{1, 13, 12, 32}, {32, 3, 3, 32}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {{1, 13, 12, 32}, {32, 3, 3, 1}, {1, 1}, {2, 2, 2, 2}, {2, 2}, 32},
      {{1, 9, 10, 16}, {16, 3, 2, 16}, {2, 1}, {0, 1, 2, 0}},
      {{1, 7, 6, 8}, {16, 3, 3, 8}, {3, 2}, {2, 0, 1, 2}, {1, 2}},
      {{1, 6, 6, 16}, {8, 1, 1, 16}, {2, 2}},
      {{1, 5, 5, 8}, {8, 1, 1, 8}, {1, 1}, {1, 1, 1, 1}},
      {{1, 1, 9, 20}, {12, 1, 4, 20}, {1, 1}, {0, 2, 0, 1}},
      {{1, 49, 10, 1}, {64, 10, 4, 1}, {2, 2}, {4, 1, 5, 1}},
      {{3, 1, 1, 640}, {128, 1, 1, 640}},
      {{1, 2, 1, 5000}, {16, 1, 1, 5000}},
      {{0, 5, 5, 8}, {8, 3, 3, 8}},
  };
  for (const int64_t c : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 64}) {
    list.push_back({{1, 5, 6, c}, {c, 3, 3, c}, {1, 1}, {1, 1, 1, 1}});
    list.push_back({{1, 5, 6, c}, {c + 1, 1, 1, c}});
    list.push_back({{1, 6, 5, c}, {c, 3, 3, 1}, {1, 1}, {1, 1, 1, 1}, {1, 1}, c});
  }
  return list;
}

inline Conv2dCase make_case(const Geometry& geometry) {
  Conv2dCase c;
  c.src_shape = geometry.src;
  c.weights_shape = geometry.weights;
  c.params.strides = geometry.strides;
  c.params.pads = geometry.pads;
  c.params.dilations = geometry.dilations;
  c.params.groups = geometry.groups;
  return c;
}

// A convolution such as nobody would think of.
inline Conv2dCase random_case(Random& random) {
  const auto pick = [&random](int64_t min, int64_t max) {
    return std::uniform_int_distribution<int64_t>(min, max)(random);
  };
  Conv2dCase c;
  const bool depthwise = pick(0, 3) == 0;
  c.params.groups = depthwise ? pick(1, 70) : pick(0, 2) == 0 ? pick(2, 4) : 1;
  const int64_t channels = depthwise || pick(0, 7) == 0 ? 1 : pick(1, 40), outputs = depthwise ? 1 : pick(1, 40);
  c.weights_shape = {c.params.groups * outputs, pick(1, 5), pick(1, 5), channels};
  c.src_shape = {pick(1, 3), 0, 0, c.params.groups * channels};
  for (const int axis : {0, 1}) {
    const size_t i = static_cast<size_t>(axis);
    c.params.strides[i] = pick(1, 3);
    c.params.dilations[i] = pick(0, 3) == 0 ? pick(2, 3) : 1;
    const int64_t window = c.params.dilations[i] * (c.weights_shape[axis + 1] - 1) + 1;
    const int64_t max_pad = window - (pick(0, 30) > 0);
    c.params.pads[i] = pick(0, max_pad);
    c.params.pads[i + 2] = pick(0, max_pad);
    c.src_shape[axis + 1] = std::max(pick(1, 12), window - c.params.pads[i] - c.params.pads[i + 2]);
  }
  const auto zero_point = [&] { return static_cast<int32_t>(pick(0, 1) == 0 ? 0 : pick(0, 255)); };
  c.src_zero_point = zero_point(), c.dst_zero_point = zero_point(), c.residual_zero_point = zero_point();
  c.dst_f32 = pick(0, 4) == 0;
  if (!c.dst_f32) c.residual = static_cast<Residual>(pick(0, 2));
  c.per_channel = pick(0, 1) == 0, c.has_bias = pick(0, 2) > 0, c.extremes = pick(0, 2) == 0, c.large = pick(0, 5) == 0;
  if (pick(0, 1) == 0) c.params.clamp.min = pick(0, 3) == 0 ? -0.3F : 0;
  if (pick(0, 2) == 0) c.params.clamp.max = 0.4F;
  c.threads = static_cast<int>(pick(1, 2));
  c.portable = pick(0, 1) == 0;
  c.asymmetric = pick(0, 3) == 0;
  return c;
}

inline std::span<const KernelRow<Conv2dParams>> rows() {
  return kernel_table(Conv2dParams{});
}

inline uint32_t seed_end() {
  const char* end = std::getenv("OCTET_TEST_SEEDS");  // more of them, by hand
  return 100 + (end != nullptr ? static_cast<uint32_t>(std::atoi(end)) : 600);
}

}  // namespace octet::test
