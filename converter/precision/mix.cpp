#include "converter/precision/mix.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "converter/correct/correct.h"
#include "converter/precision/knapsack.h"

namespace octet {
namespace {

constexpr size_t kCorrectionSamples = 24;  // the mean of a channel needs no more
constexpr double kStepDb = 1.5;            // between rungs
constexpr double kLeastError = 1e-3;       // of the integers': 30 dB below it, the next rung is all float
constexpr double kDefaultTarget = 0.2;
constexpr int64_t kCostSteps = 20000;  // times are not known better, and the knapsack stays small

std::span<const Sample> few(const MixContext& context) {
  if (!context.is_corrected) return {};
  const std::span<const Sample> fit(context.samples.fit);
  return fit.first(std::min(kCorrectionSamples, fit.size()));
}

Result<PackedModel> lower_lightly_corrected(const MixContext& context, Draft draft) {
  if (!few(context).empty()) {
    const CorrectionContext correction{few(context), context.seed, context.threads, {}};
    OCTET_TRY([[maybe_unused]] const int layers, find_correction_method("bias")->apply(correction, draft));
  }
  return lower_draft(draft);
}

// The cheapest points for every step of error.
std::vector<const ParetoPoint*> thinned(const std::vector<ParetoPoint>& front) {
  std::vector<const ParetoPoint*> points{&front.front()};
  const double step = std::pow(10, -kStepDb / 10);
  const double least = kLeastError * front.front().error;
  if (!(least > 0)) return points;  // nothing to gain
  double target = front.front().error * step;
  for (const ParetoPoint& point : front) {
    if (point.error > target || target < least) continue;
    points.push_back(&point);
    while (target >= point.error && target >= least) target *= step;  // the last point has no error at all
  }
  if (points.back() != &front.back()) points.push_back(&front.back());
  return points;
}

}  // namespace

Result<PrecisionLadder> build_ladder(const MixContext& context) {
  PrecisionLadder ladder;
  OCTET_TRY(const Judge judge, Judge::create(context.draft.graph, context.samples.held_out, context.threads));
  OCTET_TRY(const std::vector<std::string> layers, integer_layers(context.draft));
  constexpr int kBits[] = {8};
  OCTET_TRY(ladder.layers,
            measure_sensitivity(*find_sensitivity_method("single_layer"),
                                {context.draft, judge, layers, few(context), context.threads}, kBits, {}, {}));
  OCTET_TRY(const std::vector<int64_t> costs, float_costs(context.draft, layers, context.cost));

  int64_t range = 0;
  for (const int64_t cost : costs) range += std::abs(cost);
  const int64_t unit = std::max<int64_t>(range / kCostSteps, 1);
  std::vector<std::vector<LayerOption>> options;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto steps = static_cast<int64_t>(std::llround(static_cast<double>(costs[i]) / static_cast<double>(unit)));
    options.push_back({{0, ladder.layers[i].error}, {steps, 0}});
  }
  const std::vector<ParetoPoint> front = pareto_front(options);
  for (const ParetoPoint* point : thinned(front)) {
    MixRung rung{.raised = {}, .error = point->error, .measured = {}, .right = {}};
    for (size_t i = 0; i < layers.size(); ++i) {
      if (point->choices[i] == 0) continue;
      rung.raised.insert(layers[i]);
      rung.cost += costs[i];
    }
    OCTET_TRY(const PackedModel packed, lower_lightly_corrected(context, on_rung(context.draft, rung)));
    OCTET_TRY(rung.latency_us, measure_latency_us(packed));
    rung.bytes = file_bytes(packed);
    OCTET_TRY(rung.measured, judge.measure(packed));
    if (context.count_right) {
      OCTET_TRY(rung.right, context.count_right(packed));
    }
    ladder.rungs.push_back(std::move(rung));
  }
  ladder.rungs = measured_front(std::move(ladder.rungs), context.cost);
  return ladder;
}

std::vector<MixRung> measured_front(std::vector<MixRung> rungs, CostKind cost) {
  const auto measured_cost = [&](const MixRung& rung) {
    return cost == CostKind::kBytes ? static_cast<double>(rung.bytes) : rung.latency_us;
  };
  std::stable_sort(rungs.begin() + 1, rungs.end(), [&](const MixRung& a, const MixRung& b) {
    return std::pair(measured_cost(a), a.measured.error) < std::pair(measured_cost(b), b.measured.error);
  });
  std::vector<MixRung> front;
  for (MixRung& rung : rungs) {
    if (front.empty() || rung.measured.error < front.back().measured.error) front.push_back(std::move(rung));
  }
  return front;
}

Draft on_rung(const Draft& draft, const MixRung& rung) {
  Draft raised = draft;
  raised.options.keep_float.insert(rung.raised.begin(), rung.raised.end());
  return raised;
}

size_t default_rung(const PrecisionLadder& ladder) {
  const double target = ladder.rungs.front().measured.error * kDefaultTarget;
  size_t i = 0;
  while (i + 1 < ladder.rungs.size() && ladder.rungs[i].measured.error > target) ++i;
  return i;
}

double MixRung::agreement() const {
  return measured.count == 0 ? 0 : 100.0 * static_cast<double>(measured.agreeing) / static_cast<double>(measured.count);
}

std::string to_string(const MixRung& rung, const PrecisionLadder& ladder, std::optional<double> drop) {
  const double first = ladder.rungs.front().error;
  char text[256];
  std::snprintf(text, sizeof text,
                "%3zu of %zu layers float, %8.3f ms, %9lld bytes, %6.1f dB expected, output SQNR %.2f dB, agreement "
                "%.1f %%",
                rung.raised.size(), ladder.layers.size(), rung.latency_us / 1000, static_cast<long long>(rung.bytes),
                10 * std::log10(rung.error > 0 ? rung.error / first : 0), rung.measured.sqnr_db(), rung.agreement());
  std::string line = text;
  if (drop.has_value()) {
    std::snprintf(text, sizeof text, ", drop %.2f", *drop);
    line += text;
  }
  return line;
}

}  // namespace octet
