#include "converter/passes/moved_layer.h"

#include <algorithm>
#include <numeric>

#include "converter/passes/reshape_groups.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

bool is_move(const Node& node) {
  return node.is<ReshapeParams>() || node.is<TransposeParams>() || node.is<SliceParams>();
}

// For each element of a value, its place along the axis that was asked for. Axes along which it does not vary have
// size 1.
struct Places {
  std::vector<int64_t> dims;
  std::vector<size_t> at;  // row-major

  bool varies(int64_t axis) const { return dims[static_cast<size_t>(axis)] != 1; }
  // Elements between two that are neighbours along the axis.
  size_t stride(size_t axis) const {
    return static_cast<size_t>(std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, dims.end(),
                                               int64_t{1}, std::multiplies<>()));
  }

  // Along an axis of size 1.
  void repeat(size_t axis, int64_t count) {
    const size_t inner = stride(axis);
    std::vector<size_t> repeated;
    repeated.reserve(at.size() * static_cast<size_t>(count));
    for (size_t i = 0; i < at.size(); i += inner) {
      for (int64_t k = 0; k < count; ++k) {
        for (size_t j = i; j < i + inner; ++j) repeated.push_back(at[j]);
      }
    }
    at = std::move(repeated);
    dims[axis] = count;
  }

  // The axis becomes one of size 1 if nothing varies along it.
  void drop_if_constant(size_t axis) {
    const size_t inner = stride(axis);
    const size_t outer = inner * static_cast<size_t>(dims[axis]);
    const auto first = [&](size_t i) { return i / outer * outer + i % inner; };
    std::vector<size_t> kept;
    for (size_t i = 0; i < at.size(); ++i) {
      if (at[i] != at[first(i)]) return;
      if (i == first(i)) kept.push_back(at[i]);
    }
    at = std::move(kept);
    dims[axis] = 1;
  }

  Places before_transpose(const std::vector<int64_t>& permutation) const {
    Places before{std::vector<int64_t>(dims.size()), std::vector<size_t>(at.size())};
    for (size_t i = 0; i < dims.size(); ++i) before.dims[static_cast<size_t>(permutation[i])] = dims[i];
    for (size_t from = 0; from < at.size(); ++from) {
      size_t to = 0;
      for (size_t i = 0; i < dims.size(); ++i) {
        const size_t index = from / stride(i) % static_cast<size_t>(dims[i]);
        to += index * before.stride(static_cast<size_t>(permutation[i]));
      }
      before.at[to] = at[from];
    }
    return before;
  }
};

std::optional<Places> before_reshape(Places places, const Shape& from, const Shape& to) {
  const auto groups = reshape_groups(from, to);
  if (!groups) return std::nullopt;
  std::vector<int64_t> dims(static_cast<size_t>(from.rank()), 1);
  for (const AxisGroup& group : *groups) {
    if (std::none_of(group.out.begin(), group.out.end(), [&](int axis) { return places.varies(axis); })) continue;
    for (const int axis : group.out) {
      if (!places.varies(axis)) places.repeat(static_cast<size_t>(axis), to[axis]);
    }
    for (const int axis : group.in) dims[static_cast<size_t>(axis)] = from[axis];
  }
  places.dims = std::move(dims);  // groups keep their order, so elements do
  for (size_t axis = 0; axis < places.dims.size(); ++axis) places.drop_if_constant(axis);
  return places;
}

std::optional<Places> before(const Graph& graph, const Node& move, const Places& places) {
  if (const auto* transpose = move.as<TransposeParams>()) return places.before_transpose(transpose->permutation);
  if (const auto* slice = move.as<SliceParams>()) {
    const bool cuts =
        std::any_of(slice->axes.begin(), slice->axes.end(), [&](int64_t axis) { return places.varies(axis); });
    return cuts ? std::nullopt : std::optional(places);
  }
  return before_reshape(places, graph.value(move.input(0)).shape, graph.value(move.outputs[0]).shape);
}

}  // namespace

Node* maker_of(Graph& graph, ValueId id) {
  while (true) {
    Node* node = graph.producer(id);
    if (node == nullptr || graph.use_count(id) != 1) return nullptr;
    if (!is_move(*node)) return node;
    id = node->input(0);
  }
}

std::vector<double> MovedLayer::per_output(const std::vector<double>& per_place) const {
  std::vector<double> values(channels.size());
  std::transform(channels.begin(), channels.end(), values.begin(), [&](size_t place) { return per_place[place]; });
  return values;
}

std::optional<MovedLayer> moved_layer(Graph& graph, ValueId id, int64_t axis) {
  Node* layer = maker_of(graph, id);
  if (layer == nullptr || !is_weighted(graph, *layer) || !is_linear(*layer)) return std::nullopt;
  const Shape& shape = graph.value(id).shape;
  const int64_t count = shape[static_cast<int>(axis)];
  if (count < 1) return std::nullopt;
  std::optional<Places> places{{std::vector<int64_t>(static_cast<size_t>(shape.rank()), 1), {0}}};
  places->dims[static_cast<size_t>(axis)] = count;
  places->at.resize(static_cast<size_t>(count));
  std::iota(places->at.begin(), places->at.end(), size_t{0});
  while (id != layer->outputs[0]) {
    const Node* move = graph.producer(id);
    places = before(graph, *move, *places);
    if (!places) return std::nullopt;
    id = move->input(0);
  }
  const size_t last = places->dims.size() - 1;
  if (!places->varies(static_cast<int64_t>(last))) places->repeat(last, output_channels(graph, *layer));
  // Along the other axes nothing may vary.
  if (places->at.size() != static_cast<size_t>(output_channels(graph, *layer))) return std::nullopt;
  return MovedLayer{layer, std::move(places->at)};
}

}  // namespace octet
