#include "converter/correct/correct.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "converter/correct/method_list.h"
#include "converter/metrics.h"

namespace octet {
namespace {

constexpr CorrectionMethod kMethods[] = {
    {"equalize", "evens out the weights of channels between layers", correct_equalize, false, true, true},
    {"balance", "evens out the channels of values against the weights that read them", correct_balance, false, true,
     true},
    {"revive", "makes channels that are always 0 second copies of the noisiest ones", correct_revive, false, true,
     true},
    {"absorb_bias", "moves a channel's high offset into the layer behind", correct_absorb_bias, false, true, true},
    {"bias", "shifts biases by the mean error of each channel", correct_bias},
    {"affine", "fits a scale and an offset per channel", correct_affine},
    {"reestimate", "gives each channel its mean and variance back", correct_reestimate},
    {"gptq", "rounds weights one after the other, each making up for those before", correct_gptq, true},
    {"gptaq", "fits weights and biases to what the float network makes of it, then rounds as gptq does", correct_gptaq},
    {"awq", "widens the weights of channels whose values are large, and narrows the values", correct_awq, true, false,
     true},
    {"adaround", "learns for each weight whether to round up or down", correct_adaround},
    {"adaquant", "learns weights, biases and scales, layer by layer", correct_adaquant},
};

// What `auto` tries, in this order.
constexpr std::string_view kAuto =
    "equalize+bias|bias,"
    "affine|reestimate|balance+revive+bias|gptaq|revive+gptaq|balance+revive+gptaq,"
    "adaround|adaquant";

// Of chains whose errors are alike up to this factor the last one stays: in a list the one that does most for the next.
constexpr double kAlike = 1.02;

// Applies the chain to the draft; returns the most layers that a method of it changed.
Result<int> apply(const CorrectionChain& chain, const CorrectionContext& context, Draft& draft) {
  int layers = 0;
  for (const CorrectionMethod* method : chain) {
    OCTET_TRY(const int changed, method->apply(context, draft));
    layers = std::max(layers, changed);
  }
  return layers;
}

// Applies the chain to the draft, and measures what came of it.
Result<CorrectionStep> try_chain(const CorrectionChain& chain, const Judge& judge, const Objective& before,
                                 const CorrectionContext& context, Draft& draft) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  CorrectionStep step{.chain = chain, .before = before, .after = before};
  OCTET_TRY(step.layers, apply(chain, context, draft));
  if (step.layers > 0) {
    OCTET_TRY(const PackedModel packed, lower_draft(draft));
    OCTET_TRY(step.after, judge.measure(packed));
  }
  step.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return step;
}

// What was kept once more, from the start, with the held-out samples to fit to as well: a quarter more data for the
// same choices. `chosen` stays where even the samples that are now fitted to came out worse.
Status fit_to_all(std::span<const CorrectionStep> steps, const Judge& judge, const SampleSplit& samples,
                  CorrectionContext context, Draft draft, Draft& chosen) {
  context.samples = samples.all();
  Objective before;
  for (const CorrectionStep& step : steps) {
    if (!step.is_kept) continue;
    OCTET_CHECK(apply(step.chain, context, draft));
    before = step.after;
  }
  OCTET_TRY(const PackedModel packed, lower_draft(draft));
  OCTET_TRY(const Objective after, judge.measure(packed));
  if (after.typical_error <= before.typical_error && after.error <= Objective::kMostGrowth * before.error) {
    chosen = std::move(draft);
  }
  return {};
}

}  // namespace

std::span<const CorrectionMethod> correction_methods() {
  return kMethods;
}

