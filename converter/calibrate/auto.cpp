#include "converter/calibrate/auto.h"

#include <algorithm>
#include <cstdio>

#include "converter/calibrate/reader_error.h"
#include "converter/correct/correct.h"
#include "converter/precision.h"
#include "converter/range_groups.h"

namespace octet {
namespace {

// A method and what it gives.
struct Proposal {
  const CalibrationMethod* method;
  Ranges ranges;
};

std::vector<Proposal> proposals_of(const StatsTable& stats, const TrendTable& trends,
                                   const CalibrationOptions& options) {
  std::vector<Proposal> proposals;
  for (const CalibrationMethod& method : calibration_methods()) {
    if (method.depends_on_order && trends.empty()) continue;
    proposals.push_back({&method, choose_ranges(stats, trends, method, options)});
  }
  return proposals;
}

// The values of a group that have statistics.
using Groups = std::map<ValueId, std::vector<std::string>>;

// Those whose range some int8 node writes or reads.
Groups quantized_groups(const Graph& graph, std::span<const ValueId> groups, const std::vector<Precision>& precisions,
                        const StatsTable& stats) {
  Groups members;
  const auto is_quantized = [&](ValueId group) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (precisions[i] != Precision::kInt8) continue;
      for (const size_t k : data_inputs(graph.nodes[i])) {
        if (groups[static_cast<size_t>(graph.nodes[i].inputs[k])] == group) return true;
      }
    }
    return false;
  };
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].is_constant() || !stats.contains(graph.values[i].name)) continue;
    if (is_quantized(groups[i])) members[groups[i]].push_back(graph.values[i].name);
  }
  return members;
}

Range united(const Ranges& ranges, const std::vector<std::string>& names) {
  Range range;
  for (const std::string& name : names) {
    range.min = std::min(range.min, ranges.at(name).min);
    range.max = std::max(range.max, ranges.at(name).max);
  }
  return range;
}

// The method of each value whose range disturbs its readers least. Values outside of all groups keep the first.
Result<std::map<std::string, std::string>> best_methods(const Graph& graph, const std::vector<Proposal>& proposals,
                                                        const StatsTable& stats, const QuantizeOptions& quantize,
                                                        std::span<const Sample> samples, int threads) {
  const std::vector<Precision> precisions = choose_precisions(graph, quantize.keep_float);
  const std::vector<ValueId> groups = range_groups(graph, precisions);
  const Groups members = quantized_groups(graph, groups, precisions, stats);

  std::vector<RangeQuestion> questions;
  std::vector<std::vector<size_t>> candidate_of;  // by question, by proposal
  for (const auto& [group, names] : members) {
    RangeQuestion question{group, {}};
    std::vector<size_t> indices;
    for (const Proposal& proposal : proposals) {
      const QuantParams quant = u8_params(united(proposal.ranges, names), quantize.activations);
      const auto same = std::find_if(
          question.candidates.begin(), question.candidates.end(),
          [&](const QuantParams& other) { return other.scale == quant.scale && other.zero_point == quant.zero_point; });
      indices.push_back(static_cast<size_t>(same - question.candidates.begin()));
      if (same == question.candidates.end()) question.candidates.push_back(quant);
    }
    questions.push_back(std::move(question));
    candidate_of.push_back(std::move(indices));
  }
  OCTET_TRY(const auto errors, reader_errors(graph, groups, precisions, questions, samples, threads));

  std::map<std::string, std::string> methods;
  for (const auto& [name, value] : stats) methods[name] = proposals[0].method->name;
  for (size_t q = 0; q < questions.size(); ++q) {
    const size_t best = static_cast<size_t>(std::min_element(errors[q].begin(), errors[q].end()) - errors[q].begin());
    const auto proposal =
        static_cast<size_t>(std::find(candidate_of[q].begin(), candidate_of[q].end(), best) - candidate_of[q].begin());
    for (const std::string& name : members.at(questions[q].group)) methods[name] = proposals[proposal].method->name;
  }
  return methods;
}

constexpr size_t kCorrectionSamples = 24;
constexpr double kHopeless = 2;  // times the least error: 3 dB

// Lowers and measures one calibration after another; the scales of weights, which ranges do not change, are found once.
class Trials {
 public:
  Trials(const Graph& graph, const QuantizeOptions& quantize, const Judge& judge, std::span<const Sample> samples,
         int threads)
      : draft_{graph, graph, {}, quantize},
        judge_(judge),
        context_{samples.first(std::min(kCorrectionSamples, samples.size())), 0, threads, {}} {}

