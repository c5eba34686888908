#include "converter/readings.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// Every field of an op as numbers, in order; lists with their lengths.
struct FieldCollector {
  std::vector<double> numbers;

  void operator()(const char*, const Clamp& clamp) { numbers.insert(numbers.end(), {clamp.min, clamp.max}); }
  template <class Field>
  void operator()(const char* name, const Field& field) {
    if constexpr (requires { field.begin(); }) {
      numbers.push_back(static_cast<double>(field.size()));
      for (const auto& item : field) (*this)(name, item);
    } else {
      numbers.push_back(static_cast<double>(field));
    }
  }
};

bool same_op(const GraphOp& a, const GraphOp& b) {
  if (a.index() != b.index()) return false;
  const auto fields = [](const GraphOp& op) {
    FieldCollector collector;
    std::visit([&]<class Params>(const Params& params) { Params::visit_fields(params, collector); }, op);
    return collector.numbers;
  };
  return fields(a) == fields(b);
}

bool same_constant(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && a.shape() == b.shape() &&
         (a.data() == b.data() || std::memcmp(a.data(), b.data(), static_cast<size_t>(a.byte_count())) == 0);
}

// Whether one sample of a constant does for all that it is computed with: it broadcasts, or every sample gets a copy of
// what is joined to it (import/batched_concat.h).
bool takes_one_for_copies(const Node& node, const Shape& constant) {
  if (const auto* concat = node.as<ConcatParams>()) return concat->axis != 0;
  if (node.is<MatmulParams>()) return constant.rank() > 2;
  return node.is<BinaryParams>() || node.is<WhereParams>() || node.is<CompareParams>();
}

// What stands in a node's place: itself, or several reshapes in a row.
struct Freed {
  std::vector<GraphOp> ops;
  ValueId like = kNoValue;  // the node's second input from here on
  // Its axes that may be like those of other values, and these, the best first.
  std::vector<int> axes = {};
  std::vector<SizeChoice::Like> likes = {};
};

// One node as it is at every size: graphs[0] is the one to be freed.
class NodeFreer {
 public:
  NodeFreer(std::span<const Graph> graphs, size_t index, bool may_follow)
      : graphs_(graphs), index_(index), may_follow_(may_follow) {}

  Result<Freed> freed() const {
    for (size_t k = 1; k < graphs_.size(); ++k) OCTET_CHECK(check_wiring(k));
    const GraphOp& op = node(0).op;
    const auto is_same = [&](size_t k) { return same_op(node(k).op, op); };
    bool same = true;
    for (size_t k = 1; k < graphs_.size(); ++k) same = same && is_same(k);
    if (same) return Freed{{op}};
    std::optional<Freed> like;
    if (may_follow_ && node(0).is<ResizeParams>()) like = resize_like();
    if (may_follow_ && node(0).is<ReshapeParams>()) like = reshape_like();
    for (std::vector<GraphOp>& found : candidates()) {
      if (!fits(found)) continue;
      if (!like || node(0).is<ReshapeParams>()) return Freed{std::move(found)};  // of a reshape -1 is what it must be
      return Freed{std::move(found), kNoValue, std::move(like->axes), std::move(like->likes)};
    }
    if (like) return *std::move(like);
    size_t k = 1;
    while (is_same(k)) ++k;
    return refuse(k, "it makes " + output_shape(0).to_string() + " of " + input_shape(0).to_string() + ", but " +
                         output_shape(k).to_string() + " of " + input_shape(k).to_string() +
                         ", by parameters that follow the size");
  }

 private:
  const Node& node(size_t k) const { return graphs_[k].nodes[index_]; }
  const Shape& input_shape(size_t k) const { return graphs_[k].value(node(k).inputs[0]).shape; }
  const Shape& output_shape(size_t k) const { return graphs_[k].value(node(k).outputs[0]).shape; }

  Error refuse(size_t k, const std::string& why) const {
    return {ErrorCode::kUnsupported, "node '" + node(0).name + "' (" + op_name(node(0).op) + "): at " +
                                         input_shapes_text(graphs_[0]) + " and " + input_shapes_text(graphs_[k]) +
                                         ", " + why};
  }

