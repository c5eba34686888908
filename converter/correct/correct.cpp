#include "converter/correct/correct.h"

#include <chrono>
#include <cstdio>

#include "converter/correct/method_list.h"

namespace octet {
namespace {

constexpr CorrectionMethod kMethods[] = {
    {"equalize", "evens out the weights of channels between layers", correct_equalize},
    {"balance", "evens out the channels of values against the weights that read them", correct_balance},
    {"absorb_bias", "moves a channel's high offset into the layer behind", correct_absorb_bias},
    {"bias", "shifts biases by the mean error of each channel", correct_bias},
    {"affine", "fits a scale and an offset per channel", correct_affine},
    {"adaround", "learns for each weight whether to round up or down", correct_adaround},
    {"adaquant", "learns weights, biases and scales, layer by layer", correct_adaquant},
};

// What `auto` tries, in this order.
constexpr std::string_view kAuto = "equalize,bias,adaquant";

double percent(size_t part, size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
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

Result<std::vector<const CorrectionMethod*>> parse_correction(std::string_view text) {
  std::vector<const CorrectionMethod*> methods;
  if (text == "none") return methods;
  if (text == "auto") text = kAuto;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    methods.push_back(find_correction_method(name));
    if (methods.back() == nullptr) {
      std::string known = "none, auto";
      for (const CorrectionMethod& method : kMethods) known += std::string(", ") + method.name;
      return Error{ErrorCode::kUsage, "--correct: there is no method '" + std::string(name) + "'; there are " + known};
    }
    if (comma == std::string_view::npos) return methods;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<CorrectionStep>> correct(std::span<const CorrectionMethod* const> methods,
                                            const SampleSplit& samples, const CorrectionContext& context, Draft& draft,
                                            const CorrectionObserver& observer) {
  using Clock = std::chrono::steady_clock;
  std::vector<CorrectionStep> steps;
  if (methods.empty()) return steps;
  OCTET_TRY(const Judge judge, Judge::create(draft.teacher, samples.held_out, context.threads));
  OCTET_TRY(const PackedModel first, lower_draft(draft));
  OCTET_TRY(Objective best, judge.measure(first));
  for (const CorrectionMethod* method : methods) {
    const auto start = Clock::now();
    CorrectionStep step{.method = method, .before = best, .after = best};
    Draft changed = draft;
    OCTET_TRY(step.layers, method->apply(context, changed));
    if (step.layers > 0) {
      OCTET_TRY(const PackedModel packed, lower_draft(changed));
      OCTET_TRY(step.after, judge.measure(packed));
      step.is_kept = step.after.is_better_than(best);
    }
    if (step.is_kept) {
      best = step.after;
      draft = std::move(changed);
    }
    step.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (observer) observer(step);
    steps.push_back(step);
  }
  return steps;
}

std::string to_string(const CorrectionStep& step) {
  char text[256];
  std::snprintf(text, sizeof text, "%s: %d layers, output SQNR %.2f -> %.2f dB, agreement %.1f -> %.1f %%, %s (%.1f s)",
                step.method->name, step.layers, step.before.sqnr_db(), step.after.sqnr_db(),
                percent(step.before.agreeing, step.before.count), percent(step.after.agreeing, step.after.count),
                step.is_kept ? "kept" : "rejected", step.seconds);
  return text;
}

}  // namespace octet
