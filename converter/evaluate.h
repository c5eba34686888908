// Accuracy of a model on labelled data, and agreement with another one: `octet evaluate`.
#pragma once

#include <cstdint>
#include <optional>

#include "converter/data/dataset.h"
#include "converter/metrics.h"
#include "converter/parallel.h"
#include "octet/model.hpp"

namespace octet {

struct Evaluation {
  size_t count = 0;
  size_t top1 = 0;           // samples whose label has the highest score
  size_t top5 = 0;           // samples whose label is among the five highest
  size_t agreeing = 0;       // samples on which both models have the same highest class
  size_t against_top1 = 0;   // samples whose label has the other model's highest score
  size_t not_finite = 0;     // samples on which a model has scores that are not finite
  size_t lost = 0, won = 0;  // samples that only the other model, or only this one, labels rightly
  TensorError scores;        // this model's scores as y beside the other's as x, both as `score_logits` gives them
};

// How many classes score above class `index`: a tie counts for the lower index, and NaN for more than any number. None
// where the score is not finite: such a class is never right.
std::optional<size_t> rank_of(std::span<const float> scores, size_t index);
// Whether the class is one of the `count` highest.
bool is_among(std::span<const float> scores, int64_t label, size_t count);

// Scores in which every class counts, not only the likely ones: of probabilities (none below 0, their sum 1 within 1e-3)
// their logarithms less the mean of these, which is what a softmax was applied to but for a constant; other scores
// as they are. Probabilities below 1e-30 count as 1e-30.
std::vector<float> score_logits(std::span<const float> scores);

// Runs the model's integer kernels, never a simulation, on every sample. Scores are the model's first output; a tie
// goes to the lower index.
//
// labels        one per sample, or empty: then top1 and top5 stay 0
// against       null, or a second model with its own view of the same samples
// kInvalidFile: a label that is no class of the model; the errors of the samples.
Result<Evaluation> evaluate(const Model& model, const Dataset& data, std::span<const int64_t> labels,
                            const Model* against, const Dataset* against_data, int threads, const Progress& progress);

// The least milliseconds of one run of each model at batch 1, measured in turns.
Result<std::pair<double, double>> measure_latency(const Model& a, const Model& b, int threads);

// The 95 % interval of the drop (lost - won) / count, in points, of two models on the same samples: only those on which
// one alone is right tell. Agresti and Min (2005): half a sample more in each of the four cells, then Wald's; within
// -100 to 100.
std::pair<double, double> drop_interval(size_t lost, size_t won, size_t count);

// The 95 % interval of a share, in percent: Wilson's (1927), which holds near 0 and 100 too.
std::pair<double, double> wilson_interval(size_t hits, size_t count);

}  // namespace octet
