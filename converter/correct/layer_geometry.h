// Where a layer's weights look: one description for convolutions and fully connected layers.
#pragma once

#include <vector>

#include "converter/graph.h"

namespace octet {

// The layer as a convolution; a fully connected one has a window of 1x1 on an image of 1x1.
struct LayerGeometry {
  Conv2dParams conv;
  int64_t kh = 1, kw = 1, c = 1, o = 1;  // c, o: of all groups

  LayerGeometry(const Graph& graph, const Node& layer);

  int64_t groups() const { return conv.groups; }
  int64_t group_c() const { return c / conv.groups; }
  int64_t group_o() const { return o / conv.groups; }
  int64_t taps() const { return kh * kw * group_c(); }  // weights of an output channel, in the order kh, kw, c
};

// The layer's source: images [N, H, W, C]; or rows [N, C], which are the pixels of one image of N x 1.
struct LayerImage {
  int64_t n = 1, h = 1, w = 1, c = 1;
  int64_t out_h = 1, out_w = 1;

  LayerImage(const LayerGeometry& layer, const Shape& src);
};

// The mean over all positions of the layer's output of the patch that is read there, 0 in the padding: real numbers,
// [groups][taps]. A linear layer makes of it the mean of what it makes of the patches.
//
// src  u8
std::vector<double> mean_patch(const LayerGeometry& layer, const TensorView& src, QuantParams quant);

}  // namespace octet
