// The layer whose value reshapes, transposes and slices have moved: what a transposed convolution ends with.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "converter/graph.h"

namespace octet {

// The node that made the elements of `id`, which may have been moved since; null where anything else reads them on the
// way, where a value on the way is a graph output, and for graph inputs and constants.
Node* maker_of(Graph& graph, ValueId id);

struct MovedLayer {
  Node* layer = nullptr;         // weighted and linear: see rewrite.h
  std::vector<size_t> channels;  // per output channel of the layer, the place along the axis where its values are

  // One number per place along the axis as one per output channel.
  std::vector<double> per_output(const std::vector<double>& per_place) const;
};

// The layer that made the elements of `id`, if each of its output channels lies at one place along `axis` of `id`.
std::optional<MovedLayer> moved_layer(Graph& graph, ValueId id, int64_t axis);

}  // namespace octet
