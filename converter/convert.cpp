#include "converter/convert.h"

#include <algorithm>

#include "converter/calibrated_network.h"
#include "converter/correct/objective.h"
#include "converter/data/labels.h"
#include "converter/evaluate.h"
#include "converter/given.h"
#include "converter/halves.h"
#include "converter/lower.h"
#include "converter/open_sizes.h"
#include "converter/precision.h"
#include "converter/precision/climb.h"
#include "converter/precision/labelled_samples.h"
#include "octet/octet.hpp"

namespace octet {
namespace {

constexpr size_t kFewGateSamples = 100;

const char* name_of(Precision layers) {
  return layers == Precision::kDynamic ? "dynamic" : "weight_only";
}

// Before any work: whether the corrections fit the values that the layers read.
Status check_corrections(const ConvertOptions& options) {
  const bool has_float_values = options.layers != Precision::kInt8;
  if (options.correct == "auto") return {};
  OCTET_TRY(const auto methods, parse_correction(options.correct));
  if (const CorrectionMethod* misfit = find_misfit(methods, has_float_values)) {
    return Error{ErrorCode::kUsage, std::string("--correct ") + misfit->name + " is about values that are " +
                                        (has_float_values ? "integers" : "f32") + ", which --precision " +
                                        (has_float_values ? name_of(options.layers) : "int8") + " has none of"};
  }
  return {};
}

size_t count_changed(const Ranges& before, const Ranges& after) {
  return static_cast<size_t>(std::count_if(after.begin(), after.end(), [&](const auto& entry) {
    const auto found = before.find(entry.first);
    return found == before.end() || !(found->second == entry.second);
  }));
}

// Applies options.correct to the draft. A list of methods needs data; `auto` does without, and says so.
Status correct_draft(const ConvertOptions& options, const CalibratedNetwork& network, Draft& draft, Conversion& result,
                     std::vector<std::string>& notices) {
  const bool has_float_values = options.layers != Precision::kInt8;
  const std::string_view wanted = has_float_values && options.correct == "auto" ? kAutoOfFloatValues : options.correct;
  OCTET_TRY(const auto methods, parse_correction(wanted));
  if (methods.empty()) return {};
  if (!network.samples.has_value() && has_float_values && options.correct == "auto") return {};
  if (!network.samples.has_value()) {
    if (options.correct != "auto") {
      return Error{ErrorCode::kUsage, "--correct " + options.correct + " needs --data: it runs the network on samples"};
    }
    notices.push_back("nothing was corrected: --correct auto needs --data");
    return {};
  }
  if (options.correct == "auto" && Judge::judged_values(draft.teacher).empty()) {
    notices.push_back(std::string("nothing was corrected: ") + kNothingJudges);
    return {};
  }
  if (const size_t count = network.samples->all().size(); count < 2) {
    notices.push_back(
        "nothing was corrected: that takes at least 2 samples, some to fit to and others to judge by, not " +
        std::to_string(count));
    return {};
  }
  const CorrectionContext context{network.samples->fit(), options.seed, network.threads,
                                  [&](const Graph& graph) { return network.calibrate_again(options, graph); }};
  OCTET_TRY(result.corrections, correct(methods, *network.samples, context, draft, options.correction_observer));
  if (const size_t moved = count_changed(network.draft.ranges, draft.ranges);
      network.data_ranges.has_value() && moved > 0) {
    notices.push_back("corrections rescaled " + std::to_string(moved) + " of " + std::to_string(draft.ranges.size()) +
                      " values: their ranges are the table's, times what rescaling did to those of the " +
                      std::to_string(network.drawn->indices.size()) + " samples of --data");
  }
  return {};
}

// "equalize,bias"; "none" where nothing was kept.
std::string kept_names(std::span<const CorrectionStep> steps) {
  std::string kept;
  for (const CorrectionStep& step : steps) {
    if (step.is_kept) kept += (kept.empty() ? "" : ",") + to_string(step.chain);
  }
  return kept.empty() ? "none" : kept;
}

// Corrects and lowers the draft.
Status finish(const ConvertOptions& options, const CalibratedNetwork& network, Draft draft, Conversion& result) {
  std::vector<std::string> notices;
  result.corrections.clear();
  OCTET_CHECK(correct_draft(options, network, draft, result, notices));
  OCTET_TRY(result.packed, lower_int8(draft.graph, draft.ranges, draft.options, notices));
  if (!result.corrections.empty()) {
    const std::string kept = kept_names(result.corrections);
    result.packed.metadata["correct"] = kept;
    if (rescales_values(kept)) result.packed.metadata[kRescalingKey] = to_text(draft.rescaling);
  }
  if (!result.calibration.empty()) result.packed.metadata["calibration"] = result.calibration;
  result.lowering_notices = std::move(notices);
  return {};
}

// The labelled samples that were kept aside, and what the float network makes of them.
class Gate {
 public:
  static Result<Gate> create(const ConvertOptions& options, const CalibratedNetwork& network) {
    const Graph& graph = network.draft.graph;
    Gate gate;
    gate.threads_ = network.threads;
    gate.max_drop_ = *options.max_drop;
    OCTET_TRY(gate.samples_, load_labelled_samples(network.drawn->data, network.drawn->gate, options.labels,
                                                   class_count(graph.value(graph.outputs[0]).shape), network.threads));
    OCTET_TRY(const PackedModel float_model, lower_f32(graph));
    OCTET_TRY(gate.is_float_right_,
              find_right(float_model, gate.samples_.samples, gate.samples_.labels, network.threads));
    return gate;
  }

