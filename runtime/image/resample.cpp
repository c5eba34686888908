// Own code because networks are trained behind Pillow (torchvision, timm, Keras), and stb_image_resize differs from it
// by up to tens of levels at edges: other supports, gamma and edge modes, float sums. Pillow's arithmetic, as its
// documentation and results show it: support = radius * max(1, shrink factor); weights are filter values at pixel
// centres, normalized to 1, in fixed point with 22 fraction bits; rows first, rounded to 8 bits, then columns.
#include "runtime/image/resample.h"

#include <algorithm>
#include <cmath>

namespace octet::image {
namespace {

constexpr int kFractionBits = 32 - 8 - 2;  // 8 bits of pixel, and 2 for the overshoot of bicubic weights

double filter_radius(Preprocessing::Filter filter) {
  switch (filter) {
    case Preprocessing::Filter::kBicubic:
      return 2;
    case Preprocessing::Filter::kBilinear:
      return 1;
    case Preprocessing::Filter::kArea:
    case Preprocessing::Filter::kNearest:
      break;
  }
  return 0.5;
}

double filter_weight(Preprocessing::Filter filter, double x) {
  if (filter == Preprocessing::Filter::kArea) return x > -0.5 && x <= 0.5 ? 1 : 0;
  x = std::abs(x);
  if (filter == Preprocessing::Filter::kBilinear) return x < 1 ? 1 - x : 0;
  constexpr double a = -0.5;  // Keys' cubic convolution
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Along one axis: out[i] = sum over j of in[first[i] + j] * weights[offset[i] + j].
struct Taps {
  std::vector<int> first;
  std::vector<size_t> offset;  // one more than there are outputs
  std::vector<int32_t> weights;
};

// make_taps for nearest. Pillow adds the step up, so sums of rounding errors decide where a centre falls between
// pixels.
Taps make_nearest_taps(int source, double low, double high, int64_t scaled, int64_t start, int count) {
  constexpr int64_t kMostSteps = 1 << 20;  // bounds the work; no training pipeline makes images this large
  const double step = (high - low) / static_cast<double>(scaled);
  double center = low + step * 0.5;
  if (start <= kMostSteps) {
    for (int64_t i = 0; i < start; ++i) center += step;
  } else {
    center += static_cast<double>(start) * step;
  }
  Taps taps;
  taps.offset.push_back(0);
  for (int i = 0; i < count; ++i, center += step) {
    taps.first.push_back(std::clamp(static_cast<int>(center), 0, source - 1));
    taps.weights.push_back(1 << kFractionBits);
    taps.offset.push_back(taps.weights.size());
  }
  return taps;
}

// Outputs start, start + 1, ... of the `scaled` that the source's [low, high) becomes.
Taps make_taps(Preprocessing::Filter filter, int source, double low, double high, int64_t scaled, int64_t start,
               int count) {
  if (filter == Preprocessing::Filter::kNearest) return make_nearest_taps(source, low, high, scaled, start, count);
  const double step = (high - low) / static_cast<double>(scaled);
  const double shrink = std::max(step, 1.0);
  const double support = filter_radius(filter) * shrink;
  Taps taps;
  taps.offset.push_back(0);
  std::vector<double> weights;
  for (int i = 0; i < count; ++i) {
    const double center = low + (static_cast<double>(start + i) + 0.5) * step;
    // Pillow truncates; what is below 0 becomes 0 anyway.
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);     // NOLINT(bugprone-incorrect-roundings)
    const int end = std::min(static_cast<int>(center + support + 0.5), source);  // NOLINT(bugprone-incorrect-roundings)
    weights.clear();
    double sum = 0;
    for (int j = begin; j < end; ++j) {
      weights.push_back(filter_weight(filter, (j - center + 0.5) / shrink));
      sum += weights.back();
    }
    taps.first.push_back(begin);
    for (const double weight : weights) {
      const double normalized = sum != 0 ? weight / sum : weight;
      taps.weights.push_back(static_cast<int32_t>(std::lround(normalized * (1 << kFractionBits))));
    }
    taps.offset.push_back(taps.weights.size());
  }
  return taps;
}

uint8_t to_pixel(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

constexpr int32_t kHalf = 1 << (kFractionBits - 1);

// Columns of the result that are made together, and the rows of the source that they are made of.
struct Stripe {
  int x, width;
  int first_row, rows;
};

// The stripe's rows, each resampled along x: dst is [rows][width][channels].
template <int kChannels>
void resample_x(const Image& source, const Taps& taps, const Stripe& stripe, uint8_t* dst) {
  const auto begin = static_cast<size_t>(stripe.x), end = begin + static_cast<size_t>(stripe.width);
  for (int y = 0; y < stripe.rows; ++y) {
    const uint8_t* row = &source.pixels[static_cast<size_t>(stripe.first_row + y) * source.width * kChannels];
    for (size_t x = begin; x < end; ++x) {
      const uint8_t* src = row + static_cast<size_t>(taps.first[x]) * kChannels;
      std::array<int32_t, kChannels> sums;
      sums.fill(kHalf);
      for (size_t j = taps.offset[x]; j < taps.offset[x + 1]; ++j) {
        for (size_t c = 0; c < kChannels; ++c) sums[c] += *src++ * taps.weights[j];
      }
      for (const int32_t sum : sums) *dst++ = to_pixel(sum);
    }
  }
}

// The stripe's columns of `out`: row i is made of the rows taps.first[i] - first_row, ... of `wide`, resample_x's.
void resample_y(const uint8_t* wide, const Taps& taps, const Stripe& stripe, Image& out) {
  const size_t row_bytes = static_cast<size_t>(stripe.width) * out.channels;
  std::vector<int32_t> sums(row_bytes);
  for (size_t y = 0; y < taps.first.size(); ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* src = wide + static_cast<size_t>(taps.first[y] - stripe.first_row) * row_bytes;
    for (size_t j = taps.offset[y]; j < taps.offset[y + 1]; ++j, src += row_bytes) {
      const int32_t weight = taps.weights[j];
      for (size_t i = 0; i < row_bytes; ++i) sums[i] += src[i] * weight;
    }
    std::transform(sums.begin(), sums.end(), &out.pixels[(y * out.width + stripe.x) * out.channels], to_pixel);
  }
}

// What lies between the two passes takes no more bytes than this, the source or the result.
constexpr size_t kStripeBytes = size_t{1} << 22;

}  // namespace

Result<Image> resample(const Image& source, Preprocessing::Filter filter, const ResampleGeometry& g) {
  const Taps columns = make_taps(filter, source.width, g.left, g.right, g.scaled_width, g.x, g.width);
  const Taps rows = make_taps(filter, source.height, g.top, g.bottom, g.scaled_height, g.y, g.height);
  // Only the source rows that the window's rows are made of. first[] does not decrease.
  const int first_row = rows.first.front();
  int end_row = 0;
  for (size_t y = 0; y < rows.first.size(); ++y) {
    end_row = std::max(end_row, rows.first[y] + static_cast<int>(rows.offset[y + 1] - rows.offset[y]));
  }
  const int64_t between = int64_t{end_row - first_row} * g.width;
  if (between > ImageOptions{}.max_pixels) {
    return Error{ErrorCode::kUsage, "to make an image of " + std::to_string(source.width) + "x" +
                                        std::to_string(source.height) + " pixels " + std::to_string(g.width) +
                                        " wide takes " + std::to_string(between) + " pixels in between; the limit is " +
                                        std::to_string(ImageOptions{}.max_pixels)};
  }
  const auto channels = static_cast<size_t>(source.channels);
  Image out{g.width, g.height, source.channels,
            std::vector<uint8_t>(static_cast<size_t>(g.width) * static_cast<size_t>(g.height) * channels)};
  // One stripe, unless a high image becomes a wide one: a column is no larger than the source.
  const size_t column_bytes = static_cast<size_t>(end_row - first_row) * channels;
  const size_t most_bytes = std::max({source.pixels.size(), out.pixels.size(), kStripeBytes});
  const int most_columns = static_cast<int>(std::min(most_bytes / column_bytes, static_cast<size_t>(g.width)));
  std::vector<uint8_t> wide(static_cast<size_t>(most_columns) * column_bytes);
  // An axis that keeps its size has one tap of weight 1 (and taps of weight 0), so it needs no case of its own.
  for (int x = 0; x < g.width; x += most_columns) {
    const Stripe stripe{x, std::min(most_columns, g.width - x), first_row, end_row - first_row};
    if (source.channels == 1) {
      resample_x<1>(source, columns, stripe, wide.data());
    } else {
      resample_x<3>(source, columns, stripe, wide.data());
    }
    resample_y(wide.data(), rows, stripe, out);
  }
  return out;
}

}  // namespace octet::image