  Status check_wiring(size_t k) const {
    const Node& a = node(0);
    const Node& b = node(k);
    bool same =
        a.op.index() == b.op.index() && a.inputs.size() == b.inputs.size() && a.outputs.size() == b.outputs.size();
    for (size_t i = 0; same && i < a.outputs.size(); ++i) {
      same = graphs_[0].value(a.outputs[i]).name == graphs_[k].value(b.outputs[i]).name;
    }
    if (!same) return refuse(k, "the network has other operations");
    for (size_t i = 0; i < a.inputs.size(); ++i) {
      if ((a.inputs[i] == kNoValue) != (b.inputs[i] == kNoValue)) return refuse(k, "it has other inputs");
      if (a.inputs[i] == kNoValue) continue;
      const Value& x = graphs_[0].value(a.inputs[i]);
      const Value& y = graphs_[k].value(b.inputs[i]);
      if (x.is_constant() != y.is_constant() || (!x.is_constant() && x.name != y.name)) {
        return refuse(k, "it has other inputs");
      }
      if (x.is_constant() && !same_constant(*x.constant, *y.constant) && !is_one_for_all(k, i)) {
        return refuse(k, "its constant '" + x.name + "' (" + x.shape.to_string() + " and " + y.shape.to_string() +
                             ") follows the size");
      }
    }
    return {};
  }

  // Whether input i, a constant that is copied at the size of reading k, makes the same as it is.
  bool is_one_for_all(size_t k, size_t i) const {
    const Tensor& one = *graphs_[0].value(node(0).inputs[i]).constant;
    if (!takes_one_for_copies(node(0), one.shape())) return false;
    if (!is_copies_of(one, *graphs_[k].value(node(k).inputs[i]).constant)) return false;
    if (node(0).is<ConcatParams>()) return true;
    std::vector<TensorDesc> inputs = graphs_[k].descs(node(k).inputs);
    inputs[i].shape = one.shape();
    const auto shapes = infer_shapes(node(0).op, inputs);
    return shapes.ok() && (*shapes)[0] == output_shape(k);
  }

  std::vector<std::vector<GraphOp>> candidates() const {
    std::vector<std::vector<GraphOp>> found;
    const auto add = [&](const std::optional<GraphOp>& op) {
      if (op) found.push_back({*op});
    };
    if (node(0).is<ResizeParams>()) add(freed_resize());
    if (node(0).is<SliceParams>()) add(freed_slice());
    if (!node(0).is<ReshapeParams>()) return found;
    add(freed_reshape());
    found.push_back(reshapes_in_a_row());
    return found;
  }

  // Whether the ops make the node's output at every size.
  bool fits(const std::vector<GraphOp>& ops) const {
    if (ops.empty()) return false;
    for (size_t k = 0; k < graphs_.size(); ++k) {
      std::vector<TensorDesc> inputs = graphs_[k].descs(node(k).inputs);
      for (const GraphOp& op : ops) {
        const auto shapes = infer_shapes(op, inputs);
        if (!shapes.ok()) return false;
        inputs[0].shape = (*shapes)[0];
      }
      if (inputs[0].shape != output_shape(k)) return false;
    }
    return true;
  }

  std::optional<GraphOp> freed_reshape() const {
    ReshapeParams result = *node(0).as<ReshapeParams>();
    const auto dims = [&](size_t k) -> const std::vector<int64_t>& { return node(k).as<ReshapeParams>()->dims; };
    bool has_rest = std::ranges::count(result.dims, -1) > 0;
    for (size_t i = 0; i < result.dims.size(); ++i) {
      bool constant = true, copied = true;
      for (size_t k = 0; k < graphs_.size(); ++k) {
        if (dims(k).size() != result.dims.size()) return std::nullopt;
        constant = constant && dims(k)[i] == result.dims[i];
        copied =
            copied && static_cast<int>(i) < input_shape(k).rank() && dims(k)[i] == input_shape(k)[static_cast<int>(i)];
      }
      if (constant) continue;
      if (!copied && has_rest) return std::nullopt;
      has_rest |= !copied;
      result.dims[i] = copied ? 0 : -1;
    }
    return result;
  }

  // The axes of a shape that are not the same at every size; nothing where its rank is not.
  using ShapeAt = const Shape& (NodeFreer::*)(size_t k) const;
  std::optional<std::vector<int>> moving_axes(ShapeAt shape) const {
    const Shape& own = (this->*shape)(0);
    std::vector<int> axes;
    for (size_t k = 1; k < graphs_.size(); ++k) {
      if ((this->*shape)(k).rank() != own.rank()) return std::nullopt;
    }
    for (int axis = 0; axis < own.rank(); ++axis) {
      bool moves = own[axis] == Shape::kDynamic;
      for (size_t k = 1; k < graphs_.size(); ++k) moves |= (this->*shape)(k)[axis] != own[axis];
      if (moves) axes.push_back(axis);
    }
    return axes;
  }

