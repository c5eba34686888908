#include "converter/open_sizes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace octet {
namespace {

// Sizes at which no two of height, width, their products and their batch are mistaken for each other, and one at which
// every halving, rounded up, leaves an odd number, so that padding which follows the size shows. Many networks do not
// take that one; then it proves nothing, and sessions refuse such sizes too.
struct Trial {
  int64_t (*size)(int64_t size, bool even_axis);
  bool is_required;
};
constexpr Trial kTrials[] = {
    {[](int64_t size, bool even_axis) { return size * (even_axis ? 2 : 3); }, true},
    {[](int64_t size, bool even_axis) { return size * (even_axis ? 3 : 2); }, true},
    {[](int64_t size, bool even_axis) { return (size + 31) / 32 * 32 + (even_axis ? 33 : 65); }, false},
};

std::map<std::string, Shape> shapes_at(const Graph& graph, const OpenAxes& open, const Trial& trial) {
  std::map<std::string, Shape> shapes;
  for (const ValueId id : graph.inputs) shapes[graph.value(id).name] = graph.value(id).shape;
  for (const auto& [name, axes] : open) {
    for (const int axis : axes) shapes[name][axis] = trial.size(shapes[name][axis], axis % 2 == 0);
  }
  return shapes;
}

std::string text_of(const Graph& graph) {
  std::string text;
  for (const ValueId id : graph.inputs) text += (text.empty() ? "" : ", ") + graph.value(id).shape.to_string();
  return text;
}

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
         std::memcmp(a.data(), b.data(), static_cast<size_t>(a.byte_count())) == 0;
}

// One node as it is at every size: graphs[0] is the one to be freed.
class NodeFreer {
 public:
  NodeFreer(std::span<const Graph> graphs, size_t index) : graphs_(graphs), index_(index) {}

  Result<GraphOp> freed() const {
    for (size_t k = 1; k < graphs_.size(); ++k) OCTET_CHECK(check_wiring(k));
    const GraphOp& op = node(0).op;
    const auto is_same = [&](size_t k) { return same_op(node(k).op, op); };
    bool same = true;
    for (size_t k = 1; k < graphs_.size(); ++k) same = same && is_same(k);
    if (same) return op;
    std::optional<GraphOp> found;
    if (node(0).is<ReshapeParams>()) found = freed_reshape();
    if (node(0).is<ResizeParams>()) found = freed_resize();
    for (size_t k = 0; found && k < graphs_.size(); ++k) {
      const auto shapes = infer_shapes(*found, graphs_[k].descs(node(k).inputs));
      if (!shapes.ok() || (*shapes)[0] != output_shape(k)) found.reset();
    }
    if (found) return *found;
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
    return {ErrorCode::kUnsupported, "the sizes cannot stay open: node '" + node(0).name + "' (" + op_name(node(0).op) +
                                         "): at " + text_of(graphs_[0]) + " and " + text_of(graphs_[k]) + ", " + why};
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
      if (x.is_constant() && !same_constant(*x.constant, *y.constant)) {
        return refuse(k, "its constant '" + x.name + "' (" + x.shape.to_string() + " and " + y.shape.to_string() +
                             ") follows the size");
      }
    }
    return {};
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

  std::span<const Graph> graphs_;
  size_t index_;
};

std::vector<Shape> shapes_of(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<Shape> shapes;
  for (const ValueId id : ids) shapes.push_back(graph.value(id).shape);
  return shapes;
}

// Writes into the model what propagate_shapes() says.
Status set_shapes(PackedModel& model, std::span<const Shape> input_shapes) {
  OCTET_TRY(const std::vector<Shape> shapes, propagate_shapes(model, input_shapes));
  for (size_t i = 0; i < shapes.size(); ++i) model.tensors[i].shape = shapes[i];
  return check_model(model);
}

}  // namespace

OpenAxes choose_open_axes(const Graph& graph, const OpenAxes& left_open) {
  if (!left_open.empty()) return left_open;
  OpenAxes axes;
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    if (input.shape.rank() != 4) continue;
    axes[input.name] = input.shape[1] <= input.shape[3] ? std::vector{2, 3} : std::vector{1, 2};
  }
  return axes;
}

