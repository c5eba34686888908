#include "converter/correct/objective.h"

#include <algorithm>
#include <cmath>

#include "converter/lower.h"

namespace octet {
namespace {

size_t top_index(const std::vector<float>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

double variance(const std::vector<std::vector<std::vector<float>>>& samples, size_t k) {
  double count = 0;
  double sum = 0;
  double sum2 = 0;
  for (const auto& sample : samples) {
    for (const auto v : sample[k]) {
      if (!std::isfinite(v)) continue;
      ++count;
      sum += static_cast<double>(v);
      sum2 += static_cast<double>(v) * static_cast<double>(v);
    }
  }
  return count == 0 ? 0 : std::max(sum2 / count - sum / count * (sum / count), 0.0);
}

}  // namespace

double Objective::sqnr_db() const {
  return -10 * std::log10(error);
}

double Objective::typical_sqnr_db() const {
  return -10 * std::log10(typical_error);
}

bool Objective::is_better_than(const Objective& before) const {
  constexpr double kLeastGain = 0.02;
  // Samples that disagree are counted like rare events: the difference of two counts varies by the root of their sum.
  const double disagreeing = static_cast<double>(count - agreeing);
  const double disagreed = static_cast<double>(before.count - before.agreeing);
  return typical_error < before.typical_error * (1 - kLeastGain) && error <= kMostGrowth * before.error &&
         disagreeing - disagreed <= 2 * std::sqrt(disagreeing + disagreed);
}

std::vector<std::string> Judge::judged_values(const Graph& graph) {
  std::vector<std::string> names;
  for (const ValueId output : graph.outputs) {
    ValueId watched = output;
    const Node* node = graph.producer(output);
    if (node != nullptr && node->is<SoftmaxParams>()) watched = node->inputs[0];
    if (graph.value(watched).type == DataType::kF32) names.push_back(graph.value(watched).name);
  }
  return names;
}

Result<Judge> Judge::create(const Graph& graph, std::span<const Sample> samples, int threads) {
  Judge judge;
  judge.names_ = judged_values(graph);
  if (judge.names_.empty()) {
    return Error{ErrorCode::kUnsupported, kNothingJudges};
  }
  judge.samples_ = samples;
  judge.threads_ = threads;
  OCTET_TRY(const PackedModel packed, lower_f32(graph));
  OCTET_TRY(judge.wanted_, judge.collect(packed));
  for (size_t k = 0; k < judge.names_.size(); ++k) judge.variances_.push_back(variance(judge.wanted_, k));
  return judge;
}

Result<std::vector<Judge::Outputs>> Judge::collect(const PackedModel& model) const {
  std::vector<Outputs> found(samples_.size(), Outputs(names_.size()));
  OCTET_CHECK(
      run_samples(model, samples_, threads_, [&](size_t sample, const std::string& name, const TensorView& view) {
        if (view.type != DataType::kF32) return;
        for (size_t k = 0; k < names_.size(); ++k) {
          if (name != names_[k] && name != names_[k] + ":f32") continue;
          const std::span<const float> values = view.as<float>();
          found[sample][k].assign(values.begin(), values.end());
        }
      }));
  return found;
}

Result<Objective> Judge::measure(const PackedModel& packed) const {
  constexpr double kLeastShare = 1e-3;  // of the mean: a sample without any error must not decide alone
  OCTET_TRY(const std::vector<Outputs> found, collect(packed));
  Objective objective{.count = samples_.size()};
  std::vector<double> sample_errors(samples_.size());
  for (size_t k = 0; k < names_.size(); ++k) {
    const double unit = (variances_[k] > 0 ? variances_[k] : 1) * static_cast<double>(names_.size());
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i < samples_.size(); ++i) {
      const std::vector<float>& x = wanted_[i][k];
      const std::vector<float>& y = found[i][k];
      if (x.size() != y.size()) {
        return Error{ErrorCode::kUnsupported, "'" + names_[k] + "' has " + std::to_string(x.size()) +
                                                  " elements as float, but " + std::to_string(y.size()) +
                                                  " as integers"};
      }
      double sample_sum = 0;
      double sample_count = 0;
      for (size_t j = 0; j < x.size(); ++j) {
        if (!std::isfinite(x[j])) continue;
        ++sample_count;
        const double d = static_cast<double>(x[j]) - static_cast<double>(y[j]);
        sample_sum += d * d;
      }
      if (sample_count > 0) sample_errors[i] += sample_sum / sample_count / unit;
      sum += sample_sum;
      count += sample_count;
      if (k == 0) objective.agreeing += x.empty() || top_index(x) == top_index(y) ? 1 : 0;
    }
    if (count > 0) objective.error += sum / count / unit;
  }
  double logarithms = 0;
  for (const double error : sample_errors) logarithms += std::log(std::max(error, kLeastShare * objective.error));
  if (objective.error > 0) objective.typical_error = std::exp(logarithms / static_cast<double>(samples_.size()));
  if (std::isnan(objective.error)) objective.error = objective.typical_error = INFINITY;
  return objective;
}

}  // namespace octet
