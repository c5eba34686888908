// One streaming pass of the float network over data: statistics of every value.
#pragma once

#include <functional>

#include "converter/activation_stats.h"
#include "octet/model.hpp"
#include "octet/result.h"

namespace octet {

class Dataset;

// Called from time to time with the number of samples done, from the calling thread.
using Progress = std::function<void(size_t done, size_t total)>;

// Runs `model` (an f32 lowering) over the samples `indices` of `data` and returns the statistics of every f32 value
// that is not a constant, by name. `threads` samples run at once, each on one thread, so the result is the same for any
// number of threads; memory does not grow with the number of samples.
Result<StatsTable> observe(const Model& model, const Dataset& data, std::span<const size_t> indices, int threads,
                           const Progress& progress);

}  // namespace octet