  // Where several dimensions follow the size and change or change places, one reshape for each of them: -1 makes it,
  // 0 copies the others, and one dimension holds all the constant rest.
  //   (n, h, 2, w, 2, c) to (n, 2 h, 2 w, c)    (0, -1, 2 c, 0), then (0, 0, -1, c)
  std::vector<GraphOp> reshapes_in_a_row() const {
    const auto from = moving_axes(&NodeFreer::input_shape), to = moving_axes(&NodeFreer::output_shape);
    if (!from || !to || from->size() != to->size()) return {};
    const size_t count = from->size();
    std::vector<bool> is_made(count);
    for (size_t i = 0; i < count; ++i) {
      bool same = (*from)[i] == (*to)[i];
      for (size_t k = 0; k < graphs_.size(); ++k) same &= input_shape(k)[(*from)[i]] == output_shape(k)[(*to)[i]];
      is_made[i] = same;
    }
    std::vector<int> places = *from;
    std::vector<GraphOp> row;
    for (size_t left = static_cast<size_t>(std::ranges::count(is_made, false)); left > 0; --left) {
      const auto is_free = [&](size_t mover) {
        for (size_t j = 0; j < count; ++j) {
          if (j != mover && places[j] == (*to)[mover]) return false;
        }
        return true;
      };
      size_t i = 0;  // the next one whose place is free
      while (i < count && (is_made[i] || !is_free(i))) ++i;
      if (i == count) return {};
      places[i] = (*to)[i];
      is_made[i] = true;
      std::vector<int64_t> dims(output_shape(0).begin(), output_shape(0).end());
      if (left > 1) {
        const std::optional<int64_t> rest = constant_rest(*from, *to, is_made);
        if (!rest) return {};
        dims.assign(static_cast<size_t>(*std::ranges::max_element(places)) + 1, 1);
        const auto is_taken = [&](size_t at) { return std::ranges::count(places, static_cast<int>(at)) > 0; };
        size_t at = 0;
        while (at < dims.size() && is_taken(at)) ++at;
        if (at == dims.size()) dims.push_back(1);
        if (dims.size() > Shape::kMaxRank) return {};
        dims[at] = *rest;
      }
      for (const int place : places) dims[static_cast<size_t>(place)] = 0;
      dims[static_cast<size_t>(places[i])] = -1;
      row.emplace_back(ReshapeParams{std::move(dims)});
    }
    return row;
  }

  // What the elements of a sample come to beside the dimensions that follow the size, as far as they are made already;
  // nothing where that is not one number for all sizes.
  std::optional<int64_t> constant_rest(const std::vector<int>& from, const std::vector<int>& to,
                                       const std::vector<bool>& is_made) const {
    std::optional<int64_t> rest;
    for (size_t k = 0; k < graphs_.size(); ++k) {
      const int64_t all = known_elements(input_shape(k));
      int64_t moving = 1;
      for (size_t i = 0; i < from.size(); ++i) {
        const int64_t dim = is_made[i] ? output_shape(k)[to[i]] : input_shape(k)[from[i]];
        moving *= dim == Shape::kDynamic ? 1 : dim;
      }
      if (moving <= 0 || all % moving != 0 || (rest && *rest != all / moving)) return std::nullopt;
      rest = all / moving;
    }
    return rest;
  }

  // An end that stays as far from the end of its axis.
  std::optional<GraphOp> freed_slice() const {
    SliceParams result = *node(0).as<SliceParams>();
    for (size_t i = 0; i < result.ends.size(); ++i) {
      const int64_t own = result.ends[i];
      bool constant = true, follows = result.axes[i] < input_shape(0).rank();
      std::optional<int64_t> distance;
      for (size_t k = 0; k < graphs_.size(); ++k) {
        const SliceParams& params = *node(k).as<SliceParams>();
        if (params.axes != result.axes || params.starts != result.starts) return std::nullopt;
        constant = constant && params.ends[i] == own;
        if (!follows) continue;
        const int64_t size = input_shape(k)[static_cast<int>(result.axes[i])];
        const int64_t behind = size - params.ends[i];
        follows = params.ends[i] > 0 && (!distance || *distance == behind);
        distance = behind;
      }
      if (constant) continue;
      if (!follows) return std::nullopt;
      result.ends[i] = *distance <= 0 ? INT64_MAX : -*distance;
    }
    return result;
  }

