#include "converter/open_sizes.h"

#include <algorithm>

namespace octet {
namespace {

// Sizes at which no two of height, width, their products and their batch are mistaken for each other; two at which
// every halving, rounded up or down, leaves an odd number, so that what rounds and padding which follows the size show;
// and one that need not be divisible by what the own size is divisible by, except by a power of 2. Many networks do not
// take the last three; then these prove nothing, and sessions refuse such sizes too.
struct Trial {
  int64_t (*size)(int64_t size, bool even_axis);
  bool is_required;
};
constexpr Trial kTrials[] = {
    {[](int64_t size, bool even_axis) { return size * (even_axis ? 2 : 3); }, true},
    {[](int64_t size, bool even_axis) { return size * (even_axis ? 3 : 2); }, true},
    {[](int64_t size, bool even_axis) { return (size + 31) / 32 * 32 + (even_axis ? 33 : 65); }, false},
    {[](int64_t size, bool even_axis) { return (size + 31) / 32 * 32 + (even_axis ? 31 : 63); }, false},
    {[](int64_t size, bool even_axis) { return size + (even_axis ? 32 : 64); }, false},
};

// Sizes that are tried where several forms of a node fit those, and part: every remainder of 32. Where readings fail
// so often, the network does not take such sizes.
constexpr int64_t kRemainders = 32;
constexpr int kMostFurtherTrials = 8;

// `size`: of an open axis, by its own and whether its number is even.
template <class Size>
std::map<std::string, Shape> shapes_at(const Graph& graph, const OpenAxes& open, const Size& size) {
  std::map<std::string, Shape> shapes;
  for (const ValueId id : graph.inputs) shapes[graph.value(id).name] = graph.value(id).shape;
  for (const auto& [name, axes] : open) {
    for (const int axis : axes) shapes[name][axis] = size(shapes[name][axis], axis % 2 == 0);
  }
  return shapes;
}

// Whether forms of a node part at these input shapes. (Where the graph does not take them, what stands before the
// fault has its shape.)
bool has_doubt(Graph graph, const std::vector<SizeChoice>& choices, const std::map<std::string, Shape>& shapes) {
  for (const ValueId id : graph.inputs) graph.value(id).shape = shapes.at(graph.value(id).name);
  static_cast<void>(graph.infer());
  return std::ranges::any_of(choices, [&](const SizeChoice& choice) {
    const Shape& own = graph.value(choice.made).shape;
    return std::ranges::any_of(choice.likes, [&](const SizeChoice::Like& like) {
      bool is_same = true;
      for (size_t i = 0; i < like.axes.size(); ++i) {
        is_same &= own[choice.axes[i]] == graph.value(like.id).shape[like.axes[i]];
      }
      return !is_same;
    });
  });
}

// The readings of one network so far, the first at its own size.
struct Readings {
  std::vector<Graph> graphs;
  std::vector<SizeArithmetic> arithmetics;
  std::vector<std::string> shapes;  // for messages
  std::vector<SizeTrial> trials;    // all but the first

  void add(Reading reading) {
    const auto shapes_of = [&](const std::vector<ValueId>& ids) {
      std::vector<Shape> found;
      for (const ValueId id : ids) found.push_back(reading.graph.value(id).shape);
      return found;
    };
    trials.push_back({shapes_of(reading.graph.inputs), shapes_of(reading.graph.outputs)});
    shapes.push_back(input_shapes_text(reading.graph));
    graphs.push_back(std::move(reading.graph));
    arithmetics.push_back(std::move(reading.arithmetic));
  }
};

// make_one_of(), by further readings where these leave doubts.
Status free_graph(Graph& graph, const OpenAxes& axes, const ReadAtShapes& read, Readings& readings) {
  const Graph own = graph;
  std::vector<SizeChoice> choices;
  OCTET_CHECK(make_one_of(graph, readings.graphs, &choices));
  int trials = 0;
  for (int64_t more = 1; more < kRemainders && !choices.empty() && trials < kMostFurtherTrials; ++more) {
    const auto shapes = shapes_at(own, axes, [&](int64_t size, bool) { return size + more; });
    if (!has_doubt(graph, choices, shapes)) continue;
    ++trials;
    Result<Reading> other = read(shapes);
    if (!other.ok()) continue;
    readings.add(std::move(*other));
    graph = own;
    choices.clear();
    OCTET_CHECK(make_one_of(graph, readings.graphs, &choices));
  }
  return {};
}

Error stay_closed(const Error& why, const std::string& instead) {
  return {why.code, "the sizes cannot stay open: " + why.message + "; " + instead};
}

// One file for one size, by the size at hand.
std::string fixed_instead(const Graph& graph, const OpenAxes& axes) {
  std::string shapes;
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    Shape shape = input.shape;
    if (shape.rank() > 0 && shape[0] == Shape::kDynamic) shape[0] = 1;
    if (axes.contains(input.name)) shapes += "--input-shape " + input.name + "=" + shape.to_string() + " ";
  }
  return shapes + "instead of --open-sizes makes a file for one size";
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

Result<OpenSizes> free_sizes(Graph& graph, const SizeArithmetic& arithmetic, const OpenAxes& axes,
                             const ReadAtShapes& read) {
  if (axes.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "no sizes can stay open: the file fixes all of its inputs, and none is an image (" +
                     input_shapes_text(graph) + "); without --open-sizes it is converted for these shapes"};
  }
  OpenSizes sizes{axes, {}, fixed_instead(graph, axes)};
  Readings readings{{graph}, {arithmetic}, {input_shapes_text(graph)}, {}};
  for (const Trial& trial : kTrials) {
    Result<Reading> other = read(shapes_at(graph, axes, trial.size));
    if (!other.ok() && !trial.is_required) continue;
    if (!other.ok()) return stay_closed({ErrorCode::kUnsupported, other.error().message}, sizes.instead);
    readings.add(std::move(*other));
  }
  Status same = free_graph(graph, axes, read, readings);
  if (same.ok()) same = check_arithmetic(readings.arithmetics, readings.shapes, OpenSize::kImage);
  if (!same.ok()) return stay_closed(same.error(), sizes.instead);
  sizes.trials = std::move(readings.trials);
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
    return stay_closed({ErrorCode::kUnsupported, opened.error().message}, sizes.instead);
  }
  for (const SizeTrial& trial : sizes.trials) {
    const Result<std::vector<Shape>> inferred = propagate_shapes(model, trial.inputs);
    if (!inferred.ok()) return stay_closed(inferred.error(), sizes.instead);
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      const auto id = static_cast<size_t>(model.outputs[i]);
      const Shape& made = (*inferred)[id];
      if (made == trial.outputs[i]) continue;
      return stay_closed({ErrorCode::kUnsupported, "the output '" + model.tensors[id].name + "' would be " +
                                                       made.to_string() + ", not " + trial.outputs[i].to_string()},
                         sizes.instead);
    }
    // An open batch hides what does not fit.
    std::vector<Shape> single = trial.inputs;
    for (Shape& shape : single) {
      if (shape.rank() > 0 && shape[0] == Shape::kDynamic) shape[0] = 1;
    }
    const Result<std::vector<Shape>> of_one = propagate_shapes(model, single);
    if (!of_one.ok()) return stay_closed(of_one.error(), sizes.instead);
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
