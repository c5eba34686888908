#include "converter/convert.h"

#include "converter/data/dataset.h"
#include "converter/data/labels.h"
#include "converter/lower.h"
#include "converter/observe.h"
#include "octet/image.hpp"
#include "octet/octet.hpp"

namespace octet {
namespace {

// The statistics of all values: from saved tables, or from the data.
Result<CalibrationTable> calibrate(const ConvertOptions& options, const Graph& graph,
                                   std::vector<std::string>& notices) {
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
  const Model model = Model::from_packed(std::make_shared<PackedModel>(std::move(packed)));
  OCTET_TRY(const Dataset data, Dataset::open(options.data, model.inputs(), graph.preprocessing));
  const std::vector<size_t> indices = data.choose(options.samples, options.seed);
  const int threads = options.threads > 0 ? options.threads : default_threads();
  OCTET_TRY(table.stats, observe(model, data, indices, threads, options.progress));
  table.model_name = graph.name;
  table.preprocessing = graph.preprocessing;
  table.sample_count = indices.size();
  for (const std::string& notice : data.notices()) notices.push_back(notice);
  return table;
}

}  // namespace

Result<Conversion> convert(const ConvertOptions& options) {
  const CalibrationMethod* method = find_calibration_method(options.calibration);
  if (method == nullptr) {
    return Error{ErrorCode::kUsage, "there is no calibration method '" + options.calibration + "'"};
  }
  if (!options.float_only && options.data.empty() && options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage, "int8 needs --data with real samples, or --calibration-table"};
  }
  if (!options.data.empty() && !options.calibration_tables.empty()) {
    return Error{ErrorCode::kUsage, "--data and --calibration-table exclude each other"};
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
    OCTET_TRY(const CalibrationTable table, calibrate(options, graph, result.notices));
    if (!options.save_calibration.empty()) OCTET_CHECK(save_calibration_table(table, options.save_calibration));
    result.sample_count = table.sample_count;
    for (std::string& warning : calibration_warnings(table.stats, table.sample_count)) {
      result.notices.push_back(std::move(warning));
    }
    const Ranges ranges = choose_ranges(table.stats, *method, options.calibration_options);
    const QuantizeOptions quantize{options.per_channel_weights, {options.keep_float.begin(), options.keep_float.end()}};
    OCTET_TRY(result.packed, lower_int8(graph, ranges, quantize, result.notices));
    result.packed.metadata["calibration"] = method->name;
  }
  result.packed.metadata["producer"] = std::string("octet ") + version();
  return result;
}

}  // namespace octet
