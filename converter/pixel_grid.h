// Images as they are: an input whose integers are the image's own bytes, so that rounding them loses nothing.
#pragma once

#include <optional>
#include <vector>

#include "converter/activation_stats.h"
#include "converter/graph.h"

namespace octet {

// The values that an image's bytes become: x = step[c] * (p - zero[c]) for pixels p in 0..255, a channel each.
struct PixelGrid {
  std::vector<double> step, zero;
};

// The grid of the graph's only input by graph.preprocessing, if the statistics of the input agree that this is where
// its values come from: they lie on the grid's range, and cover at least half of it.
std::optional<PixelGrid> pixel_grid(const Graph& graph, const StatsTable& stats);

// Puts constants between the input and its reader that scale and shift it (and pads it before them, where channels have
// zeros far apart and the first convolution pads), so that what is quantized is unit * (p - z), z an integer; the first
// convolution takes the inverse into its weights and bias, in double. Returns the ranges of the values that are
// quantized: with scale `unit` and zero point z every pixel is an integer of its own. (Else x / s is rounded to other
// integers than pixels are: where channels are normalized as ImageNet's, a third of all error of a small network.)
//
// Empty, with the graph as it was: where anything but one convolution, or what puts channels last before it, reads the input.
// The caller infers shapes anew.
Ranges read_pixels(Graph& graph, const PixelGrid& grid);

}  // namespace octet
