// Separable resampling of 8-bit images with Pillow's filters.
#pragma once

#include <cstdint>

#include "octet/image.hpp"
#include "octet/result.h"

namespace octet::image {

// What part of a scaled image is wanted, and from where in the source.
struct ResampleGeometry {
  // The source rectangle that fills the scaled image; inside the source. f32 because Pillow's is.
  float left = 0;
  float top = 0;
  float right = 0;
  float bottom = 0;
  // The scaled image, never made as a whole ...
  int64_t scaled_width = 0;
  int64_t scaled_height = 0;
  // ... and the window of it that is made; inside the scaled image.
  int64_t x = 0;
  int64_t y = 0;
  int width = 0;
  int height = 0;
};

// Every dimension > 0. Pillow's Image.resize((scaled_width, scaled_height), filter, box).crop(window), bit for bit.
// kUsage, with both numbers, where the rows first make more pixels than any image may have: a column of a million
// pixels that becomes a row of as many would take hours.
Result<Image> resample(const Image& source, Preprocessing::Filter filter, const ResampleGeometry& geometry);

}  // namespace octet::image
