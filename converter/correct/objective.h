// What a correction is judged by: the outputs of the integer network that runs, beside the float network's.
#pragma once

#include <string>
#include <vector>

#include "converter/correct/sample_run.h"
#include "converter/graph.h"

namespace octet {

struct Objective {
  // As far as the mean may grow, for the sake of most samples.
  static constexpr double kMostGrowth = 1.5;

  // Mean over the outputs of E[(y - x)^2] / Var[x]; x: float network, where it is finite, y: integer network.
  double error = 0;
  // The geometric mean of the same for every sample, of each at least a thousandth of the mean: a few samples make most
  // of the other.
  double typical_error = 0;
  size_t agreeing = 0;  // samples whose first output has its highest element at the same place
  size_t count = 0;

  double sqnr_db() const;          // -10 log10(error)
  double typical_sqnr_db() const;  // -10 log10(typical_error)
  // Less typical error, by more than a fiftieth of it (less is noise), while the mean grows by half at most, and at no
  // loss of agreement beyond two standard deviations of chance.
  bool is_better_than(const Objective& before) const;
};

inline constexpr const char* kNothingJudges = "no output is f32, so nothing tells whether a correction helps";

// Measures packed models on samples. An output that is a softmax is measured at its input: there every class counts,
// not only the likely ones.
class Judge {
 public:
  // The f32 values by which a network is measured; none where no output is f32.
  static std::vector<std::string> judged_values(const Graph& graph);

  // Runs the float network once. kUnsupported: no output is f32.
  static Result<Judge> create(const Graph& graph, std::span<const Sample> samples, int threads);

  Result<Objective> measure(const PackedModel& packed) const;

 private:
  using Outputs = std::vector<std::vector<float>>;  // per watched tensor

  Result<std::vector<Outputs>> collect(const PackedModel& model) const;

  std::vector<std::string> names_;  // as the float network calls the tensors
  std::span<const Sample> samples_;
  std::vector<Outputs> wanted_;  // per sample
  std::vector<double> variances_;
  int threads_ = 1;
};

}  // namespace octet
