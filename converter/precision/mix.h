// Mixed precision: which layers are f32, bf16, or integers with weights of 8 or 4 bits, so that the network loses least
// for what it costs.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "converter/correct/draft.h"
#include "converter/correct/objective.h"
#include "converter/correct/sample_run.h"
#include "converter/precision/cost.h"
#include "converter/precision/knapsack.h"
#include "converter/precision/sensitivity.h"

namespace octet {

// A point of the Pareto front.
struct MixRung {
  std::map<std::string, Precision> precisions;  // of the layers that are not kInt8
  double error = 0;                             // the sum of the sensitivities of all layers
  int64_t cost = 0;       // what these layers add, in nanoseconds or bytes, as the knapsack sums it up; kInt4 saves
  double latency_us = 0;  // of this network, measured
  int64_t bytes = 0;      // of its file
  Objective measured;     // on held-out samples, biases corrected
  std::optional<size_t> right;  // of the labelled samples, if there are any

  bool is_int8() const { return precisions.empty(); }
  std::set<std::string> layers_in(Precision precision) const;  // not kInt8
  double agreement() const;                                    // percent of the held-out samples
};

// What the choice is made from: the layers, and per layer what each precision costs and loses. kInt8 comes first, and
// costs 0; f32 comes last, and loses nothing.
struct LayerChoices {
  std::vector<std::string> layers;                // in the order of execution
  std::vector<Precision> precisions;              // kInt8; kInt4 and kBf16 where they are offered; kF32
  std::vector<std::vector<LayerOption>> options;  // per layer, one for each of the precisions
};

// The front from the cheapest network to all float, thinned out.
struct PrecisionLadder {
  LayerChoices choices;
  std::vector<MixRung> rungs;  // by rising cost and falling error, both measured; one of them is all int8

  bool offers(Precision precision) const;
  const MixRung& int8() const;  // what others are compared with
};

struct MixContext {
  const Draft& draft;          // calibrated, not corrected
  const SampleSplit& samples;  // held_out judges, fit corrects biases
  CostKind cost = CostKind::kLatency;
  bool offers_int4 = false;  // for bytes: what runs is s8, so that no time is spared
  bool offers_bf16 = false;
  bool is_corrected = true;  // a correction follows, so networks are judged behind a light one
  uint64_t seed = 0;
  int threads = 1;
  std::function<Result<size_t>(const PackedModel&)> count_right;  // on labelled samples; null: there are none
};

// Error by running the network with the one layer in each precision and all others in f32 (single_layer sensitivity),
// cost by layer_costs.
Result<LayerChoices> measure_choices(const MixContext& context, const Judge& judge);

// The front of both by pareto_front; of it the first, the cheapest point for every further 1.5 dB less of error,
// and the last one, which has none. Nothing of the rungs is measured yet.
std::vector<MixRung> choose_rungs(const LayerChoices& choices);

// The choices that remain without a precision.
LayerChoices without(const LayerChoices& choices, Precision precision);

// measure_choices, then choose_rungs; where bf16 is offered, also without f32: bf16 pays where layers in a row have it,
// and costs that are measured layer by layer do not tell. All int8 is always among them. Each rung is then lowered,
// timed and run on the integer kernels, because neither errors nor times quite add up, and what another one beats is
// left out. kUnsupported: no output is f32.
Result<PrecisionLadder> build_ladder(const MixContext& context);

// The rungs by rising measured cost, without those that a cheaper or equal one beats in measured error. All int8 stays,
// whatever beats it, in front of all that have no more error: it is what others are compared with.
std::vector<MixRung> measured_front(std::vector<MixRung> rungs, CostKind cost);

// The draft with the rung's precisions.
Draft on_rung(const Draft& draft, const MixRung& rung);

// The default: the first rung with a tenth of the error that all int8 has. The corrections that follow gain up to 3 dB
// more of all int8 than of a rung; a fifth then is left, which more than halves the disagreements (their share follows
// the error's square root).
size_t default_rung(const PrecisionLadder& ladder);

// "3 bf16 and 2 f32 of 21 layers, 1.43 ms, 301244 bytes, error -6.2 dB expected, ...": a line of the table; in front
// "4 int4, " where that is offered. `drop` in points, where there are labels.
std::string to_string(const MixRung& rung, const PrecisionLadder& ladder, std::optional<double> drop);

}  // namespace octet
