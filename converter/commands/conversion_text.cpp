#include "converter/commands/conversion_text.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "converter/metrics.h"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

// A point of the Pareto table.
Json rung_json(const MixRung& rung, const Conversion& conversion) {
  Json row{{"float_layers", rung.layers_in(Precision::kF32)},
           {"bf16_layers", rung.layers_in(Precision::kBf16)},
           {"int4_layers", rung.layers_in(Precision::kInt4)},
           {"latency_ms", rung.latency_us / 1000},
           {"bytes", rung.bytes},
           {"cost", rung.cost},
           {"expected_error", rung.error},
           {"error", rung.measured.error},
           {"agreement", rung.agreement()}};
  if (const auto drop = conversion.drop_of(rung)) row["drop"] = *drop;
  return row;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// The user's words, then the layers that mixed precision left f32, as --keep-float takes them.
std::vector<std::string> kept_float(const MixRung& rung, std::vector<std::string> names) {
  for (const std::string& layer : rung.layers_in(Precision::kF32)) {
    if (std::find(names.begin(), names.end(), layer) == names.end()) names.push_back(layer);
  }
  return names;
}

}  // namespace

std::pair<size_t, size_t> count_nodes(const PackedModel& model) {
  size_t integer = 0;
  for (const PackedNode& node : model.nodes) {
    for (const int32_t id : node.inputs) {
      if (id < 0 || model.tensors[static_cast<size_t>(id)].scales.empty()) continue;
      ++integer;
      break;
    }
  }
  return {integer, model.nodes.size()};
}

std::string gate_line(const GateResult& gate, double limit) {
  const auto [low, high] = gate.drop_interval();
  char text[200];
  std::snprintf(text, sizeof text,
                "%zu of %zu held-out samples right, in float %zu: a drop of %.2f points (95 %%: %.2f to %.2f), allowed "
                "%.2f",
                gate.right, gate.count, gate.float_right, gate.drop(), low, high, limit);
  return text;
}

std::string chosen_line(const Conversion& conversion, const std::vector<std::string>& keep_float) {
  const MixRung& rung = conversion.ladder->rungs[*conversion.rung];
  std::string line;
  if (const std::string kept = joined(kept_float(rung, keep_float)); !kept.empty()) line += "; --keep-float " + kept;
  for (const auto& [precision, name] : {std::pair(Precision::kBf16, "bf16"), std::pair(Precision::kInt4, "int4")}) {
    const std::set<std::string> layers = rung.layers_in(precision);
    if (!layers.empty()) line += std::string("; ") + name + ": " + joined({layers.begin(), layers.end()});
  }
  return line;
}

std::string rung_line(const MixRung& rung, const Conversion& conversion) {
  return to_string(rung, *conversion.ladder, conversion.drop_of(rung));
}

std::string conversion_json(const Conversion& conversion, const ConvertOptions& options, const WrittenFile& file) {
  const auto [integer, total] = count_nodes(conversion.packed);
  Json result{{"output", file.path}, {"bytes", file.bytes},      {"precision", file.precision},
              {"nodes", total},      {"integer_nodes", integer}, {"samples", conversion.sample_count}};
  if (!conversion.calibration.empty()) result["calibration"] = conversion.calibration;
  result["corrections"] = Json::array();
  for (const CorrectionStep& step : conversion.corrections) {
    result["corrections"].push_back({{"name", to_string(step.chain)},
                                     {"layers", step.layers},
                                     {"kept", step.is_kept},
                                     {"error_before", step.before.error},
                                     {"error_after", step.after.error},
                                     {"typical_error_before", step.before.typical_error},
                                     {"typical_error_after", step.after.typical_error},
                                     {"agreement_before", percent(step.before.agreeing, step.before.count)},
                                     {"agreement_after", percent(step.after.agreeing, step.after.count)},
                                     {"seconds", step.seconds}});
  }
  if (conversion.ladder.has_value()) {
    result["pareto"] = Json::array();
    for (const MixRung& rung : conversion.ladder->rungs) result["pareto"].push_back(rung_json(rung, conversion));
    if (conversion.rung.has_value()) {
      result["chosen"] = *conversion.rung;
      result["keep_float"] = joined(kept_float(conversion.ladder->rungs[*conversion.rung], options.keep_float));
    }
  }
  if (conversion.gate.has_value()) {
    const GateResult& gate = *conversion.gate;
    const auto [low, high] = gate.drop_interval();
    result["gate"] = {{"count", gate.count},     {"float_right", gate.float_right}, {"right", gate.right},
                      {"drop", gate.drop()},     {"drop_interval", {low, high}},    {"max_drop", *options.max_drop},
                      {"passed", gate.is_passed}};
  }
  // Names need not be UTF-8.
  return result.dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace octet
