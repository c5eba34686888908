#include "converter/pixel_grid.h"

#include <algorithm>
#include <cmath>

#include "converter/passes/rewrite.h"
#include "octet/image.hpp"

namespace octet {
namespace {

constexpr double kMostPixel = 255;
constexpr double kLeastCover = 0.5;    // of the grid's range
constexpr double kTolerance = 1e-3;    // beyond it, likewise: float arithmetic
constexpr double kHalfStep = 0.50001;  // what rounding a zero may cost in the padding

// How the input reaches the first convolution.
struct FirstLayer {
  Node* conv = nullptr;
  int channel_axis = 3;  // of the input
  std::vector<ValueId> quantized;  // values that have the integers of the input
};

std::optional<FirstLayer> first_layer(Graph& graph, size_t channels) {
  FirstLayer found;
  const ValueId input = graph.inputs[0];
  Node* user = sole_user(graph, input);
  if (user == nullptr) return std::nullopt;
  const auto* transpose = user->as<TransposeParams>();
  const bool turns = transpose != nullptr && transpose->permutation == std::vector<int64_t>{0, 2, 3, 1};
  if (turns || (user->is<ReshapeParams>() && channels == 1)) {
    found.channel_axis = 1;
    found.quantized.push_back(user->outputs[0]);
    user = sole_user(graph, user->outputs[0]);
  }
  if (user == nullptr || !user->is<Conv2dParams>() || !is_weighted(graph, *user)) return std::nullopt;
  if (user->input(kConvResidual) == input) return std::nullopt;
  found.conv = user;
  return found;
}

// A constant per channel that broadcasts against the input; one number where all are equal.
Tensor per_channel_constant(const std::vector<double>& values, int channel_axis) {
  const bool is_one = std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; });
  const auto count = is_one ? int64_t{1} : static_cast<int64_t>(values.size());
  Tensor tensor(DataType::kF32, channel_axis == 1 ? Shape{count, 1, 1} : Shape{count});
  for (int64_t c = 0; c < count; ++c) {
    tensor.as<float>()[static_cast<size_t>(c)] = static_cast<float>(values[static_cast<size_t>(c)]);
  }
  return tensor;
}

// Puts nodes between the input and its reader.
class Front {
 public:
  Front(Graph& graph, int channel_axis) : graph_(graph), channel_axis_(channel_axis), last_(graph.inputs[0]) {}

  void pad(const std::array<int64_t, 4>& pads) {  // top, left, bottom, right
    PadParams params{.mode = PadMode::kConstant, .before = {0, 0, 0, 0}, .after = {0, 0, 0, 0}, .value = 0};
    const size_t y = channel_axis_ == 1 ? 2 : 1;
    for (size_t i = 0; i < 2; ++i) {
      params.before[y + i] = pads[i];
      params.after[y + i] = pads[2 + i];
    }
    add("pad", params, {last_});
  }

  void apply(const char* what, BinaryKind kind, const std::vector<double>& values) {
    const double neutral = kind == BinaryKind::kMul ? 1 : 0;
    if (std::all_of(values.begin(), values.end(), [&](double v) { return v == neutral; })) return;
    const ValueId constant =
        graph_.add_constant(input_name() + ":" + what + "s", per_channel_constant(values, channel_axis_));
    add(what, BinaryParams{.kind = kind, .clamp = {}}, {last_, constant});
  }

  ValueId last() const { return last_; }
  size_t size() const { return count_; }

 private:
  std::string input_name() const { return graph_.value(graph_.inputs[0]).name; }

  void add(const char* what, GraphOp op, std::vector<ValueId> inputs) {
    const std::string name = input_name() + ":" + what;
    const ValueId result = graph_.add_value(name, DataType::kF32, graph_.value(last_).shape);
    graph_.insert_node(count_++, name, std::move(op), std::move(inputs), {result});
    last_ = result;
  }

  Graph& graph_;
  int channel_axis_;
  ValueId last_;
  size_t count_ = 0;
};

}  // namespace