  Result<Objective> measure(const Ranges& ranges) {
    draft_.ranges = ranges;
    OCTET_TRY(const PackedModel packed, lower_draft(draft_));
    return judge_.measure(packed);
  }
  Result<Objective> measure_corrected(const Ranges& ranges) {
    Draft corrected = draft_;
    corrected.ranges = ranges;
    OCTET_TRY([[maybe_unused]] const int layers, find_correction_method("bias")->apply(context_, corrected));
    OCTET_TRY(const PackedModel packed, lower_draft(corrected));
    return judge_.measure(packed);
  }

 private:
  Draft draft_;
  const Judge& judge_;
  CorrectionContext context_;
};

}  // namespace

std::string to_string(const CalibrationTrial& trial) {
  const auto tell = [](const Objective& objective) {
    const double share = static_cast<double>(objective.agreeing) / static_cast<double>(objective.count);
    char text[80];
    std::snprintf(text, sizeof text, "output SQNR %.2f dB, agreement %.1f %%", objective.sqnr_db(), 100 * share);
    return std::string(text);
  };
  std::string line = trial.name + ": " + tell(trial.objective);
  if (trial.corrected.has_value()) line += "; with biases corrected " + tell(*trial.corrected);
  return line;
}

Ranges ranges_by(const std::map<std::string, std::string>& methods, const StatsTable& stats, const TrendTable& trends,
                 const CalibrationOptions& options) {
  Ranges ranges;
  for (const auto& [name, value] : stats) {
    const auto found = methods.find(name);
    const auto trend = trends.find(name);
    const CalibrationMethod* method = found == methods.end() ? nullptr : find_calibration_method(found->second);
    if (method == nullptr) method = &calibration_methods()[0];
    ranges[name] = choose_range(*method, value, trend == trends.end() ? ValueTrend() : trend->second, options);
  }
  return ranges;
}

Result<AutoCalibration> calibrate_automatically(const Graph& graph, const StatsTable& stats, const TrendTable& trends,
                                                const CalibrationOptions& options, const QuantizeOptions& quantize,
                                                const SampleSplit& samples, bool is_corrected, int threads) {
  OCTET_TRY(const Judge judge, Judge::create(graph, samples.held_out(), threads));
  const std::vector<Proposal> proposals = proposals_of(stats, trends, options);
  OCTET_TRY(const auto mix, best_methods(graph, proposals, stats, quantize, samples.held_out(), threads));

  struct Candidate {
    std::string name;
    std::map<std::string, std::string> methods;
    Ranges ranges;
  };
  std::vector<Candidate> candidates;
  for (const Proposal& proposal : proposals) {
    candidates.push_back({proposal.method->name, {}, proposal.ranges});
    for (const auto& [name, value] : stats) candidates.back().methods[name] = proposal.method->name;
  }
  candidates.push_back({"mix", mix, {}});
  for (const auto& entry : mix) {
    const auto by = std::find_if(proposals.begin(), proposals.end(),
                                 [&](const Proposal& proposal) { return entry.second == proposal.method->name; });
    candidates.back().ranges[entry.first] = by->ranges.at(entry.first);
  }

  AutoCalibration found;
  Trials trials(graph, quantize, judge, samples.fit(), threads);
  double least = INFINITY;
  for (const Candidate& candidate : candidates) {
    OCTET_TRY(const Objective objective, trials.measure(candidate.ranges));
    found.trials.push_back({candidate.name, objective, {}});
    least = std::min(least, objective.error);
  }
  if (is_corrected) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (found.trials[i].objective.error > kHopeless * least) continue;
      OCTET_TRY(found.trials[i].corrected, trials.measure_corrected(candidates[i].ranges));
    }
  }
  const auto error = [&](const CalibrationTrial& trial) {
    if (!is_corrected) return trial.objective.error;
    return trial.corrected.has_value() ? trial.corrected->error : INFINITY;
  };
  const auto best = std::min_element(found.trials.begin(), found.trials.end(),
                                     [&](const auto& a, const auto& b) { return error(a) < error(b); });
  Candidate& chosen = candidates[static_cast<size_t>(best - found.trials.begin())];
  found.name = chosen.name;
  found.methods = std::move(chosen.methods);
  found.ranges = std::move(chosen.ranges);
  return found;
}

}  // namespace octet
