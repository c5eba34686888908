// Samples with their labels, held out from everything else: what the accuracy gate measures on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "converter/correct/sample_run.h"

namespace octet {

struct LabelledSamples {
  std::vector<Sample> samples;
  std::vector<int64_t> labels;
};

// As many of `indices` (spread evenly) as kSampleBytes take. `class_count` as load_labels() takes it; its errors.
Result<LabelledSamples> load_labelled_samples(const Dataset& data, std::span<const size_t> indices,
                                              const std::string& labels_file, int64_t class_count, int threads);

// Of each sample 1 where its label has the highest score of the model's first output, else 0; a tie goes to the lower
// index. kUnsupported: that output is not f32.
Result<std::vector<uint8_t>> find_right(const PackedModel& model, std::span<const Sample> samples,
                                        std::span<const int64_t> labels, int threads);
// How many these are.
Result<size_t> count_right(const PackedModel& model, std::span<const Sample> samples, std::span<const int64_t> labels,
                           int threads);

}  // namespace octet
