// High-bias absorption: where a ReLU's channel stays far above 0, its offset moves into the layer behind.
//
//   c = max(0, beta - 3 gamma),   b1 -= c,   b2 += W2 c        beta, gamma: mean and deviation before the ReLU
//
// The value's range becomes smaller by c. Exact for all inputs that stay above c, three deviations below the mean.
// Refused where a reader pads its input (a tap in the padding reads 0, not -c), where the value has more than one
// maker, and for channels that reach the activation's upper bound.
#include <algorithm>
#include <cmath>

#include "converter/correct/channel_groups.h"
#include "converter/correct/method_list.h"
#include "converter/passes/rewrite.h"

namespace octet {
namespace {

constexpr double kDeviations = 3;

// Whether the readers take the maker's output as it is, nothing in between.
bool is_direct(const Graph& graph, const ChannelGroup& group) {
  const ValueId value = graph.nodes[group.makers[0]].outputs[0];
  const bool reads = std::all_of(group.readers.begin(), group.readers.end(),
                                 [&](size_t reader) { return graph.nodes[reader].input(kConvSrc) == value; });
  return reads && graph.use_count(value) == static_cast<int>(group.readers.size());
}

}  // namespace

Result<int> correct_absorb_bias(const CorrectionContext& context, Draft& draft) {
  OCTET_TRY(const auto stats, observe_channels(context, draft.teacher, draft.bounds));
  int changed = 0;
  for (const ChannelGroup& group : find_channel_groups(draft.graph)) {
    const Node& maker = draft.graph.nodes[group.makers[0]];
    const Clamp clamp = *clamp_of(maker);
    if (group.makers.size() != 1 || clamp.min != 0 || !is_direct(draft.graph, group)) continue;
    if (draft.bounds.contains(maker.name)) continue;
    const ChannelStats& channels = stats.at(maker.name);
    std::vector<double> shift(group.channels, 0.0);
    for (size_t c = 0; c < group.channels; ++c) {
      if (channels.max[c] >= static_cast<double>(clamp.max)) continue;
      shift[c] = std::max(0.0, channels.mean[c] - kDeviations * channels.deviation[c]);
    }
    const bool fits = std::all_of(group.readers.begin(), group.readers.end(),
                                  [&](size_t reader) { return accepts_input_shift(draft.graph.nodes[reader], shift); });
    if (!fits || std::all_of(shift.begin(), shift.end(), [](double c) { return c == 0; })) continue;
    std::vector<double> negative;
    for (const double c : shift) negative.push_back(-c);
    const std::vector<double> ones(group.channels, 1.0);
    for (Graph* graph : {&draft.graph, &draft.teacher}) {
      scale_outputs(*graph, graph->nodes[group.makers[0]], ones, negative);
      for (const size_t reader : group.readers) scale_inputs(*graph, graph->nodes[reader], ones, shift);
    }
    for (const std::string& value : group.values) {
      ValueRescaling& rescaled = rescaling_of(draft.rescaling, value, group.channels);
      for (size_t c = 0; c < group.channels; ++c) rescaled[c].shift += shift[c] / rescaled[c].factor;
    }
    ++changed;
  }
  if (changed > 0) {
    OCTET_TRY(draft.ranges, context.calibrate(draft.teacher));
  }
  return changed;
}

}  // namespace octet
