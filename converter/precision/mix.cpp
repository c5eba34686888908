#include "converter/precision/mix.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "converter/correct/correct.h"

namespace octet {
namespace {

constexpr size_t kCorrectionSamples = 24;  // the mean of a channel needs no more
constexpr double kStepDb = 1.5;            // between rungs
constexpr double kLeastError = 1e-3;       // of all int8's: 30 dB below it, the next rung is all float
constexpr double kDefaultTarget = 0.1;

std::span<const Sample> few(const MixContext& context) {
  if (!context.is_corrected) return {};
  const std::span<const Sample> fit = context.samples.fit();
  return fit.first(std::min(kCorrectionSamples, fit.size()));
}

Result<PackedModel> lower_lightly_corrected(const MixContext& context, Draft draft) {
  if (!few(context).empty()) {
    const CorrectionContext correction{few(context), context.seed, context.threads, {}};
    OCTET_TRY([[maybe_unused]] const int layers, find_correction_method("bias")->apply(correction, draft));
  }
  return lower_draft(draft);
}

// Of the network's outputs, if all other layers were f32.
Result<double> error_of(const MixContext& context, const Judge& judge, std::span<const std::string> layers,
                        const std::string& layer, Precision precision) {
  if (precision == Precision::kF32) return 0.0;
  const int bits = precision == Precision::kBf16 ? 16 : precision == Precision::kInt4 ? 4 : 8;
  std::optional<PackedModel> packed;
  OCTET_TRY(const Objective found,
            find_sensitivity_method("single_layer")
                ->measure({context.draft, judge, layers, few(context), context.threads}, layer, bits, packed));
  return found.error;
}

MixRung all_int8(const LayerChoices& choices) {
  MixRung rung{.precisions = {}, .measured = {}, .right = {}};
  for (const auto& options : choices.options) rung.error += options[0].error;
  return rung;
}

// The cheapest points for every step of error, down to a share of all int8's.
std::vector<const ParetoPoint*> thinned(const std::vector<ParetoPoint>& front, double int8_error) {
  std::vector<const ParetoPoint*> points{&front.front()};
  const double step = std::pow(10, -kStepDb / 10);
  const double least = kLeastError * (int8_error > 0 ? int8_error : front.front().error);
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

Result<LayerChoices> measure_choices(const MixContext& context, const Judge& judge) {
  LayerChoices choices;
  OCTET_TRY(choices.layers, integer_layers(context.draft));
  const std::vector<std::string>& layers = choices.layers;
  choices.options.resize(layers.size());
  choices.precisions = {Precision::kInt8};
  if (context.offers_int4) choices.precisions.push_back(Precision::kInt4);
  if (context.offers_bf16) choices.precisions.push_back(Precision::kBf16);
  choices.precisions.push_back(Precision::kF32);
  for (const Precision precision : choices.precisions) {
    std::vector<int64_t> costs(layers.size(), 0);
    if (precision != Precision::kInt8) {
      OCTET_TRY(costs, layer_costs(context.draft, layers, precision, context.cost));
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      OCTET_TRY(const double error, error_of(context, judge, layers, layers[i], precision));
      choices.options[i].push_back({costs[i], error});
    }
  }
  return choices;
}

std::vector<MixRung> choose_rungs(const LayerChoices& choices) {
  const std::vector<ParetoPoint> front = pareto_front(choices.options).points;
  std::vector<MixRung> rungs;
  for (const ParetoPoint* point : thinned(front, all_int8(choices).error)) {
    MixRung rung{.precisions = {}, .error = point->error, .measured = {}, .right = {}};
    rung.cost = point->cost;
    for (size_t i = 0; i < choices.layers.size(); ++i) {
      const Precision precision = choices.precisions[point->choices[i]];
      if (precision != Precision::kInt8) rung.precisions[choices.layers[i]] = precision;
    }
    rungs.push_back(std::move(rung));
  }
  return rungs;
}

LayerChoices without(const LayerChoices& choices, Precision precision) {
  LayerChoices left = choices;
  const auto at =
      std::find(choices.precisions.begin(), choices.precisions.end(), precision) - choices.precisions.begin();
  left.precisions.erase(left.precisions.begin() + at);
  for (auto& options : left.options) options.erase(options.begin() + at);
  return left;
}

Result<PrecisionLadder> build_ladder(const MixContext& context) {
  PrecisionLadder ladder;
  OCTET_TRY(const Judge judge, Judge::create(context.draft.graph, context.samples.held_out(), context.threads));
  OCTET_TRY(ladder.choices, measure_choices(context, judge));
  ladder.rungs = choose_rungs(ladder.choices);
  std::vector<MixRung> more{all_int8(ladder.choices)};
  if (context.offers_bf16) {
    for (MixRung& rung : choose_rungs(without(ladder.choices, Precision::kF32))) more.push_back(std::move(rung));
  }
  for (MixRung& rung : more) {
    const bool is_new = std::none_of(ladder.rungs.begin(), ladder.rungs.end(),
                                     [&](const MixRung& other) { return other.precisions == rung.precisions; });
    if (is_new) ladder.rungs.push_back(std::move(rung));
  }
  for (MixRung& rung : ladder.rungs) {
    OCTET_TRY(const PackedModel packed, lower_lightly_corrected(context, on_rung(context.draft, rung)));
    OCTET_TRY(rung.latency_us, measure_latency_us(packed));
    rung.bytes = file_bytes(packed);
    OCTET_TRY(rung.measured, judge.measure(packed));
    if (context.count_right) {
      OCTET_TRY(rung.right, context.count_right(packed));
    }
  }
  ladder.rungs = measured_front(std::move(ladder.rungs), context.cost);
  return ladder;
}

std::vector<MixRung> measured_front(std::vector<MixRung> rungs, CostKind cost) {
  const auto measured_cost = [&](const MixRung& rung) {
    return cost == CostKind::kBytes ? static_cast<double>(rung.bytes) : rung.latency_us;
  };
  std::stable_sort(rungs.begin(), rungs.end(), [&](const MixRung& a, const MixRung& b) {
    return std::pair(measured_cost(a), a.measured.error) < std::pair(measured_cost(b), b.measured.error);
  });
  std::vector<MixRung> front;
  std::optional<MixRung> beaten;  // all int8
  for (MixRung& rung : rungs) {
    if (front.empty() || rung.measured.error < front.back().measured.error) {
      front.push_back(std::move(rung));
    } else if (rung.is_int8()) {
      beaten = std::move(rung);
    }
  }
  if (!beaten.has_value()) return front;
  const auto at = std::find_if(front.begin(), front.end(),
                               [&](const MixRung& rung) { return rung.measured.error <= beaten->measured.error; });
  front.insert(at, std::move(*beaten));
  return front;
}

Draft on_rung(const Draft& draft, const MixRung& rung) {
  Draft made = draft;
  for (const auto& [layer, precision] : rung.precisions) made = with_layers(made, {layer}, precision);
  return made;
}

size_t default_rung(const PrecisionLadder& ladder) {
  const double target = ladder.int8().measured.error * kDefaultTarget;
  size_t i = 0;
  while (i + 1 < ladder.rungs.size() && ladder.rungs[i].measured.error > target) ++i;
  return i;
}

bool PrecisionLadder::offers(Precision precision) const {
  return std::find(choices.precisions.begin(), choices.precisions.end(), precision) != choices.precisions.end();
}

const MixRung& PrecisionLadder::int8() const {
  return *std::find_if(rungs.begin(), rungs.end(), [](const MixRung& rung) { return rung.is_int8(); });
}

std::set<std::string> MixRung::layers_in(Precision precision) const {
  std::set<std::string> layers;
  for (const auto& [layer, its] : precisions) {
    if (its == precision) layers.insert(layer);
  }
  return layers;
}

double MixRung::agreement() const {
  return measured.count == 0 ? 0 : 100.0 * static_cast<double>(measured.agreeing) / static_cast<double>(measured.count);
}

std::string to_string(const MixRung& rung, const PrecisionLadder& ladder, std::optional<double> drop) {
  const auto count = [&](Precision precision) { return rung.layers_in(precision).size(); };
  const double reference = ladder.int8().error;
  std::string line;
  char text[256];
  if (ladder.offers(Precision::kInt4)) {
    std::snprintf(text, sizeof text, "%3zu int4, ", count(Precision::kInt4));
    line = text;
  }
  std::snprintf(
      text, sizeof text,
      "%3zu bf16 and %zu f32 of %zu layers, %8.3f ms, %9lld bytes, %6.1f dB expected, output SQNR %.2f dB, agreement "
      "%.1f %%",
      count(Precision::kBf16), count(Precision::kF32), ladder.choices.layers.size(), rung.latency_us / 1000,
      static_cast<long long>(rung.bytes), 10 * std::log10(rung.error > 0 ? rung.error / reference : 0),
      rung.measured.sqnr_db(), rung.agreement());
  line += text;
  if (drop.has_value()) {
    std::snprintf(text, sizeof text, ", drop %.2f", *drop);
    line += text;
  }
  return line;
}

}  // namespace octet
