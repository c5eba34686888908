// Drafts of quantized networks and random samples for them, for the tests of corrections.
#pragma once

#include "converter/correct/correct.h"

namespace octet::test {

// Random samples for the graph's inputs: uniform in [low, high).
std::vector<Sample> random_samples(const Graph& graph, size_t count, uint32_t seed, float low = 0, float high = 1);

// Samples to fit to and samples held out, drawn by seeds of their own.
SampleSplit random_split(const Graph& graph, size_t fit, size_t held_out, uint32_t fit_seed, uint32_t held_out_seed,
                         float low = 0, float high = 1);

// The extremes of every value over the samples.
Ranges observed_ranges(const Graph& graph, std::span<const Sample> samples);

// A folded graph with min-max ranges.
Draft draft_of(const Graph& graph, std::span<const Sample> samples, bool per_channel_weights = true);

// A context over the samples, calibrating by min-max.
CorrectionContext context_of(std::span<const Sample> samples, int threads = 1);

// The error of the draft's integer network against `graph`, on the samples. The draft is lowered on a copy.
Objective objective_of(const Graph& graph, const Draft& draft, std::span<const Sample> samples);

// The constants of the integer network that the draft stands for, as bytes.
std::string constants_of(Draft draft);

// Applies the method; it must work.
Draft corrected(const char* method, const Draft& draft, const CorrectionContext& context);

}  // namespace octet::test
