#include "converter/correct/channel_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "converter/correct/probe.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

// Unites values that must be rescaled alike, and marks those that cannot be.
class Values {
 public:
  explicit Values(size_t count) : parent_(count), blocked_(count, false) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  ValueId root(ValueId id) const {
    while (parent_[static_cast<size_t>(id)] != id) id = parent_[static_cast<size_t>(id)];
    return id;
  }
  void unite(ValueId a, ValueId b) {
    const bool blocked = is_blocked(a) || is_blocked(b);
    parent_[static_cast<size_t>(root(a))] = root(b);
    blocked_[static_cast<size_t>(root(b))] = blocked;
  }
  void block(ValueId id) {
    if (id != kNoValue) blocked_[static_cast<size_t>(root(id))] = true;
  }
  bool is_blocked(ValueId id) const { return blocked_[static_cast<size_t>(root(id))]; }

 private:
  std::vector<ValueId> parent_;
  std::vector<bool> blocked_;
};

// f(r x) = r f(x) for r > 0, bounds that nothing reaches aside.
bool is_homogeneous(const Clamp& clamp) {
  return (clamp.min == 0 || clamp.min == -INFINITY) && clamp.max > 0;
}

bool is_sum_of_alike(const Graph& graph, const Node& node) {
  const auto* binary = node.as<BinaryParams>();
  if (binary == nullptr || (binary->kind != BinaryKind::kAdd && binary->kind != BinaryKind::kSub)) return false;
  const auto is_alike = [&](ValueId id) {
    return !graph.value(id).is_constant() && graph.value(id).shape == graph.value(node.outputs[0]).shape;
  };
  return is_alike(node.inputs[0]) && is_alike(node.inputs[1]) && (binary->clamp.min == 0 || binary->clamp.is_none()) &&
         binary->clamp.max == INFINITY;
}

// A reshape that leaves the last axis, the channels, as it is.
bool keeps_channels(const Graph& graph, const Node& node) {
  if (!node.is<ReshapeParams>()) return false;
  const Shape& from = graph.value(node.inputs[0]).shape;
  const Shape& to = graph.value(node.outputs[0]).shape;
  return from.rank() > 0 && to.rank() > 0 && to[to.rank() - 1] > 0 && from[from.rank() - 1] == to[to.rank() - 1];
}

void visit_node(const Graph& graph, const Node& node, Values& values) {
  const ValueId output = node.outputs[0];
  if (is_weighted(graph, node) && is_homogeneous(*clamp_of(node))) {
    const ValueId residual = node.is<Conv2dParams>() ? node.input(kConvResidual) : kNoValue;
    if (residual != kNoValue) values.unite(residual, output);
  } else if (keeps_channels(graph, node)) {
    values.unite(node.inputs[0], output);
  } else if (const auto* clip = node.as<UnaryParams>();
             node.is<Pool2dParams>() || is_sum_of_alike(graph, node) ||
             (clip != nullptr && clip->kind == UnaryKind::kClip && clip->alpha == 0 && clip->beta == INFINITY)) {
    for (const ValueId id : node.inputs) values.unite(id, output);
  } else {
    for (const ValueId id : read_values(node)) values.block(id);
    for (const ValueId id : node.outputs) values.block(id);
  }
}

template <class Visit>
std::vector<double> ranges(const Graph& graph, const Node& layer, size_t count, Visit channel_of) {
  const std::span<const float> weights = graph.value(layer.input(kConvWeights)).constant->as<float>();
  std::vector<double> found(count, 0.0);
  for (size_t i = 0; i < weights.size(); ++i) {
    double& range = found[channel_of(i)];
    range = std::max(range, std::fabs(static_cast<double>(weights[i])));
  }
  return found;
}

}  // namespace

std::vector<ChannelGroup> find_channel_groups(const Graph& graph) {
  Values values(graph.values.size());
  for (const Node& node : graph.nodes) visit_node(graph, node, values);
  for (const ValueId id : graph.inputs) values.block(id);
  for (const ValueId id : graph.outputs) values.block(id);

  std::map<ValueId, ChannelGroup> groups;
  std::vector<ValueId> order;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!is_weighted(graph, node)) continue;
    const ValueId src = values.root(node.input(kConvSrc));
    if (const auto found = groups.find(src); found != groups.end()) found->second.readers.push_back(i);
    const ValueId output = values.root(node.outputs[0]);
    if (values.is_blocked(output)) continue;
    ChannelGroup& group = groups[output];
    if (group.makers.empty()) order.push_back(output);
    group.makers.push_back(i);
    group.channels = static_cast<size_t>(output_channels(graph, node));
  }
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    const auto found = groups.find(values.root(id));
    if (found != groups.end() && !graph.value(id).is_constant()) found->second.values.push_back(graph.value(id).name);
  }
  std::vector<ChannelGroup> found;
  for (const ValueId id : order) {
    ChannelGroup& group = groups[id];
    const bool fits = std::all_of(group.readers.begin(), group.readers.end(), [&](size_t reader) {
      return static_cast<size_t>(input_channels(graph, graph.nodes[reader])) == group.channels;
    });
    if (fits && !group.readers.empty()) found.push_back(std::move(group));
  }
  return found;
}

