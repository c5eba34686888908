#include "converter/correct/layer_geometry.h"

#include <algorithm>

namespace octet {

LayerGeometry::LayerGeometry(const Graph& graph, const Node& layer) {
  const Shape& weights = graph.value(layer.input(kConvWeights)).shape;
  if (const auto* params = layer.as<Conv2dParams>()) conv = *params;
  o = weights[0];
  c = weights[weights.rank() - 1] * conv.groups;
  if (weights.rank() == 4) {
    kh = weights[1];
    kw = weights[2];
  }
}

LayerImage::LayerImage(const LayerGeometry& layer, const Shape& src) : c(src[src.rank() - 1]) {
  if (src.rank() == 4) {
    n = src[0];
    h = src[1];
    w = src[2];
  } else {
    h = src.element_count() / c;
  }
  const Conv2dParams& conv = layer.conv;
  out_h = (h + conv.pads[0] + conv.pads[2] - conv.dilations[0] * (layer.kh - 1) - 1) / conv.strides[0] + 1;
  out_w = (w + conv.pads[1] + conv.pads[3] - conv.dilations[1] * (layer.kw - 1) - 1) / conv.strides[1] + 1;
}

std::vector<double> mean_patch(const LayerGeometry& layer, const TensorView& src, QuantParams quant) {
  const LayerImage image(layer, src.shape);
  const Conv2dParams& conv = layer.conv;
  const auto q = src.as<const uint8_t>();
  const double positions = static_cast<double>(image.n * image.out_h * image.out_w);
  std::vector<double> mean(static_cast<size_t>(layer.groups() * layer.taps()));
  std::vector<uint32_t> sums(static_cast<size_t>(image.c));
  for (int64_t tap = 0; tap < layer.kh * layer.kw; ++tap) {
    std::fill(sums.begin(), sums.end(), 0);
    int64_t inside = 0;
    for (int64_t n = 0; n < image.n; ++n) {
      for (int64_t oy = 0; oy < image.out_h; ++oy) {
        const int64_t y = oy * conv.strides[0] - conv.pads[0] + tap / layer.kw * conv.dilations[0];
        if (y < 0 || y >= image.h) continue;
        for (int64_t ox = 0; ox < image.out_w; ++ox) {
          const int64_t x = ox * conv.strides[1] - conv.pads[1] + tap % layer.kw * conv.dilations[1];
          if (x < 0 || x >= image.w) continue;
          ++inside;
          const uint8_t* pixel = q.data() + ((n * image.h + y) * image.w + x) * image.c;
          for (int64_t c = 0; c < image.c; ++c) sums[static_cast<size_t>(c)] += pixel[c];
        }
      }
    }
    const double zero = static_cast<double>(inside) * quant.zero_point;
    for (int64_t c = 0; c < image.c; ++c) {
      const int64_t at = c / layer.group_c() * layer.taps() + tap * layer.group_c() + c % layer.group_c();
      mean[static_cast<size_t>(at)] =
          static_cast<double>(quant.scale) * (sums[static_cast<size_t>(c)] - zero) / positions;
    }
  }
  return mean;
}

}  // namespace octet
