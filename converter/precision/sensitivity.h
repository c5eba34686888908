// The list of sensitivity methods: what one layer's integers cost the network's outputs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "converter/correct/draft.h"
#include "converter/correct/objective.h"
#include "converter/correct/sample_run.h"

namespace octet {

// What a method has to work with.
struct SensitivityContext {
  const Draft& draft;                          // calibrated, with the layers' weights as they are
  const Judge& judge;                          // on samples that nothing is fitted to
  std::span<const std::string> layers;         // all integer layers, in the order of execution
  std::span<const Sample> correction_samples;  // not empty: the layer's bias is corrected on them
  int threads = 1;
  uint64_t seed = 0;  // of the Hessian's probes
};

// One layer at one width. The error is that of the network's outputs (before a final softmax) against the float
// network's, E[(y - x)^2] / Var[x], if all other layers were float.
struct LayerSensitivity {
  std::string node;
  std::string op;
  int bits = 8;  // 4: of the weights, values have 8; 16: bf16; 32: the node stays f32
  double error = 0;
  std::optional<Objective> objective;  // of the network that was run with it; the Hessian's estimate runs none
  std::optional<size_t> right;         // of that network: samples with the right label
};

struct SensitivityMethod {
  const char* name;         // as --method takes it; also its file's name
  const char* description;  // one line
  // `packed` gets the network that was judged, if the method runs one. bits: 4, 8 or 16.
  Result<Objective> (*measure)(const SensitivityContext& context, const std::string& layer, int bits,
                               std::optional<PackedModel>& packed);
};

std::span<const SensitivityMethod> sensitivity_methods();
// Null where there is none of that name.
const SensitivityMethod* find_sensitivity_method(std::string_view name);

// The names of the layers that are integers in the draft, in the order of execution.
Result<std::vector<std::string>> integer_layers(const Draft& draft);

// One row per layer and width, in the order of execution. `labels` are those of the judge's samples `judged`, or empty.
Result<std::vector<LayerSensitivity>> measure_sensitivity(const SensitivityMethod& method,
                                                          const SensitivityContext& context, std::span<const int> bits,
                                                          std::span<const Sample> judged,
                                                          std::span<const int64_t> labels);

// The fewest layers that make half of the error at the given width, worst first, as --keep-float takes them.
std::string keep_float_list(std::span<const LayerSensitivity> rows, int bits);

}  // namespace octet
