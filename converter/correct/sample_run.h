// Runs of a packed model over samples held in memory.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "converter/data/dataset.h"
#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

using Sample = std::vector<Tensor>;  // one tensor per model input

// The samples that correction works on: passes fit to `fit`, and are judged by `held_out`.
struct SampleSplit {
  std::vector<Sample> fit, held_out;
};

// Reads the samples, as many of `indices` (spread evenly) as kSampleBytes take; a fifth of them, drawn by `seed`, is
// held out. With a single sample both parts are that one.
constexpr int64_t kSampleBytes = int64_t{160} << 20;
Result<SampleSplit> load_samples(const Dataset& data, std::span<const size_t> indices, uint64_t seed, int threads);

// Runs the model on every sample, `threads` at once with one thread each, so that what is seen does not depend on their
// number. visit(sample, name, tensor) is called as Session::Observer is, from several threads, but never twice at once
// for one sample.
using SampleVisitor = std::function<void(size_t sample, const std::string& name, const TensorView& tensor)>;
Status run_samples(const PackedModel& model, std::span<const Sample> samples, int threads, const SampleVisitor& visit);

// The sum over all but the last axis, per index of the last axis (the channels), in double; u8 as real numbers.
std::vector<double> channel_sums(const TensorView& tensor, QuantParams quant);

}  // namespace octet