  std::optional<GraphOp> freed_resize() const {
    ResizeParams result = *node(0).as<ResizeParams>();
    for (size_t axis = 0; axis < 2; ++axis) {
      std::optional<int64_t> scale;
      bool constant = true;
      for (size_t k = 0; k < graphs_.size(); ++k) {
        const ResizeParams& params = *node(k).as<ResizeParams>();
        constant = constant && params.sizes[axis] == result.sizes[axis] && params.scales[axis] == result.scales[axis];
        const int64_t src = input_shape(k)[static_cast<int>(axis) + 1];
        const bool whole = src > 0 && params.sizes[axis] > 0 && params.sizes[axis] % src == 0;
        const int64_t own = whole ? params.sizes[axis] / src : 0;
        if (!scale) scale = own;
        if (own != *scale) scale = 0;
      }
      if (constant) continue;
      if (*scale == 0) return std::nullopt;
      result.sizes[axis] = 0;
      result.scales[axis] = static_cast<float>(*scale);
    }
    return result;
  }

  // The resize of reading k, by no size of its own.
  ResizeParams by_defaults(size_t k) const {
    ResizeParams params = *node(k).as<ResizeParams>();
    params.sizes = ResizeParams().sizes;
    params.scales = ResizeParams().scales;
    return params;
  }

  // Values made before the node of whose shapes, given by reading, `match` gives the axes that are the node's. First
  // those that most nodes read: no later rewrite needs them to be read by one node only.
  template <class Match>
  std::vector<SizeChoice::Like> values_before(const Match& match) const {
    std::vector<SizeChoice::Like> found;
    const auto consider = [&](const auto& values_of) {
      for (size_t i = 0; i < values_of(0).size(); ++i) {
        const auto shape_at = [&](size_t k) -> const Shape& { return graphs_[k].value(values_of(k)[i]).shape; };
        if (std::optional<std::vector<int>> axes = match(shape_at))
          found.push_back({values_of(0)[i], *std::move(axes)});
      }
    };
    consider([&](size_t k) -> const auto& { return graphs_[k].inputs; });
    for (size_t at = 0; at < index_; ++at) {
      consider([&](size_t k) -> const auto& { return graphs_[k].nodes[at].outputs; });
    }
    const auto readers = [&](const SizeChoice::Like& like) { return graphs_[0].use_count(like.id); };
    std::ranges::stable_sort(found, std::greater(), readers);
    return found;
  }

  // Whether an axis of shapes, given by reading, is always as long as that of the node's output.
  template <class ShapeAt>
  bool is_axis(const ShapeAt& shape_at, int axis, int own) const {
    for (size_t k = 0; k < graphs_.size(); ++k) {
      if (axis >= shape_at(k).rank() || shape_at(k)[axis] != output_shape(k)[own]) return false;
    }
    return true;
  }

  // A resize to sizes follows what has its height and width.
  std::optional<Freed> resize_like() const {
    if (node(0).inputs.size() != 1) return std::nullopt;
    for (size_t k = 0; k < graphs_.size(); ++k) {
      const ResizeParams& params = *node(k).as<ResizeParams>();
      const bool is_exact = params.sizes[0] > 0 && params.sizes[1] > 0;
      if (!is_exact || !same_op(by_defaults(k), by_defaults(0))) return std::nullopt;
    }
    std::vector<SizeChoice::Like> likes = values_before([&](const auto& shape_at) -> std::optional<std::vector<int>> {
      const bool is_image = shape_at(0).rank() == 4 && is_axis(shape_at, 1, 1) && is_axis(shape_at, 2, 2);
      return is_image ? std::optional(std::vector{1, 2}) : std::nullopt;
    });
    if (likes.empty()) return std::nullopt;
    return Freed{{by_defaults(0)}, likes[0].id, {1, 2}, std::move(likes)};
  }

  // A reshape to dimensions that another value has: what was joined comes apart again.
  //   (n, c, h * w) to (n, c, h, w)    (0, c, -4, -5) like a value (n, ., h, w)
  std::optional<Freed> reshape_like() const {
    const auto moving = moving_axes(&NodeFreer::output_shape);
    if (!moving || node(0).inputs.size() != 1) return std::nullopt;
    ReshapeParams params{{output_shape(0).begin(), output_shape(0).end()}};
    std::vector<int> axes;  // that follow the size, and are no copies of the input's
    for (const int axis : *moving) {
      const bool is_copied = is_axis([&](size_t k) -> const Shape& { return input_shape(k); }, axis, axis);
      params.dims[static_cast<size_t>(axis)] = 0;
      if (!is_copied) axes.push_back(axis);
    }
    std::vector<SizeChoice::Like> likes = values_before([&](const auto& shape_at) -> std::optional<std::vector<int>> {
      std::vector<int> found;
      for (const int own : axes) {
        int axis = 0;
        while (axis < shape_at(0).rank() && !is_axis(shape_at, axis, own)) ++axis;
        if (axis == shape_at(0).rank()) return std::nullopt;
        found.push_back(axis);
      }
      return found;
    });
    if (axes.empty() || likes.empty()) return std::nullopt;
    for (size_t i = 0; i < axes.size(); ++i) {
      params.dims[static_cast<size_t>(axes[i])] = dim_of_like(likes[0].axes[i]);
    }
    return Freed{{std::move(params)}, likes[0].id, std::move(axes), std::move(likes)};
  }

