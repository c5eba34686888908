// The list of correction methods: what lowers the error of a quantized network at no cost when it runs.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/correct/draft.h"
#include "converter/correct/objective.h"
#include "converter/correct/sample_run.h"

namespace octet {

// What a method has to work with.
struct CorrectionContext {
  std::span<const Sample> samples;  // to fit to
  uint64_t seed = 0;
  int threads = 1;
  // Ranges for a network whose values were rescaled: observes it again, and chooses as the user asked.
  std::function<Result<Ranges>(const Graph&)> calibrate;
};

// A method changes the draft, and returns how many layers it changed. It is a pure function of draft, samples and seed:
// the same for any number of threads.
struct CorrectionMethod {
  const char* name;         // as --correct takes it; also its file's name
  const char* description;  // one line
  Result<int> (*apply)(const CorrectionContext& context, Draft& draft);
  bool takes_float_values = false;   // works for layers whose values are f32: weight_only, dynamic
  bool takes_integer_values = true;  // and for those whose values are u8
  bool rescales = false;             // changes the units of values: Draft::rescaling
};

std::span<const CorrectionMethod> correction_methods();
// Null where there is none of that name.
const CorrectionMethod* find_correction_method(std::string_view name);
// Whether one of these, as a packed file's metadata has them ("equalize+bias,gptq"), changes the units of values.
bool rescales_values(std::string_view kept);
// Methods that are applied one after the other and judged as one: some only make room for the next.
using CorrectionChain = std::vector<const CorrectionMethod*>;
// Chains to choose from: each is tried on the same draft, and at most the best one stays; of equals (less is noise) the
// last.
using CorrectionChoice = std::vector<CorrectionChain>;
// What `--correct` means: "none", "auto", or choices separated by commas, in the order of application; a choice is
// chains separated by "|", a chain is names separated by "+". kUsage: an unknown name.
Result<std::vector<CorrectionChoice>> parse_correction(std::string_view text);
// The first method that does not work for layers whose values are f32, or u8; null: all do.
const CorrectionMethod* find_misfit(std::span<const CorrectionChoice> choices, bool has_float_values);
// What `auto` is where values are f32.
inline constexpr std::string_view kAutoOfFloatValues = "gptq|awq|awq+gptq";
// "equalize+bias"
std::string to_string(const CorrectionChain& chain);

// What became of a chain.
struct CorrectionStep {
  CorrectionChain chain;
  int layers = 0;  // changed
  Objective before, after;
  bool is_kept = false;
  double seconds = 0;
};
using CorrectionObserver = std::function<void(const CorrectionStep&)>;

// Makes the choices in turn. After each chain the integer network is lowered and run on the held-out samples: the
// draft keeps the change of the best one where the objective is better, and is as before otherwise. In the end the
// chains that were kept are applied once more, fitting to all samples.
//
// context  its samples are not used: `samples` has them
Result<std::vector<CorrectionStep>> correct(std::span<const CorrectionChoice> choices, const SampleSplit& samples,
                                            CorrectionContext context, Draft& draft,
                                            const CorrectionObserver& observer);

// "equalize+bias: 12 layers, SQNR 20.1 -> 25.3 dB, agreement 92.2 -> 96.1 %, kept (3.1 s)"
std::string to_string(const CorrectionStep& step);

}  // namespace octet
