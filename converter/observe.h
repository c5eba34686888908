// One streaming pass of the float network over data: statistics of every value.
#pragma once

#include <functional>
#include <span>

#include "converter/activation_stats.h"
#include "converter/parallel.h"
#include "converter/sample_trend.h"
#include "octet/model.hpp"
#include "octet/result.h"

namespace octet {

class Dataset;

struct Observation {
  StatsTable stats;                   // of the values alone
  TrendTable trends;                  // of their order, too
  std::vector<std::string> warnings;  // what is doubtful about the samples
};

// Runs `model` (an f32 lowering) over the samples `indices` of `data` and returns what is remembered of every f32 value
// that is not a constant, by name. `threads` samples run at once, each on one thread, so the result is the same for any
// number of threads; memory does not grow with the number of samples (but for 8 bytes each).
Result<Observation> observe(const Model& model, const Dataset& data, std::span<const size_t> indices, int threads,
                            const Progress& progress);

// The statistics alone; `tell` gets what each sample leaves, numbered by its place in `indices`, from several threads.
Result<StatsTable> observe_samples(const Model& model, const Dataset& data, std::span<const size_t> indices,
                                   int threads, const Progress& progress,
                                   const std::function<void(SampleSummary)>& tell);

}  // namespace octet