void rescale_channels(Draft& draft, const ChannelGroup& group, std::span<const double> r) {
  std::vector<double> inverse;
  for (const double factor : r) inverse.push_back(1 / factor);
  const std::vector<double> zeros(r.size(), 0.0);
  for (Graph* graph : {&draft.graph, &draft.teacher}) {
    for (const size_t maker : group.makers) scale_outputs(*graph, graph->nodes[maker], inverse, zeros);
    for (const size_t reader : group.readers) scale_inputs(*graph, graph->nodes[reader], r, zeros);
  }
  for (const std::string& value : group.values) {
    ValueRescaling& channels = rescaling_of(draft.rescaling, value, group.channels);
    for (size_t c = 0; c < r.size(); ++c) channels[c].factor /= r[c];
  }
}

Result<std::map<std::string, ChannelStats>> observe_channels(const CorrectionContext& context, const Graph& teacher,
                                                             const ChannelBounds& bounds) {
  OCTET_TRY(const PackedModel packed, lower_f32(teacher));
  const PackedModel opened = open_clamps(packed, bounds);
  std::map<std::string, std::string> wanted;  // tensor to node
  for (const PackedNode& node : opened.nodes) {
    if (!std::holds_alternative<Conv2dParams>(node.op) && !std::holds_alternative<FullyConnectedParams>(node.op)) {
      continue;
    }
    wanted[opened.tensors[static_cast<size_t>(node.outputs[0])].name] = node.name;
  }
  // Per sample, then in the order of the samples: sums do not depend on threads. `deviation` holds E[x^2] at first.
  std::vector<std::map<std::string, ChannelStats>> samples(context.samples.size());
  OCTET_CHECK(run_samples(
      opened, context.samples, context.threads, [&](size_t sample, const std::string& name, const TensorView& view) {
        const auto found = wanted.find(name);
        if (found == wanted.end()) return;
        const auto channels = static_cast<size_t>(view.shape[view.shape.rank() - 1]);
        ChannelStats stats{std::vector<double>(channels), std::vector<double>(channels),
                           std::vector<double>(channels, INFINITY), std::vector<double>(channels, -INFINITY)};
        const std::span<const float> values = view.as<float>();
        const double share = static_cast<double>(channels) / static_cast<double>(values.size());
        for (size_t i = 0; i < values.size(); ++i) {
          const size_t c = i % channels;
          const auto v = static_cast<double>(values[i]);
          stats.mean[c] += v * share;
          stats.deviation[c] += v * v * share;
          stats.min[c] = std::min(stats.min[c], v);
          stats.max[c] = std::max(stats.max[c], v);
        }
        samples[sample][found->second] = std::move(stats);
      }));
  std::map<std::string, ChannelStats> total = samples[0];
  const auto count = static_cast<double>(samples.size());
  for (auto& [name, stats] : total) {
    for (size_t c = 0; c < stats.mean.size(); ++c) {
      for (size_t i = 1; i < samples.size(); ++i) {
        const ChannelStats& sample = samples[i].at(name);
        stats.mean[c] += sample.mean[c];
        stats.deviation[c] += sample.deviation[c];
        stats.min[c] = std::min(stats.min[c], sample.min[c]);
        stats.max[c] = std::max(stats.max[c], sample.max[c]);
      }
      stats.mean[c] /= count;
      stats.deviation[c] = std::sqrt(std::max(stats.deviation[c] / count - stats.mean[c] * stats.mean[c], 0.0));
    }
  }
  return total;
}

std::vector<double> output_ranges(const Graph& graph, const Node& layer) {
  const auto channels = static_cast<size_t>(output_channels(graph, layer));
  const size_t row = layer_weights(graph, layer).size() / std::max<size_t>(channels, 1);
  return ranges(graph, layer, channels, [&](size_t i) { return i / row; });
}

std::vector<double> input_ranges(const Graph& graph, const Node& layer) {
  const auto channels = static_cast<size_t>(input_channels(graph, layer));
  const auto outputs = static_cast<size_t>(output_channels(graph, layer));
  const auto* conv = layer.as<Conv2dParams>();
  const size_t groups = conv != nullptr ? static_cast<size_t>(conv->groups) : 1;
  const size_t row = layer_weights(graph, layer).size() / std::max<size_t>(outputs, 1);
  const size_t group_channels = channels / groups;
  return ranges(graph, layer, channels,
                [&](size_t i) { return i / row / (outputs / groups) * group_channels + i % group_channels; });
}

}  // namespace octet
