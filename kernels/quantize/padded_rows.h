// The rows of an image with borders: how a kernel that moves an image adds the padding of what reads it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "kernels/parallel.h"

namespace octet {

using ImagePads = std::array<int64_t, 4>;  // top, left, bottom, right

// u8 images [N, H, W, C] with a border around each.
struct PaddedRows {
  int64_t images = 0, height = 0, width = 0, channels = 0;  // without the border
  ImagePads pads{};
  std::vector<uint8_t> border;  // its pixel, a byte for each channel; unused without pads

  int64_t rows() const { return images * (pads[0] + height + pads[2]); }
  int64_t row_pixels() const { return pads[1] + width + pads[3]; }
};

// Writes all rows of dst [N, top+H+bottom, left+W+right, C]: the border here, and pixels by write(image, y, to), which
// puts the `width` pixels of one row at `to`. Rows are shared out among threads.
template <class Write>
void write_padded_rows(const PaddedRows& layout, int threads, uint8_t* dst, const Write& write) {
  const int64_t row_bytes = layout.row_pixels() * layout.channels;
  const int64_t image_rows = layout.pads[0] + layout.height + layout.pads[2];
  const auto fill = [&](uint8_t* to, int64_t pixels) {
    for (int64_t i = 0; i < pixels; ++i) {
      to = std::copy_n(layout.border.data(), layout.channels, to);
    }
  };
  const int64_t grain = kElementsPerThread / std::max<int64_t>(row_bytes, 1) + 1;
  parallel_for(threads, layout.rows(), grain, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t y = row % image_rows - layout.pads[0];
      uint8_t* to = dst + row * row_bytes;
      if (y < 0 || y >= layout.height) {
        fill(to, layout.row_pixels());
        continue;
      }
      fill(to, layout.pads[1]);
      to += layout.pads[1] * layout.channels;
      write(row / image_rows, y, to);
      fill(to + layout.width * layout.channels, layout.pads[3]);
    }
  });
}

}  // namespace octet