  std::span<const Graph> graphs_;
  size_t index_;
  bool may_follow_;  // another value
};

}  // namespace

bool is_copies_of(const Tensor& one, const Tensor& copies) {
  const int rank = one.shape().rank();
  if (one.type() != copies.type() || copies.shape().rank() != rank) return false;
  std::vector<int64_t> strides(static_cast<size_t>(rank));  // 0 along an axis of copies
  int64_t stride = 1;
  for (int axis = rank - 1; axis >= 0; --axis) {
    const bool is_same = one.shape()[axis] == copies.shape()[axis];
    if (!is_same && one.shape()[axis] != 1) return false;
    strides[static_cast<size_t>(axis)] = is_same ? stride : 0;
    stride *= one.shape()[axis];
  }
  const auto bytes = static_cast<size_t>(element_bytes(one.type()));
  for (int64_t i = 0; i < copies.element_count(); ++i) {
    int64_t at = 0, rest = i;
    for (int axis = rank - 1; axis >= 0; --axis) {
      at += rest % copies.shape()[axis] * strides[static_cast<size_t>(axis)];
      rest /= copies.shape()[axis];
    }
    const auto* own = static_cast<const char*>(one.data()) + static_cast<size_t>(at) * bytes;
    if (std::memcmp(own, static_cast<const char*>(copies.data()) + static_cast<size_t>(i) * bytes, bytes) != 0)
      return false;
  }
  return true;
}

std::string input_shapes_text(const Graph& graph) {
  std::string text;
  for (const ValueId id : graph.inputs) text += (text.empty() ? "" : ", ") + graph.value(id).shape.to_string();
  return text;
}

Status make_one_of(Graph& graph, std::span<const Graph> readings, std::vector<SizeChoice>* choices) {
  for (size_t k = 1; k < readings.size(); ++k) {
    const size_t counts[] = {graph.nodes.size(), readings[k].nodes.size()};
    if (counts[0] == counts[1]) continue;
    size_t at = 0;
    while (at < std::min(counts[0], counts[1]) && graph.nodes[at].name == readings[k].nodes[at].name) ++at;
    const Node& first = counts[0] > at ? graph.nodes[at] : readings[k].nodes[at];
    return Error{ErrorCode::kUnsupported, "the network has " + std::to_string(counts[0]) + " operations at " +
                                              input_shapes_text(graph) + ", but " + std::to_string(counts[1]) + " at " +
                                              input_shapes_text(readings[k]) + ", from node '" + first.name + "' on"};
  }
  size_t at = 0;
  for (size_t i = 0; i < readings[0].nodes.size(); ++i, ++at) {
    OCTET_TRY(Freed freed, NodeFreer(readings, i, choices != nullptr).freed());
    std::vector<GraphOp>& ops = freed.ops;
    for (size_t k = 0; k + 1 < ops.size(); ++k, ++at) {
      const std::vector<ValueId> inputs = graph.nodes[at].inputs;
      const std::string name = graph.nodes[at].name + ":reshape";
      OCTET_TRY(const std::vector<Shape> shapes, infer_shapes(ops[k], graph.descs(inputs)));
      const ValueId made = graph.add_value(name, graph.value(inputs[0]).type, shapes[0]);
      graph.insert_node(at, name, std::move(ops[k]), inputs, {made});
      graph.nodes.set_inputs(graph.nodes[at + 1], {made});
    }
    graph.nodes[at].op = std::move(ops.back());
    if (freed.like != kNoValue) graph.nodes.set_input(graph.nodes[at], graph.nodes[at].inputs.size(), freed.like);
    if (!freed.likes.empty()) {
      choices->push_back({graph.nodes[at].outputs[0], std::move(freed.axes), std::move(freed.likes)});
    }
  }
  return {};
}

}  // namespace octet
