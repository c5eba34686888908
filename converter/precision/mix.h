// Mixed precision: which layers stay f32 or bf16, so that the network gains most for what they cost.
#pragma once

#include <functional>
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
  std::set<std::string> raised;  // layers that are f32; those of neither set are integers
  std::set<std::string> bf16;    // layers that are bf16
  double error = 0;              // the sum of the sensitivities of the other layers
  int64_t cost = 0;              // what the raised layers add, in nanoseconds or bytes, as the knapsack sums it up
  double latency_us = 0;         // of this network, measured
  int64_t bytes = 0;             // of its file
  Objective measured;            // on held-out samples, biases corrected
  std::optional<size_t> right;   // of the labelled samples, if there are any

  bool is_integer() const { return raised.empty() && bf16.empty(); }
  double agreement() const;  // percent of the held-out samples
};

// What the choice is made from: the layers, and per layer what each precision costs and loses. Integers come first, and
// cost 0; f32 comes last, and loses nothing.
struct LayerChoices {
  std::vector<std::string> layers;                // in the order of execution
  std::vector<Precision> precisions;              // kInt8, kBf16 where it is offered, kF32
  std::vector<std::vector<LayerOption>> options;  // per layer, one for each of the precisions
};

// The front from all integers to all float, thinned out.
struct PrecisionLadder {
  LayerChoices choices;
  std::vector<MixRung> rungs;  // by rising cost and falling error, both measured
};

struct MixContext {
  const Draft& draft;          // calibrated, not corrected
  const SampleSplit& samples;  // held_out judges, fit corrects biases
  CostKind cost = CostKind::kLatency;
  bool offers_bf16 = false;
  bool is_corrected = true;  // a correction follows, so networks are judged behind a light one
  uint64_t seed = 0;
  int threads = 1;
  std::function<Result<size_t>(const PackedModel&)> count_right;  // on labelled samples; null: there are none
};

// Error by running the network with the one layer in each precision and all others in f32 (single_layer sensitivity),
// cost by raise_costs.
Result<LayerChoices> measure_choices(const MixContext& context, const Judge& judge);

// The exact front of both by pareto_front; of it the cheapest point for every further 1.5 dB less of error, and the
// last one, which has none. Nothing of the rungs is measured yet.
std::vector<MixRung> choose_rungs(const LayerChoices& choices);

// The choices that remain without a precision.
LayerChoices without(const LayerChoices& choices, Precision precision);

// measure_choices, then choose_rungs; where bf16 is offered, also without f32: bf16 pays where layers in a row have it,
// and costs that are measured layer by layer do not tell. Each rung is then lowered, timed and run on the
// integer kernels, because neither errors nor times quite add up, and what another one beats is left out. kUnsupported:
// no output is f32.
Result<PrecisionLadder> build_ladder(const MixContext& context);

// The rungs by rising measured cost, without those that a cheaper or equal one beats in measured error. The first stays
// the first, whatever it costs: it is what others are compared with.
std::vector<MixRung> measured_front(std::vector<MixRung> rungs, CostKind cost);

// The draft with the rung's layers raised.
Draft on_rung(const Draft& draft, const MixRung& rung);

// The default: the first rung with a fifth of the error that all integers have, which more than halves the
// disagreements (their share follows the error's square root).
size_t default_rung(const PrecisionLadder& ladder);

// "3 bf16 and 2 f32 of 21 layers, 1.43 ms, 301244 bytes, error -6.2 dB expected, ...": a line of the table. `drop` in
// points, where there are labels.
std::string to_string(const MixRung& rung, const PrecisionLadder& ladder, std::optional<double> drop);

}  // namespace octet