  Result<GateResult> measure(const PackedModel& packed) const {
    OCTET_TRY(const auto is_right, find_right(packed, samples_.samples, samples_.labels, threads_));
    GateResult found = judge(count(is_right));
    for (size_t i = 0; i < is_right.size(); ++i) {
      found.lost += is_float_right_[i] > is_right[i] ? 1 : 0;
      found.won += is_right[i] > is_float_right_[i] ? 1 : 0;
    }
    return found;
  }

  size_t sample_count() const { return samples_.samples.size(); }

  GateResult judge(size_t right) const {
    GateResult found{sample_count(), count(is_float_right_), right};
    found.is_passed = found.drop() <= max_drop_;
    return found;
  }

 private:
  static size_t count(const std::vector<uint8_t>& is_right) {
    return static_cast<size_t>(std::count(is_right.begin(), is_right.end(), 1));
  }

  LabelledSamples samples_;
  std::vector<uint8_t> is_float_right_;
  double max_drop_ = 0;
  int threads_ = 1;
};

Status climb_ladder(const ConvertOptions& options, const CalibratedNetwork& network, const Gate* gate,
                    Conversion& result) {
  MixContext context{network.draft,       *network.samples,    options.cost,
                     options.offers_int4, options.offers_bf16, options.correct != "none",
                     options.seed,        network.threads,     {}};
  if (gate != nullptr) {
    context.count_right = [&](const PackedModel& packed) -> Result<size_t> {
      OCTET_TRY(const GateResult found, gate->measure(packed));
      return found.right;
    };
  }
  OCTET_TRY(result.ladder, build_ladder(context));
  if (options.ladder_observer) options.ladder_observer(result);
  return {};
}

Status convert_plain(const ConvertOptions& options, const CalibratedNetwork& network, Conversion& result) {
  return finish(options, network, network.draft, result);
}

Status convert_mixed(const ConvertOptions& options, const CalibratedNetwork& network, Conversion& result) {
  OCTET_CHECK(climb_ladder(options, network, nullptr, result));
  result.rung = default_rung(*result.ladder);
  return finish(options, network, on_rung(network.draft, result.ladder->rungs[*result.rung]), result);
}

// Corrects the rung, and takes it if it passes the gate or is the best so far. Whether it passes.
Result<bool> try_rung(const ConvertOptions& options, const CalibratedNetwork& network, const Gate& gate, size_t rung,
                      Conversion& result) {
  Conversion tried = result;
  OCTET_CHECK(finish(options, network, on_rung(network.draft, result.ladder->rungs[rung]), tried));
  OCTET_TRY(tried.gate, gate.measure(tried.packed));
  tried.rung = rung;
  const bool is_passed = tried.gate->is_passed;
  const bool is_better = !result.gate->is_passed && tried.gate->right > result.gate->right;
  if (is_passed || is_better || result.packed.nodes.empty()) result = std::move(tried);
  return is_passed;
}

Status convert_gated(const ConvertOptions& options, const CalibratedNetwork& network, Conversion& result) {
  OCTET_TRY(const Gate gate, Gate::create(options, network));
  if (gate.sample_count() < kFewGateSamples) {
    result.notices.push_back("--max-drop is judged on " + std::to_string(gate.sample_count()) +
                             " held-out samples: on fewer than " + std::to_string(kFewGateSamples) +
                             " a drop of some points is chance");
  }
  result.gate = gate.judge(0);
  const bool is_int8_first = !options.is_mixed || !options.offers_int4;
  if (is_int8_first) {
    OCTET_CHECK(finish(options, network, network.draft, result));
    OCTET_TRY(result.gate, gate.measure(result.packed));
    if (result.gate->is_passed || !options.is_mixed) return {};
  }

  OCTET_CHECK(climb_ladder(options, network, &gate, result));
  // Only what passes when lightly corrected is worth the full correction, and the last, which has least error. But the
  // light one leaves the rounding of weights as it is, which is most of what 4 bits lose.
  const std::vector<MixRung> rungs = result.ladder->rungs;  // `result` changes below
  const auto is_promising = [&](size_t i) {
    const bool is_tried = is_int8_first && rungs[i].is_int8();
    return !is_tried && (gate.judge(*rungs[i].right).is_passed || i + 1 == rungs.size());
  };
  const auto passes = [&](size_t i) { return try_rung(options, network, gate, i, result); };
  return climb({rungs.size(), is_promising, passes, options.offers_int4});
}

Status require_float_model(const ConvertOptions& options, const Graph& graph, const char* precision) {
  if (!is_quantized(graph)) return {};
  return Error{ErrorCode::kUsage, std::string("--precision ") + precision + " needs a float model, but '" +
                                      options.model + "' is quantized already"};
}

// Neither data nor ranges: nothing is an integer.
Status convert_narrow_floats(const ConvertOptions& options, const Graph& graph, Conversion& result) {
  OCTET_CHECK(require_float_model(options, graph, options.is_bf16 ? "bf16" : "f16"));
  OCTET_TRY(const std::set<std::string> keep_float, resolve_keep_float(graph, options.keep_float));
  OCTET_TRY(result.packed,
            options.is_bf16 ? lower_bf16(graph, keep_float) : lower_halves(graph, keep_float, result.notices));
  return {};
}

// What a network of `layers` keeps in f32 that people may expect to become smaller, too; empty: nothing.
std::string left_in_float(const Graph& graph, Precision layers) {
  size_t matrices = 0, convolutions = 0, recurrent = 0;
  for (const Node& node : graph.nodes) {
    const bool is_matrix = is_matrix_layer(graph, node);
    matrices += is_matrix ? 1 : 0;
    convolutions += node.is<Conv2dParams>() && !is_matrix ? 1 : 0;
    recurrent += is_recurrent_layer(graph, node) ? 1 : 0;
  }
  if (matrices + recurrent > 0 && convolutions == 0) return "";
  return std::to_string(convolutions) + " convolutions stay f32: --precision " + name_of(layers) + " is for the " +
         std::to_string(matrices) + " fully connected layers and constant matrices, and the " +
         std::to_string(recurrent) + " recurrent layers";
}

// Matrix layers in a network of f32: no ranges, and so no data.
Status convert_matrix_layers(const ConvertOptions& options, const Graph& graph, Conversion& result) {
  OCTET_CHECK(require_float_model(options, graph, name_of(options.layers)));
  if (!options.calibration_tables.empty() || !options.save_calibration.empty()) {
    return Error{ErrorCode::kUsage,
                 std::string("--precision ") + name_of(options.layers) + " has no ranges, and so no calibration table"};
  }
  OCTET_TRY(const CalibratedNetwork network, uncalibrated_network(options, graph));
  if (std::string left = left_in_float(graph, options.layers); !left.empty()) result.notices.push_back(std::move(left));
  return finish(options, network, network.draft, result);
}

// A quantized model needs no data: its integers are its own.
Status lower_quantized(const ConvertOptions& options, Graph& graph, Conversion& result) {
  if (options.is_mixed || options.max_drop.has_value()) {
    return Error{ErrorCode::kUsage, std::string(options.max_drop.has_value() ? "--max-drop" : "--precision mixed") +
                                        " needs a float model to compare with, but '" + options.model +
                                        "' is quantized already"};
  }
  if (!options.data.empty() || !options.calibration_tables.empty()) {
    result.notices.push_back("the model is quantized already: its scales stay as they are, and no data is looked at");
  }
  OCTET_TRY(const std::set<std::string> keep_float, resolve_keep_float(graph, options.keep_float));
  const GivenIntegers given = take_given_integers(graph, result.import_report.given, keep_float, result.notices);
  OCTET_TRY(result.packed, lower_given(graph, given));
  result.calibration = "the model";
  result.packed.metadata["calibration"] = result.calibration;
  return {};
}

Status convert_into(const ConvertOptions& options, Conversion& result) {
  OCTET_CHECK(check_corrections(options));
  OCTET_TRY(Graph graph, load_float_graph(options, result));
  OpenSizes open;
  if (options.open_sizes) {
    const auto read = [&](const std::map<std::string, Shape>& shapes) -> Result<Reading> {
      ImportReport other_report;
      Result<ImportedModel> other = import_and_fold(options.model, {shapes}, other_report);
      if (other.ok()) return Reading{std::move(other->graph), std::move(other_report.arithmetic)};
      // octet check reads the model at its own size only: all that keeps it from this one is said here.
      std::string all;
      for (const ImportProblem& problem : other_report.problems) all += (all.empty() ? "" : "; ") + to_string(problem);
      return Error{other.error().code, all.empty() ? other.error().message : all};
    };
    const ImportReport& report = result.import_report;
    OCTET_TRY(open, free_sizes(graph, report.arithmetic, choose_open_axes(graph, report.open_axes), read));
  }
  if (options.float_only) {
    OCTET_CHECK(resolve_keep_float(graph, options.keep_float));  // a misspelled name is one here, too
    OCTET_TRY(result.packed, lower_f32(graph));
  } else if (options.is_bf16 || options.is_f16) {
    OCTET_CHECK(convert_narrow_floats(options, graph, result));
  } else if (options.layers != Precision::kInt8) {
    OCTET_CHECK(convert_matrix_layers(options, graph, result));
  } else if (is_quantized(graph)) {
    OCTET_CHECK(lower_quantized(options, graph, result));
  } else {
    OCTET_TRY(const CalibratedNetwork network, calibrate_network(options, graph, result));
    if (result.is_shard) return {};
    const auto quantize = options.max_drop.has_value() ? convert_gated
                          : options.is_mixed           ? convert_mixed
                                                       : convert_plain;
    OCTET_CHECK(quantize(options, network, result));
  }
  if (options.open_sizes) {
    OCTET_TRY(result.packed, with_open_sizes(std::move(result.packed), open));
  }
  result.packed.metadata["producer"] = std::string("octet ") + version();
  return {};
}

}  // namespace

double GateResult::drop() const {
  const double points = 100.0 * (static_cast<double>(float_right) - static_cast<double>(right));
  return count == 0 ? 0 : points / static_cast<double>(count);
}

std::pair<double, double> GateResult::drop_interval() const {
  return octet::drop_interval(lost, won, count);
}

std::optional<double> Conversion::drop_of(const MixRung& other) const {
  if (!gate.has_value() || !other.right.has_value()) return std::nullopt;
  return GateResult{gate->count, gate->float_right, *other.right}.drop();
}

Result<Conversion> convert(const ConvertOptions& options) {
  Conversion result;
  const Status done = convert_into(options, result);
  if (!done.ok() && options.failure_observer) options.failure_observer(result);
  if (!done.ok()) return done.error();
  return result;
}

}  // namespace octet
