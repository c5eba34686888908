// Cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721), for all layers that a value ties together:
//
//   r_i = sqrt(R1_i R2_i) / R2_i,   W1[i], b1[i] divided by r_i,   W2[:, i] multiplied by r_i
//
// R1, R2: max |w| of channel i over the layers that make the value, and over those that read it; r = 1 where one is 0.
// Swept until nothing moves, which is the three-layer form where a depthwise layer stands in between: all three ranges
// become their geometric mean.
//
// A bound such as ReLU6's would become 6 / r_i, one per channel, which a layer does not have, and leaving it out costs
// accuracy. Instead channels that reach the bound on the samples keep r = 1, all others are scaled to stay below it,
// and a bound that no channel reaches is left out.
//
// With one scale for all weights of a layer a few channels that reach the bound may keep all others from having any
// integers worth the name. There channels that want r_i > excess may have r_i / excess, and pass the bound up to that:
// value by value, where it lowers the error of the integer network on some of the samples, biases corrected. What the
// float network computes stays what it was (Draft::bounds), so that later corrections make up for the rest.
//
// `balance` is the same with R1_i = max |x_i|, the range of the value itself: where every output channel has its own
// scale it does not matter how large W1 is, but all channels of the value share one. Nor does it matter then how large
// W2 is where only depthwise layers read: R2_i = 1 / R1_i, which gives r_i = R1_i. Other readers' weights share scales
// too, and lose what the value gains: there r_i = R1_i^p, with the p in 0 .. 3/4 that rounding_noise.h finds best.
#include <algorithm>
#include <cmath>
#include <optional>

#include "converter/correct/equalizer.h"
#include "converter/correct/method_list.h"

namespace octet {
namespace {

using Stats = std::map<std::string, ChannelStats>;

constexpr double kExcesses[] = {4, 2.5, 1.6, 1};
constexpr double kLeastGain = 0.99;   // of the error: less is noise
constexpr size_t kTrialSamples = 24;  // to fit biases to, and as many others to judge by

// The extremes of every value.
Result<Ranges> observe_extremes(const Graph& graph, std::span<const Sample> samples, int threads) {
  OCTET_TRY(const PackedModel packed, lower_f32(graph));
  std::vector<Ranges> seen(samples.size());
  OCTET_CHECK(
      run_samples(packed, samples, threads, [&](size_t sample, const std::string& name, const TensorView& view) {
        if (view.type != DataType::kF32 || view.as<float>().empty()) return;
        const auto [min, max] = std::ranges::minmax(view.as<float>());
        seen[sample][name] = {std::min(min, 0.0F), std::max(max, 0.0F)};
      }));
  Ranges ranges;
  for (const Ranges& sample : seen) {
    for (const auto& [name, range] : sample) {
      Range& all = ranges[name];
      all = {std::min(all.min, range.min), std::max(all.max, range.max)};
    }
  }
  return ranges;
}

struct Trial {
  std::vector<double> passed;  // Equalizer::passed
  Objective objective;
};

// Tries equalizations of one draft on a few samples.
class Trials {
 public:
  static Result<Trials> create(const CorrectionContext& context, const Draft& draft, const Stats& stats) {
    const size_t fit = std::min(kTrialSamples, (context.samples.size() + 1) / 2);
    const size_t judged = std::min(kTrialSamples, context.samples.size() - fit);
    CorrectionContext few = context;
    few.samples = context.samples.first(fit);
    const std::span<const Sample> others = judged > 0 ? context.samples.subspan(fit, judged) : few.samples;
    OCTET_TRY(Judge judge, Judge::create(draft.teacher, others, context.threads));
    return Trials(few, draft, stats, std::move(judge));
  }

  // Null where it passes bounds as far as `known` and no further.
  Result<std::optional<Trial>> run(const Excess& excess, const std::vector<double>& known) const {
    Draft trial = draft_;
    Equalizer equalizer(trial, stats_, RangeOf::kWeights);
    equalizer.run(excess);
    if (equalizer.passed() == known) return std::optional<Trial>();
    OCTET_TRY(trial.ranges, observe_extremes(trial.graph, context_.samples, context_.threads));
    OCTET_CHECK(correct_bias(context_, trial));
    OCTET_TRY(const PackedModel packed, lower_draft(trial));
    OCTET_TRY(const Objective objective, judge_.measure(packed));
    return std::optional<Trial>({equalizer.passed(), objective});
  }

 private:
  Trials(CorrectionContext context, const Draft& draft, const Stats& stats, Judge judge)
      : context_(std::move(context)), draft_(draft), stats_(stats), judge_(std::move(judge)) {}

  CorrectionContext context_;
  const Draft& draft_;
  const Stats& stats_;
  Judge judge_;
};

// Value by value, `groups` alone: the excess with the least error. It lowers `best`.
Status search_excess(const CorrectionContext& context, const Draft& draft, const Stats& stats,
                     std::span<const size_t> groups, Excess& best) {
  if (groups.empty()) return {};
  OCTET_TRY(const Trials trials, Trials::create(context, draft, stats));
  OCTET_TRY(std::optional<Trial> found, trials.run(best, {}));
  if (!found.has_value()) return {};  // nothing passes a bound
  for (const size_t g : groups) {
    std::vector<double> known = found->passed;
    for (const double excess : kExcesses) {
      Excess changed = best;
      changed[g] = excess;
      OCTET_TRY(std::optional<Trial> trial, trials.run(changed, known));
      if (!trial.has_value()) continue;
      known = trial->passed;
      if (!(trial->objective.error < kLeastGain * found->objective.error)) continue;
      best = changed;
      found = std::move(trial);
    }
  }
  return {};
}

Result<int> equalize(const CorrectionContext& context, Draft& draft, RangeOf range_of) {
  OCTET_TRY(const Stats stats, observe_channels(context, draft.teacher, draft.bounds));
  const Draft before = draft;
  Equalizer equalizer(draft, stats, range_of);
  Excess excess(equalizer.group_count(), INFINITY);
  if (range_of == RangeOf::kWeights && !draft.options.weights.per_channel) {
    OCTET_CHECK(search_excess(context, before, stats, equalizer.cut_groups(), excess));
  }
  const int changed = equalizer.run(excess);
  if (changed > 0) {
    OCTET_TRY(draft.ranges, context.calibrate(draft.teacher));
  }
  return changed;
}

}  // namespace

Result<int> correct_equalize(const CorrectionContext& context, Draft& draft) {
  return equalize(context, draft, RangeOf::kWeights);
}

Result<int> correct_balance(const CorrectionContext& context, Draft& draft) {
  return equalize(context, draft, RangeOf::kValue);
}

}  // namespace octet
