#include "converter/precision/cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>

#include "octet/session.hpp"
#include "runtime/packed_format.h"

namespace octet {
namespace {

// Least runs of a network, and how long to go on beyond them.
constexpr int kLeastRuns = 8;
constexpr double kMeasureMs = 60;

// By what tells steps apart: name, kernel and types. Microseconds, the least of all runs.
using StepTimes = std::map<std::string, double>;

std::string key_of(const StepInfo& step, const PackedModel& model) {
  std::string key = step.name + "|" + step.op + "|" + step.kernel + "|" + to_string(step.arithmetic);
  for (const PackedNode& node : model.nodes) {
    if (node.name != step.name) continue;
    for (const int32_t id : node.outputs)
      key += std::string("|") + to_string(model.tensors[static_cast<size_t>(id)].type);
    break;
  }
  return key;
}

Result<StepTimes> step_times(const PackedModel& packed) {
  using Clock = std::chrono::steady_clock;
  OCTET_TRY(Session session,
            Session::create(Model::from_packed(std::make_shared<PackedModel>(packed)), {.threads = 1}));
  const std::vector<StepInfo> steps = session.steps();
  std::vector<double> least(steps.size(), std::numeric_limits<double>::infinity());
  session.run();
  const auto start = Clock::now();
  for (int run = 0;
       run < kLeastRuns || std::chrono::duration<double, std::milli>(Clock::now() - start).count() < kMeasureMs;
       ++run) {
    std::vector<double> times(steps.size());
    session.run(times);
    for (size_t i = 0; i < steps.size(); ++i) least[i] = std::min(least[i], times[i]);
  }
  StepTimes found;
  for (size_t i = 0; i < steps.size(); ++i) found[key_of(steps[i], packed)] += least[i];
  return found;
}

// What `a` has and `b` has not, in microseconds.
double only_in(const StepTimes& a, const StepTimes& b) {
  double sum = 0;
  for (const auto& [key, us] : a) sum += b.contains(key) ? 0 : us;
  return sum;
}

}  // namespace

Result<double> measure_latency_us(const PackedModel& model) {
  OCTET_TRY(const StepTimes times, step_times(model));
  return only_in(times, {});
}

int64_t file_bytes(const PackedModel& model) {
  return static_cast<int64_t>(write_model(model).size());
}

Draft with_layers(const Draft& draft, const std::set<std::string>& layers, Precision precision) {
  Draft copy = draft;
  QuantizeOptions& options = copy.options;
  std::set<std::string>& names = precision == Precision::kInt4   ? options.int4
                                 : precision == Precision::kBf16 ? options.bf16
                                                                 : options.keep_float;
  names.insert(layers.begin(), layers.end());
  for (const std::string& layer : layers) options.weight_scales.erase(layer);  // they were those of 8 bits
  return copy;
}

Result<std::vector<int64_t>> layer_costs(const Draft& draft, std::span<const std::string> layers, Precision precision,
                                         CostKind kind) {
  Draft base = draft;  // fixes the scales of the weights, which lowering would otherwise search again each time
  OCTET_TRY(const PackedModel integer, lower_draft(base));
  StepTimes times;
  if (kind == CostKind::kLatency) {
    OCTET_TRY(times, step_times(integer));
  }
  std::vector<int64_t> costs;
  for (const std::string& layer : layers) {
    Draft other = with_layers(base, {layer}, precision);
    OCTET_TRY(const PackedModel packed, lower_draft(other));
    if (kind == CostKind::kBytes) {
      costs.push_back(file_bytes(packed) - file_bytes(integer));
      continue;
    }
    OCTET_TRY(const StepTimes other_times, step_times(packed));
    costs.push_back(std::llround(1000 * (only_in(other_times, times) - only_in(times, other_times))));
  }
  return costs;
}

}  // namespace octet
