#include "tests/support/correction.h"

#include <doctest/doctest.h>

#include <mutex>

#include "tests/support/graph_builder.h"

namespace octet::test {

std::vector<Sample> random_samples(const Graph& graph, size_t count, uint32_t seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<Sample> samples;
  for (size_t i = 0; i < count; ++i) {
    samples.push_back(random_inputs(graph, 1));
    for (octet::Tensor& tensor : samples.back()) {
      for (float& v : tensor.as<float>()) v = uniform(random);
    }
  }
  return samples;
}

SampleSplit random_split(const Graph& graph, size_t fit, size_t held_out, uint32_t fit_seed, uint32_t held_out_seed,
                         float low, float high) {
  std::vector<Sample> samples = random_samples(graph, fit, fit_seed, low, high);
  for (Sample& sample : random_samples(graph, held_out, held_out_seed, low, high)) samples.push_back(std::move(sample));
  return SampleSplit(std::move(samples), held_out);
}

Ranges observed_ranges(const Graph& graph, std::span<const Sample> samples) {
  const Result<PackedModel> packed = lower_f32(graph);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  Ranges ranges;
  const Status status = run_samples(*packed, samples, 1, [&](size_t, const std::string& name, const TensorView& view) {
    Range& range = ranges[name];
    for (const float v : view.as<float>()) range = {std::min(range.min, v), std::max(range.max, v)};
  });
  REQUIRE(status.ok());
  return ranges;
}

Draft draft_of(const Graph& graph, std::span<const Sample> samples, bool per_channel_weights) {
  return {graph, graph, observed_ranges(graph, samples), {.weights = {.per_channel = per_channel_weights}}};
}

CorrectionContext context_of(std::span<const Sample> samples, int threads) {
  return {samples, 0, threads,
          [samples](const Graph& graph) -> Result<Ranges> { return observed_ranges(graph, samples); }};
}

Objective objective_of(const Graph& graph, const Draft& draft, std::span<const Sample> samples) {
  Draft copy = draft;
  const Result<PackedModel> packed = lower_draft(copy);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  const Result<Judge> judge = Judge::create(graph, samples, 1);
  REQUIRE_MESSAGE(judge.ok(), judge.error().message);
  const Result<Objective> objective = judge->measure(*packed);
  REQUIRE_MESSAGE(objective.ok(), objective.error().message);
  return *objective;
}

std::string constants_of(Draft draft) {
  const Result<PackedModel> packed = lower_draft(draft);
  REQUIRE_MESSAGE(packed.ok(), packed.error().message);
  std::string bytes;
  for (const PackedTensor& tensor : packed->tensors) {
    bytes.append(static_cast<const char*>(tensor.data), static_cast<size_t>(tensor.data_bytes));
    bytes += bytes_of(std::span<const float>(tensor.scales));
  }
  return bytes;
}

Draft corrected(const char* method, const Draft& draft, const CorrectionContext& context) {
  Draft changed = draft;
  const CorrectionMethod* row = find_correction_method(method);
  REQUIRE(row != nullptr);
  const Result<int> layers = row->apply(context, changed);
  REQUIRE_MESSAGE(layers.ok(), layers.error().message);
  CHECK(*layers > 0);
  return changed;
}

}  // namespace octet::test
