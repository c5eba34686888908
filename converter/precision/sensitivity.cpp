#include "converter/precision/sensitivity.h"

#include <algorithm>

#include "converter/precision/labelled_samples.h"
#include "converter/precision/method_list.h"

namespace octet {
namespace {

constexpr SensitivityMethod kMethods[] = {
    {"single_layer", "quantizes only this layer, and runs the network", sensitivity_single_layer},
    {"hessian", "mean of the Hessian's diagonal times the squared rounding error of the weights", sensitivity_hessian},
};

}  // namespace

std::span<const SensitivityMethod> sensitivity_methods() {
  return kMethods;
}

const SensitivityMethod* find_sensitivity_method(std::string_view name) {
  for (const SensitivityMethod& method : kMethods) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

Result<std::vector<std::string>> integer_layers(const Draft& draft) {
  Draft copy = draft;
  OCTET_TRY(const PackedModel packed, lower_draft(copy));
  std::vector<std::string> names;
  for (const DraftLayer& layer : draft_layers(copy, packed)) names.push_back(copy.graph.nodes[layer.node].name);
  return names;
}

Result<std::vector<LayerSensitivity>> measure_sensitivity(const SensitivityMethod& method,
                                                          const SensitivityContext& context, std::span<const int> bits,
                                                          std::span<const Sample> judged,
                                                          std::span<const int64_t> labels) {
  std::vector<LayerSensitivity> rows;
  for (const std::string& layer : context.layers) {
    const auto node = std::find_if(context.draft.graph.nodes.begin(), context.draft.graph.nodes.end(),
                                   [&](const Node& other) { return other.name == layer; });
    for (const int width : bits) {
      LayerSensitivity row{.node = layer, .op = op_name(node->op), .bits = width, .objective = {}, .right = {}};
      if (width < 32) {  // at 32 the network is the float one
        std::optional<PackedModel> packed;
        OCTET_TRY(const Objective found, method.measure(context, layer, width, packed));
        row.error = found.error;
        if (packed.has_value()) {
          row.objective = found;
          if (!labels.empty()) {
            OCTET_TRY(row.right, count_right(*packed, judged, labels, context.threads));
          }
        }
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string keep_float_list(std::span<const LayerSensitivity> rows, int bits) {
  std::vector<const LayerSensitivity*> ranked;
  double total = 0;
  for (const LayerSensitivity& row : rows) {
    if (row.bits != bits || !(row.error > 0)) continue;
    ranked.push_back(&row);
    total += row.error;
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto* a, const auto* b) { return a->error > b->error; });
  std::string list;
  double sum = 0;
  for (const LayerSensitivity* row : ranked) {
    if (sum >= total / 2) break;
    sum += row->error;
    list += (list.empty() ? "" : ",") + row->node;
  }
  return list;
}

}  // namespace octet