Result<OpenSizes> free_sizes(Graph& graph, const OpenAxes& axes, const ReadAtShapes& read) {
  if (axes.empty()) {
    return Error{
        ErrorCode::kUnsupported,
        "no sizes can stay open: the file fixes all of its inputs, and none is an image (" + text_of(graph) + ")"};
  }
  OpenSizes sizes{axes, {}};
  std::vector<Graph> graphs{graph};
  for (const Trial& trial : kTrials) {
    Result<Graph> other = read(shapes_at(graph, axes, trial));
    if (!other.ok() && !trial.is_required) continue;
    if (!other.ok()) {
      return Error{ErrorCode::kUnsupported, "the sizes cannot stay open: " + other.error().message};
    }
    sizes.trials.push_back({shapes_of(*other, other->inputs), shapes_of(*other, other->outputs)});
    graphs.push_back(std::move(*other));
  }
  for (size_t k = 1; k < graphs.size(); ++k) {
    if (graphs[k].nodes.size() == graph.nodes.size()) continue;
    return Error{ErrorCode::kUnsupported, "the sizes cannot stay open: the network has " +
                                              std::to_string(graph.nodes.size()) + " operations at " + text_of(graph) +
                                              ", but " + std::to_string(graphs[k].nodes.size()) + " at " +
                                              text_of(graphs[k])};
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    OCTET_TRY(graph.nodes[i].op, NodeFreer(graphs, i).freed());
  }
  return sizes;
}

Result<PackedModel> with_open_sizes(PackedModel model, const OpenSizes& sizes) {
  std::vector<Shape> shapes;
  for (const int32_t id : model.inputs) {
    const PackedTensor& input = model.tensors[static_cast<size_t>(id)];
    shapes.push_back(input.shape);
    const auto open = sizes.axes.find(input.name);
    if (open == sizes.axes.end()) continue;
    for (const int axis : open->second) shapes.back()[axis] = Shape::kDynamic;
  }
  if (const Status opened = set_shapes(model, shapes); !opened.ok()) {
    return Error{ErrorCode::kUnsupported, "the sizes cannot stay open: " + opened.error().message};
  }
  for (const SizeTrial& trial : sizes.trials) {
    OCTET_TRY(const std::vector<Shape> inferred, propagate_shapes(model, trial.inputs));
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      const auto id = static_cast<size_t>(model.outputs[i]);
      if (inferred[id] == trial.outputs[i]) continue;
      return Error{ErrorCode::kUnsupported, "the sizes cannot stay open: the output '" + model.tensors[id].name +
                                                "' would be " + inferred[id].to_string() + ", not " +
                                                trial.outputs[i].to_string()};
    }
  }
  return model;
}

Result<Model> with_input_shapes(const Model& model, const std::map<std::string, Shape>& given) {
  auto settled = std::make_shared<PackedModel>(model.packed());
  std::vector<Shape> shapes;
  size_t used = 0;
  for (const int32_t id : settled->inputs) {
    const PackedTensor& input = settled->tensors[static_cast<size_t>(id)];
    shapes.push_back(input.shape);
    const auto found = given.find(input.name);
    if (found == given.end()) continue;
    ++used;
    bool fits = found->second.rank() == input.shape.rank();
    for (int axis = 0; fits && axis < input.shape.rank(); ++axis) {
      if (input.shape[axis] == Shape::kDynamic && (axis > 0 || found->second[0] != 1)) {
        shapes.back()[axis] = found->second[axis];
      }
      fits = input.shape[axis] == Shape::kDynamic || input.shape[axis] == found->second[axis];
    }
    if (!fits) {
      return Error{ErrorCode::kUsage, "the input '" + input.name + "' is " + input.shape.to_string() +
                                          ", but is to get " + found->second.to_string()};
    }
  }
  if (used < given.size()) {
    for (const auto& [name, shape] : given) {
      const auto is_named = [&](const TensorInfo& info) { return info.name == name; };
      const auto inputs = model.inputs();
      if (std::ranges::any_of(inputs, is_named)) continue;
      return Error{ErrorCode::kUsage, "a shape is given for '" + name + "', but the network has no such input"};
    }
  }
  OCTET_CHECK(set_shapes(*settled, shapes));
  return Model::from_packed(std::move(settled));
}

}  // namespace octet