std::optional<PixelGrid> pixel_grid(const Graph& graph, const StatsTable& stats) {
  if (graph.inputs.size() != 1 || graph.preprocessing.empty()) return std::nullopt;
  const Value& input = graph.value(graph.inputs[0]);
  const auto observed = stats.find(input.name);
  if (input.type != DataType::kF32 || observed == stats.end()) return std::nullopt;
  const Result<Preprocessing> spec = Preprocessing::parse(graph.preprocessing);
  if (!spec.ok() || !resolve_input(*spec, input.shape, input.name).ok()) return std::nullopt;
  PixelGrid grid;
  double least = 0;
  double most = 0;
  for (size_t c = 0; c < static_cast<size_t>(spec->channels()); ++c) {
    const double step = spec->scale[c] / spec->std[c];
    const double zero = spec->mean[c] / spec->scale[c];
    if (!std::isnormal(step) || step < 0 || !(zero >= 0 && zero <= kMostPixel)) return std::nullopt;
    grid.step.push_back(step);
    grid.zero.push_back(zero);
    least = std::min(least, -step * zero);
    most = std::max(most, step * (kMostPixel - zero));
  }
  const double range = most - least;
  const auto min = static_cast<double>(observed->second.min());
  const auto max = static_cast<double>(observed->second.max());
  if (min < least - kTolerance * range || max > most + kTolerance * range) return std::nullopt;
  if (max - min < kLeastCover * range) return std::nullopt;
  return grid;
}

Ranges read_pixels(Graph& graph, const PixelGrid& grid) {
  const std::optional<FirstLayer> layer = first_layer(graph, grid.step.size());
  if (!layer.has_value()) return {};
  auto& conv = *layer->conv->as<Conv2dParams>();
  const auto pads = conv.pads;
  if (std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p < 0; })) return {};
  // One zero point for all channels, where each is so near that it may stand for the padding; else that comes before.
  const auto [low, high] = std::minmax_element(grid.zero.begin(), grid.zero.end());
  double zero_point = std::nearbyint((*low + *high) / 2);
  const bool is_shared = *high - zero_point <= kHalfStep && zero_point - *low <= kHalfStep;
  if (!is_shared) zero_point = 0;
  // Nodes may read the shapes of what is padded then.
  const bool pads_before = !is_shared && pads != std::array<int64_t, 4>{};
  if (pads_before && std::ranges::any_of(layer->quantized, [&](ValueId id) { return graph.use_count(id) > 1; }))
    return {};
  const bool is_uniform = std::all_of(grid.step.begin(), grid.step.end(), [&](double s) { return s == grid.step[0]; });
  const double unit = is_uniform ? grid.step[0] : 1;

  std::vector<double> scale, shift, inverse_scale, inverse_shift;
  for (size_t c = 0; c < grid.step.size(); ++c) {
    const double offset = grid.zero[c] - zero_point;
    scale.push_back(unit / grid.step[c]);
    shift.push_back(unit * offset);
    inverse_scale.push_back(grid.step[c] / unit);
    inverse_shift.push_back(-grid.step[c] * offset);
  }
  scale_inputs(graph, *layer->conv, inverse_scale, inverse_shift);
  const size_t reader = index_of(graph, *sole_user(graph, graph.inputs[0]));
  Front front(graph, layer->channel_axis);
  if (pads_before) {
    conv.pads = {};
    front.pad(pads);
  }
  front.apply("scale", BinaryKind::kMul, scale);
  front.apply("shift", BinaryKind::kAdd, shift);
  graph.nodes.set_input(graph.nodes[reader + front.size()], 0, front.last());

  const Range range{static_cast<float>(-unit * zero_point), static_cast<float>(unit * (kMostPixel - zero_point))};
  Ranges ranges{{graph.value(front.last()).name, range}};
  for (const ValueId id : layer->quantized) ranges[graph.value(id).name] = range;
  return ranges;
}

}  // namespace octet
