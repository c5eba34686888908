#include "converter/calibrated_network.h"

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "converter/calibrate/rescaled_range.h"
#include "converter/data/labels.h"
#include "converter/given.h"
#include "converter/lower.h"
#include "converter/observe.h"
#include "converter/pixel_grid.h"
#include "converter/precision.h"
#include "converter/shards.h"
#include "octet/image.hpp"

namespace octet {
namespace {

constexpr const char* kUnjudgedMethod = "mse";  // where nothing can judge; why: converter/README.md

constexpr size_t kGateShare = 5;  // one in five

Result<DrawnData> draw(const ConvertOptions& options, const Graph& graph) {
  OCTET_TRY(PackedModel packed, lower_f32(graph));
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  OCTET_TRY(Dataset data, Dataset::open(options.data, model.inputs(), graph.preprocessing));
  DrawnData drawn{std::move(data), {}, {}};
  const std::vector<size_t> chosen = drawn.data.choose(options.samples, options.seed);
  if (options.labels.empty()) {
    drawn.indices = chosen;
    return drawn;
  }
  if (chosen.size() < kGateShare) {
    return Error{ErrorCode::kUsage, "--labels needs at least " + std::to_string(kGateShare) +
                                        " samples, one of which is held out, but there are " +
                                        std::to_string(chosen.size())};
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    (i % kGateShare == options.seed % kGateShare ? drawn.gate : drawn.indices).push_back(chosen[i]);
  }
  return drawn;
}

// What a table keeps of the network's weights, to know them again.
std::string weights_of(const Graph& graph) {
  uint64_t hash = 0;
  for (const Value& value : graph.values) {
    if (value.is_constant()) hash = hash_of(*value.constant, hash);
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, hash);
  return text;
}

// What `table` is not, to be this network's.
Status check_table(const CalibrationTable& table, const std::string& path, const Graph& graph) {
  if (table.model_name != graph.name) {
    return Error{ErrorCode::kInvalidFile,
                 "'" + path + "' was calibrated for '" + table.model_name + "', but the model is '" + graph.name + "'"};
  }
  if (table.preprocessing != graph.preprocessing) {
    return Error{ErrorCode::kInvalidFile, "'" + path + "' was made with --preprocess '" + table.preprocessing +
                                              "', but the model is converted with '" + graph.preprocessing + "'"};
  }
  return {};
}

// The saved tables, merged.
Result<CalibrationTable> load_tables(std::span<const std::string> paths, const Graph& graph,
                                     std::vector<std::string>& notices) {
  const std::string weights = weights_of(graph);
  std::optional<CalibrationTable> first, merged;
  for (const std::string& path : paths) {
    OCTET_TRY(CalibrationTable table, load_calibration_table(path));
    if (!table.weights.empty() && table.weights != weights) {
      notices.push_back("'" + path + "' was calibrated for other weights of '" + table.model_name + "': theirs are " +
                        table.weights + ", the model's " + weights);
    }
    if (!merged.has_value()) {
      first = table;
      merged = std::move(table);
      continue;
    }
    if (table == *first) {
      notices.push_back("'" + paths[0] + "' and '" + path + "' are the same statistics: their " +
                        std::to_string(table.sample_count) + " samples count twice");
    }
    OCTET_CHECK(merge_calibration_tables(*merged, table));
  }
  OCTET_CHECK(check_table(*merged, paths[0], graph));
  return std::move(*merged);
}

// The statistics of all values: from saved tables, or from the data, which tell `trends` too.
Result<CalibrationTable> calibrate(const ConvertOptions& options, const Graph& graph, const DrawnData* drawn,
                                   int threads, TrendTable& trends, std::vector<std::string>& notices) {
  if (!options.calibration_tables.empty()) return load_tables(options.calibration_tables, graph, notices);
  CalibrationTable table;
  OCTET_TRY(PackedModel packed, lower_f32(graph));
  OCTET_TRY(Observation seen, observe_in_shards(Model::from_packed(std::make_shared<PackedModel>(std::move(packed))),
                                                drawn->data, drawn->indices, threads, options.progress));
  table.stats = std::move(seen.stats);
  trends = std::move(seen.trends);
  for (std::string& warning : seen.warnings) notices.push_back(std::move(warning));
  table.model_name = graph.name;
  table.weights = weights_of(graph);
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
  if (options.calibration != "auto") {
    if (find_calibration_method(options.calibration)->depends_on_order) {
      result.notices.push_back("--calibration " + options.calibration +
                               " depends on the order of the samples: file names in another order give other ranges");
    }
    return all_by(options.calibration);
  }
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

Status check_options(const ConvertOptions& options) {
  const CalibrationMethod* method = find_calibration_method(options.calibration);
  if (method == nullptr && options.calibration != "auto") {
    return Error{ErrorCode::kUsage, "there is no calibration method '" + options.calibration + "'"};
  }
  if (method != nullptr && method->depends_on_order && !options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage, "--calibration " + options.calibration +
                                        " takes no --calibration-table: it depends on the order of the samples, "
                                        "which saved statistics do not know"};
  }
  if (options.is_mixed && options.data.empty()) {
    return Error{ErrorCode::kUsage, "--precision mixed needs --data: it runs the network on samples"};
  }
  if (!options.max_drop.has_value()) return {};
  if (options.labels.empty() || options.data.empty()) {
    return Error{ErrorCode::kUsage, std::string("--max-drop needs ") +
                                        (options.labels.empty() ? "--labels" : "--data") +
                                        ": it counts right answers on samples held out"};
  }
  if (options.float_only) {
    return Error{ErrorCode::kUsage, "--max-drop has nothing to measure: a float network loses nothing"};
  }
  return {};
}

// Both networks of the draft, so that corrections find the same values in them.
Status read_pixels(const StatsTable& stats, CalibratedNetwork& network) {
  const std::optional<PixelGrid> grid = pixel_grid(network.draft.graph, stats);
  if (!grid.has_value()) return {};
  network.pixels = read_pixels(network.draft.graph, *grid);
  OCTET_CHECK(network.draft.graph.infer());
  network.draft.teacher = network.draft.graph;
  for (const auto& [name, range] : network.pixels) network.draft.ranges[name] = range;
  return {};
}

}  // namespace

Result<Graph> load_float_graph(const ConvertOptions& options, Conversion& result) {
  OCTET_CHECK(check_options(options));
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
  return std::move(graph);
}

Result<CalibratedNetwork> uncalibrated_network(const ConvertOptions& options, const Graph& graph) {
  CalibratedNetwork network;
  network.threads = options.threads > 0 ? options.threads : default_threads();
  QuantizeOptions quantize{.layers = options.layers, .weights = options.weights};
  OCTET_TRY(quantize.keep_float, resolve_keep_float(graph, options.keep_float));
  network.draft = {graph, graph, {}, std::move(quantize)};
  if (options.data.empty() || options.correct == "none") return network;
  OCTET_TRY(network.drawn, draw(options, graph));
  OCTET_TRY(network.samples, load_samples(network.drawn->data, network.drawn->indices, options.seed, network.threads));
  return network;
}

Result<CalibratedNetwork> calibrate_network(const ConvertOptions& options, const Graph& graph, Conversion& result) {
  if (is_quantized(graph)) {
    return Error{ErrorCode::kUsage, "'" + options.model + "' is quantized already: its integers are its own"};
  }
  if (options.data.empty() && options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage,
                 "int8 needs --data with real samples, or --calibration-table; --precision f32 "
                 "needs neither, and keeps what the model computes"};
  }
  CalibratedNetwork network;
  network.threads = options.threads > 0 ? options.threads : default_threads();
  if (!options.data.empty()) {
    OCTET_TRY(network.drawn, draw(options, graph));
  }
  const DrawnData* data = network.drawn.has_value() ? &*network.drawn : nullptr;
  TrendTable trends;
  OCTET_TRY(const CalibrationTable table, calibrate(options, graph, data, network.threads, trends, result.notices));
  if (shards().rank != 0) {  // the first process has it all
    result.is_shard = true;
    return network;
  }
  if (!options.save_calibration.empty()) OCTET_CHECK(save_calibration_table(table, options.save_calibration));
  result.sample_count = table.sample_count;
  for (std::string& warning : calibration_warnings(table.stats, table.sample_count)) {
    result.notices.push_back(std::move(warning));
  }
  if (data != nullptr &&
      (options.calibration == "auto" || options.correct != "none" || options.is_mixed || options.needs_samples)) {
    OCTET_TRY(network.samples, load_samples(data->data, data->indices, options.seed, network.threads));
  }
  OCTET_TRY(std::set<std::string> keep_float, resolve_keep_float(graph, options.keep_float));
  const QuantizeOptions quantize{.weights = options.weights,
                                 .activations = options.activations,
                                 .keep_float = std::move(keep_float),
                                 .int4_group_size = options.int4_group_size};
  OCTET_TRY(ChosenRanges chosen,
            choose(options, graph, table, trends, quantize, network.samples.has_value() ? &*network.samples : nullptr,
                   network.threads, result));
  network.draft = {graph, graph, std::move(chosen.ranges), quantize};
  if (!options.activations.symmetric) OCTET_CHECK(read_pixels(table.stats, network));
  network.methods = std::move(chosen.methods);
  if (!options.calibration_tables.empty() && data != nullptr && options.correct != "none") {
    OCTET_TRY(network.data_ranges, network.calibrate_on_data(options, network.draft.teacher));
  }
  if (options.calibration_observer) options.calibration_observer(result);
  return network;
}

Result<Ranges> CalibratedNetwork::calibrate_on_data(const ConvertOptions& options, const Graph& graph) const {
  OCTET_TRY(PackedModel packed, lower_f32(graph));
  OCTET_TRY(const Observation seen, observe(Model::from_packed(std::make_shared<PackedModel>(std::move(packed))),
                                            drawn->data, drawn->indices, threads, options.progress));
  return ranges_by(methods, seen.stats, seen.trends, options.calibration_options);
}

Result<Ranges> CalibratedNetwork::calibrate_again(const ConvertOptions& options, const Graph& graph) const {
  OCTET_TRY(Ranges ranges, calibrate_on_data(options, graph));
  if (data_ranges.has_value()) {
    ranges = rescaled_ranges(draft.ranges, *data_ranges, ranges, options.calibration_options.pow2);
  }
  for (const auto& [name, range] : pixels) ranges[name] = range;
  return ranges;
}

}  // namespace octet
