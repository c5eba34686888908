#include "converter/convert.h"

#include "converter/data/dataset.h"
#include "converter/data/labels.h"
#include "converter/lower.h"
#include "converter/observe.h"
#include "converter/shards.h"
#include "octet/image.hpp"
#include "octet/octet.hpp"

namespace octet {
namespace {

constexpr const char* kUnjudgedMethod = "mse";  // where nothing can judge; why: converter/README.md

// The data, drawn as --samples and --seed say.
struct DrawnData {
  Dataset data;
  std::vector<size_t> indices;
};
Result<DrawnData> draw(const ConvertOptions& options, const Graph& graph) {
  OCTET_TRY(PackedModel packed, lower_f32(graph));
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  OCTET_TRY(Dataset data, Dataset::open(options.data, model.inputs(), graph.preprocessing));
  std::vector<size_t> indices = data.choose(options.samples, options.seed);
  return DrawnData{std::move(data), std::move(indices)};
}

// The statistics of all values: from saved tables, or from the data, which tell `trends` too.
Result<CalibrationTable> calibrate(const ConvertOptions& options, const Graph& graph, const DrawnData* drawn,
                                   int threads, TrendTable& trends, std::vector<std::string>& notices) {
  CalibrationTable table;
  if (!options.calibration_tables.empty()) {
    OCTET_TRY(table, load_calibration_table(options.calibration_tables[0]));
    for (size_t i = 1; i < options.calibration_tables.size(); ++i) {
      OCTET_TRY(const CalibrationTable shard, load_calibration_table(options.calibration_tables[i]));
      OCTET_CHECK(merge_calibration_tables(table, shard));
    }
    if (table.model_name != graph.name) {
      return Error{ErrorCode::kInvalidFile, "'" + options.calibration_tables[0] + "' was calibrated for '" +
                                                table.model_name + "', but the model is '" + graph.name + "'"};
    }
    if (table.preprocessing != graph.preprocessing) {
      return Error{ErrorCode::kInvalidFile, "'" + options.calibration_tables[0] + "' was made with --preprocess '" +
                                                table.preprocessing + "', but the model is converted with '" +
                                                graph.preprocessing + "'"};
    }
    return table;
  }
  OCTET_TRY(PackedModel packed, lower_f32(graph));
  OCTET_TRY(Observation seen, observe_in_shards(Model::from_packed(std::make_shared<PackedModel>(std::move(packed))),
                                                drawn->data, drawn->indices, threads, options.progress));
  table.stats = std::move(seen.stats);
  trends = std::move(seen.trends);
  for (std::string& warning : seen.warnings) notices.push_back(std::move(warning));
  table.model_name = graph.name;
  table.preprocessing = graph.preprocessing;
  table.sample_count = drawn->indices.size();
  for (const std::string& notice : drawn->data.notices()) notices.push_back(notice);
  return table;
}

// How ranges were chosen, to choose them so again for a network whose values were rescaled.
struct ChosenRanges {
  Ranges ranges;
  std::map<std::string, std::string> methods;  // by value
};

Result<ChosenRanges> choose(const ConvertOptions& options, const Graph& graph, const CalibrationTable& table,
                            const TrendTable& trends, const QuantizeOptions& quantize, const SampleSplit* samples,
                            int threads, Conversion& result) {
  const auto all_by = [&](const std::string& name) {
    std::map<std::string, std::string> methods;
    for (const auto& [value, stats] : table.stats) methods[value] = name;
    result.calibration = name;
    return ChosenRanges{ranges_by(methods, table.stats, trends, options.calibration_options), methods};
  };
  if (options.calibration != "auto") return all_by(options.calibration);
  if (samples == nullptr) return all_by(kUnjudgedMethod);
  Result<AutoCalibration> found = calibrate_automatically(graph, table.stats, trends, options.calibration_options,
                                                          quantize, *samples, options.correct != "none", threads);
  if (!found.ok() && found.error().code == ErrorCode::kUnsupported) {
    result.notices.push_back(std::string("ranges are chosen by ") + kUnjudgedMethod + ": " + found.error().message);
    return all_by(kUnjudgedMethod);
  }
  if (!found.ok()) return found.error();
  result.calibration = "auto (" + found->name + ")";
  result.trials = std::move(found->trials);
  return ChosenRanges{std::move(found->ranges), std::move(found->methods)};
}

// Applies options.correct to the draft. A list of methods needs data; `auto` does without, and says so.
Status correct_draft(const ConvertOptions& options, const ChosenRanges& chosen, const DrawnData* drawn,
                     const SampleSplit* samples, int threads, Draft& draft, Conversion& result) {
  OCTET_TRY(const auto methods, parse_correction(options.correct));
  if (methods.empty()) return {};
  if (drawn == nullptr || samples == nullptr) {
    if (options.correct != "auto") {
      return Error{ErrorCode::kUsage, "--correct " + options.correct + " needs --data: it runs the network on samples"};
    }
    result.notices.push_back("nothing was corrected: --correct auto needs --data");
    return {};
  }
  const CorrectionContext context{
      samples->fit, options.seed, threads, [&](const Graph& graph) -> Result<Ranges> {
        OCTET_TRY(PackedModel rescaled, lower_f32(graph));
        OCTET_TRY(const Observation seen,
                  observe(Model::from_packed(std::make_shared<PackedModel>(std::move(rescaled))), drawn->data,
                          drawn->indices, threads, options.progress));
        return ranges_by(chosen.methods, seen.stats, seen.trends, options.calibration_options);
      }};
  OCTET_TRY(result.corrections, correct(methods, *samples, context, draft, options.correction_observer));
  return {};
}

// "equalize,bias"; "none" where nothing was kept.
std::string kept_names(std::span<const CorrectionStep> steps) {
  std::string kept;
  for (const CorrectionStep& step : steps) {
    if (step.is_kept) kept += (kept.empty() ? "" : ",") + std::string(step.method->name);
  }
  return kept.empty() ? "none" : kept;
}

}  // namespace

Result<Conversion> convert(const ConvertOptions& options) {
  const CalibrationMethod* method = find_calibration_method(options.calibration);
  if (method == nullptr && options.calibration != "auto") {
    return Error{ErrorCode::kUsage, "there is no calibration method '" + options.calibration + "'"};
  }
  if (!options.float_only && options.data.empty() && options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage, "int8 needs --data with real samples, or --calibration-table"};
  }
  if (method != nullptr && method->depends_on_order && !options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage, "--calibration " + options.calibration +
                                        " takes no --calibration-table: it depends on the order of the samples, "
                                        "which saved statistics do not know"};
  }
  Conversion result;
  OCTET_TRY(ImportedModel imported,
            import_and_fold(options.model, options.import, result.import_report, options.pass_observer));
  Graph& graph = imported.graph;
  if (!options.preprocessing.empty()) graph.preprocessing = options.preprocessing;
  if (!graph.preprocessing.empty()) {
    const Result<Preprocessing> spec = Preprocessing::parse(graph.preprocessing);
    if (!spec.ok()) {
      // The command line's own words, or the model file's.
      if (!options.preprocessing.empty()) return spec.error();
      return Error{ErrorCode::kInvalidFile, "'" + options.model + "': " + spec.error().message};
    }
    graph.preprocessing = spec->to_string();
  }
  if (!options.class_names_file.empty()) {
    OCTET_TRY(graph.class_names, load_class_names(options.class_names_file, graph.value(graph.outputs[0]).shape));
  }
  const int64_t classes = class_count(graph.value(graph.outputs[0]).shape);
  if (!graph.class_names.empty() && static_cast<int64_t>(graph.class_names.size()) != classes) {
    return Error{ErrorCode::kInvalidFile, "'" + options.model + "' names " + std::to_string(graph.class_names.size()) +
                                              " classes, but has " + std::to_string(classes)};
  }
  if (options.float_only) {
    OCTET_TRY(result.packed, lower_f32(graph));
  } else {
    const int threads = options.threads > 0 ? options.threads : default_threads();
    std::optional<DrawnData> drawn;
    if (!options.data.empty()) {
      OCTET_TRY(drawn, draw(options, graph));
    }
    const DrawnData* data = drawn.has_value() ? &*drawn : nullptr;
    TrendTable trends;
    OCTET_TRY(const CalibrationTable table, calibrate(options, graph, data, threads, trends, result.notices));
    if (shards().rank != 0) {  // the first process has it all
      result.is_shard = true;
      return result;
    }
    if (!options.save_calibration.empty()) OCTET_CHECK(save_calibration_table(table, options.save_calibration));
    result.sample_count = table.sample_count;
    for (std::string& warning : calibration_warnings(table.stats, table.sample_count)) {
      result.notices.push_back(std::move(warning));
    }
    std::optional<SampleSplit> split;
    if (data != nullptr && (options.calibration == "auto" || options.correct != "none")) {
      OCTET_TRY(split, load_samples(data->data, data->indices, options.seed, threads));
    }
    const SampleSplit* samples = split.has_value() ? &*split : nullptr;
    const QuantizeOptions quantize{
        options.weights, options.activations, {options.keep_float.begin(), options.keep_float.end()}};
    OCTET_TRY(const ChosenRanges chosen, choose(options, graph, table, trends, quantize, samples, threads, result));
    if (options.calibration_observer) options.calibration_observer(result);
    Draft draft{graph, graph, chosen.ranges, quantize};
    OCTET_CHECK(correct_draft(options, chosen, data, samples, threads, draft, result));
    OCTET_TRY(result.packed, lower_int8(draft.graph, draft.ranges, draft.options, result.notices));
    if (!result.corrections.empty()) result.packed.metadata["correct"] = kept_names(result.corrections);
    result.packed.metadata["calibration"] = result.calibration;
  }
  result.packed.metadata["producer"] = std::string("octet ") + version();
  return result;
}

}  // namespace octet