const CorrectionMethod* find_correction_method(std::string_view name) {
  for (const CorrectionMethod& method : kMethods) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

const CorrectionMethod* find_misfit(std::span<const CorrectionChoice> choices, bool has_float_values) {
  for (const CorrectionChoice& choice : choices) {
    for (const CorrectionChain& chain : choice) {
      for (const CorrectionMethod* method : chain) {
        if (!(has_float_values ? method->takes_float_values : method->takes_integer_values)) return method;
      }
    }
  }
  return nullptr;
}

Result<std::vector<CorrectionChoice>> parse_correction(std::string_view text) {
  std::vector<CorrectionChoice> choices;
  if (text == "none") return choices;
  if (text == "auto") text = kAuto;
  choices.push_back({{}});
  while (true) {
    const size_t end = text.find_first_of(",|+");
    const std::string_view name = text.substr(0, end);
    if (name == "none" || name == "auto") {
      return Error{ErrorCode::kUsage, "'" + std::string(name) + "' stands alone, not in a list of correction methods"};
    }
    choices.back().back().push_back(find_correction_method(name));
    if (choices.back().back().back() == nullptr) {
      std::string known = "none, auto";
      for (const CorrectionMethod& method : kMethods) known += std::string(", ") + method.name;
      return Error{ErrorCode::kUsage, "there is no correction method '" + std::string(name) + "'; there are " + known};
    }
    if (end == std::string_view::npos) return choices;
    if (text[end] == ',') choices.push_back({{}});
    if (text[end] == '|') choices.back().emplace_back();
    text.remove_prefix(end + 1);
  }
}

bool rescales_values(std::string_view kept) {
  return std::ranges::any_of(kMethods, [&](const CorrectionMethod& method) {
    return method.rescales && kept.find(method.name) != std::string_view::npos;
  });
}

std::string to_string(const CorrectionChain& chain) {
  std::string names;
  for (const CorrectionMethod* method : chain) names += (names.empty() ? "" : "+") + std::string(method->name);
  return names;
}

Result<std::vector<CorrectionStep>> correct(std::span<const CorrectionChoice> choices, const SampleSplit& samples,
                                            CorrectionContext context, Draft& draft,
                                            const CorrectionObserver& observer) {
  std::vector<CorrectionStep> steps;
  if (choices.empty()) return steps;
  context.samples = samples.fit();
  OCTET_TRY(const Judge judge, Judge::create(draft.teacher, samples.held_out(), context.threads));
  OCTET_TRY(const PackedModel first, lower_draft(draft));
  const Draft uncorrected = draft;
  OCTET_TRY(Objective before, judge.measure(first));
  for (const CorrectionChoice& choice : choices) {
    std::optional<size_t> best;  // of steps
    double least_error = INFINITY;
    Draft best_draft;
    const size_t first_step = steps.size();
    for (const CorrectionChain& chain : choice) {
      Draft changed = draft;
      OCTET_TRY(const CorrectionStep step, try_chain(chain, judge, before, context, changed));
      steps.push_back(step);
      if (!step.after.is_better_than(before)) continue;
      if (!(step.after.typical_error < kAlike * least_error)) continue;
      least_error = std::min(least_error, step.after.typical_error);
      best = steps.size() - 1;
      best_draft = std::move(changed);
    }
    if (best.has_value()) {
      steps[*best].is_kept = true;
      before = steps[*best].after;
      draft = std::move(best_draft);
    }
    for (size_t i = first_step; i < steps.size() && observer; ++i) observer(steps[i]);
  }
  const bool is_changed = std::any_of(steps.begin(), steps.end(), [](const CorrectionStep& s) { return s.is_kept; });
  if (is_changed && samples.all().size() > 1) {
    OCTET_CHECK(fit_to_all(steps, judge, samples, context, uncorrected, draft));
  }
  return steps;
}

std::string to_string(const CorrectionStep& step) {
  char text[256];
  std::snprintf(text, sizeof text, "%s: %d layers, output SQNR %.2f -> %.2f dB, agreement %.1f -> %.1f %%, %s (%.1f s)",
                to_string(step.chain).c_str(), step.layers, step.before.typical_sqnr_db(), step.after.typical_sqnr_db(),
                percent(step.before.agreeing, step.before.count), percent(step.after.agreeing, step.after.count),
                step.is_kept ? "kept" : "rejected", step.seconds);
  return text;
}

}  // namespace octet
