#include "converter/open_sizes.h"

#include <algorithm>

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
    return Error{ErrorCode::kUnsupported,
                 "no sizes can stay open: the file fixes all of its inputs, and none is an image (" +
                     input_shapes_text(graph) + ")"};
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
  if (const Status same = make_one_of(graph, graphs); !same.ok()) {
    return Error{same.error().code, "the sizes cannot stay open: " + same.error().message};
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
    for (const auto& entry : given) {
      const auto is_named = [&](const TensorInfo& info) { return info.name == entry.first; };
      const auto inputs = model.inputs();
      if (std::ranges::any_of(inputs, is_named)) continue;
      return Error{ErrorCode::kUsage, "a shape is given for '" + entry.first + "', but the network has no such input"};
    }
  }
  OCTET_CHECK(set_shapes(*settled, shapes));
  return Model::from_packed(std::move(settled));
}

}  // namespace octet
