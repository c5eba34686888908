// Runs of a packed model over samples held in memory.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "converter/data/dataset.h"
#include "octet/session.hpp"
#include "runtime/packed_model.h"

namespace octet {

using Sample = std::vector<Tensor>;  // one tensor per model input

// The samples that correction works on: methods fit to fit(), and are judged by held_out(). What was chosen so may then
// fit to all().
class SampleSplit {
 public:
  // The last `held_out` samples are held out. A single sample is both.
  SampleSplit(std::vector<Sample> samples, size_t held_out) : samples_(std::move(samples)), held_out_(held_out) {}

  std::span<const Sample> all() const { return samples_; }
  std::span<const Sample> fit() const { return all().first(std::max<size_t>(samples_.size() - held_out_, 1)); }
  std::span<const Sample> held_out() const { return all().last(held_out_); }

 private:
  std::vector<Sample> samples_;
  size_t held_out_;
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
