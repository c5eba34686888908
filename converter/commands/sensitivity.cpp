// octet sensitivity: which layers suffer most from integers.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "converter/atomic_file.h"
#include "converter/calibrated_network.h"
#include "converter/commands/commands.h"
#include "converter/commands/network_options.h"
#include "converter/commands/output_paths.h"
#include "converter/data/labels.h"
#include "converter/lower.h"
#include "converter/metrics.h"
#include "converter/precision/labelled_samples.h"
#include "converter/precision/sensitivity.h"
#include "converter/progress.h"
#include "converter/report/sensitivity_html.h"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kCorrectionSamples = 24;  // the mean of a channel needs no more

struct Options : NetworkOptions {
  std::string method = "single_layer";
  std::vector<int> bits;  // empty: those of the weights
  std::string correct = "bias";
  std::string html;
  bool json = false;
};

struct Report {
  std::vector<LayerSensitivity> rows;  // worst first
  size_t sample_count = 0;
  std::string keep_float;
  std::optional<size_t> float_right;  // with labels
};

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const SensitivityMethod& method : sensitivity_methods()) names.emplace_back(method.name);
  return names;
}

// In points, of the top-1 that the float network has.
double drop(const Report& report, const LayerSensitivity& row) {
  return percent(*report.float_right, report.sample_count) - percent(*row.right, report.sample_count);
}

Json report_json(const Options& options, const Report& report) {
  Json result{{"method", options.method}, {"count", report.sample_count}};
  if (report.float_right.has_value()) result["top1"] = percent(*report.float_right, report.sample_count);
  result["layers"] = Json::array();
  for (const LayerSensitivity& row : report.rows) {
    Json line{{"name", row.node}, {"op", row.op}, {"bits", row.bits}, {"error", row.error}};
    line["sqnr_db"] = row.error > 0 ? Json(-10 * std::log10(row.error)) : Json(nullptr);  // JSON knows no infinity
    if (row.objective.has_value()) line["agreement"] = percent(row.objective->agreeing, row.objective->count);
    if (row.right.has_value()) line["drop"] = drop(report, row);
    result["layers"].push_back(std::move(line));
  }
  result["keep_float"] = report.keep_float;
  return result;
}

void print_text(const Report& report) {
  std::cout << std::left << std::setw(44) << "node" << std::setw(18) << "op" << std::right << std::setw(5) << "bits"
            << std::setw(12) << "error" << std::setw(9) << "SQNR dB" << std::setw(13) << "agreement %";
  if (report.float_right.has_value()) std::cout << std::setw(8) << "drop";
  std::cout << "\n";
  for (const LayerSensitivity& row : report.rows) {
    std::cout << std::left << std::setw(44) << one_line(row.node) << std::setw(18) << row.op << std::right
              << std::setw(5) << row.bits << std::scientific << std::setprecision(3) << std::setw(12) << row.error
              << std::fixed << std::setprecision(1) << std::setw(9);
    row.error > 0 ? std::cout << -10 * std::log10(row.error) : std::cout << "exact";
    std::cout << std::setw(13);
    row.objective.has_value() ? std::cout << percent(row.objective->agreeing, row.objective->count) : std::cout << "-";
    if (row.right.has_value()) std::cout << std::setw(8) << drop(report, row);
    std::cout << "\n";
  }
  if (!report.keep_float.empty())
    std::cout << "\nhalf of the error: --keep-float " << one_line(report.keep_float) << "\n";
}

Result<Report> measure(const Options& options, const CalibratedNetwork& network) {
  Report report;
  const Graph& graph = network.draft.graph;
  LabelledSamples labelled;
  if (!options.convert.labels.empty()) {
    OCTET_TRY(labelled, load_labelled_samples(network.drawn->data, network.drawn->gate, options.convert.labels,
                                              class_count(graph.value(graph.outputs[0]).shape), network.threads));
  }
  const std::span<const Sample> judged =
      labelled.samples.empty() ? network.samples->held_out() : std::span(labelled.samples);
  report.sample_count = judged.size();
  OCTET_TRY(const Judge judge, Judge::create(graph, judged, network.threads));
  OCTET_TRY(const std::vector<std::string> layers, integer_layers(network.draft));
  const std::span<const Sample> fit = network.samples->fit();
  const SensitivityContext context{
      network.draft,
      judge,
      layers,
      options.correct == "bias" ? fit.first(std::min(kCorrectionSamples, fit.size())) : std::span<const Sample>(),
      network.threads,
      options.convert.seed};
  if (!labelled.samples.empty()) {
    OCTET_TRY(const PackedModel float_model, lower_f32(graph));
    OCTET_TRY(report.float_right, count_right(float_model, judged, labelled.labels, network.threads));
  }
  OCTET_TRY(report.rows, measure_sensitivity(*find_sensitivity_method(options.method), context, options.bits, judged,
                                             labelled.labels));
  std::stable_sort(report.rows.begin(), report.rows.end(),
                   [](const LayerSensitivity& a, const LayerSensitivity& b) { return a.error > b.error; });
  const bool has_8 = std::find(options.bits.begin(), options.bits.end(), 8) != options.bits.end();
  report.keep_float = keep_float_list(report.rows, has_8 ? 8 : options.bits[0]);
  return report;
}

// --bits, --weight-bits.
Status read_bits(Options& options) {
  const int bits = options.weight_bits.value_or(8);
  options.convert.weights.bits = bits;
  if (options.bits.empty()) options.bits = {bits};
  std::vector<int> once;
  for (const int width : options.bits) {
    if (std::ranges::find(once, width) == once.end()) once.push_back(width);
  }
  options.bits = std::move(once);
  const bool has_8 = std::find(options.bits.begin(), options.bits.end(), 8) != options.bits.end();
  if (bits < 8 && has_8) return Error{ErrorCode::kUsage, "--bits 8 contradicts --weight-bits " + std::to_string(bits)};
  return {};
}

// Options that nothing would look at. After the schemes are read.
Status check_idle_options(const Options& options) {
  const ConvertOptions& convert = options.convert;
  const bool has_4 = std::ranges::find(options.bits, 4) != options.bits.end();
  const UsedOption options_used[] = {
      {"--group-size", options.group_size.has_value(),
       convert.weights.group_size > 0 || (has_4 && convert.int4_group_size > 0),
       "--weights per_group, or --bits 4 without --weights"},
      {"--percentile", options.percentile.has_value(),
       convert.calibration == "auto" || convert.calibration == "percentile", "--calibration percentile or auto"},
  };
  return check_used(options_used);
}

Status check_files(Options& options) {
  ConvertOptions& convert = options.convert;
  std::vector<NamedPath> inputs{{"MODEL", convert.model}};
  add_data(inputs, convert.data);
  add_given(inputs, "--labels", convert.labels);
  std::vector<NamedPath> outputs;
  add_given(outputs, "--html", options.html);
  convert.import.check_files = distinct_from(outputs);
  return check_outputs(outputs, inputs);
}

Result<int> run(Options& options) {
  OCTET_CHECK(read_model_options(options));
  OCTET_CHECK(check_files(options));
  OCTET_CHECK(read_bits(options));
  OCTET_CHECK(read_schemes(options));
  OCTET_CHECK(check_idle_options(options));
  ProgressLine progress("calibrating");
  options.convert.progress = [&](size_t done, size_t total) { progress.update(done, total); };
  options.convert.needs_samples = true;
  Conversion conversion;
  OCTET_TRY(const Graph graph, load_float_graph(options.convert, conversion));
  const Result<CalibratedNetwork> network = calibrate_network(options.convert, graph, conversion);
  progress.finish();
  if (!network.ok()) return network.error();
  if (conversion.is_shard) return kExitOk;
  for (const std::string& warning : conversion.import_report.warnings) warn("octet sensitivity", warning);
  for (const std::string& notice : conversion.notices) warn("octet sensitivity", notice);
  OCTET_TRY(const Report report, measure(options, *network));
  if (!options.html.empty()) {
    const std::string page =
        sensitivity_html(report.rows, options.convert.model, options.method, report.sample_count, report.keep_float);
    OCTET_CHECK(write_file_atomically(options.html, std::as_bytes(std::span(page))));
  }
  if (options.json) {
    // Names need not be UTF-8.
    std::cout << report_json(options, report).dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    print_text(report);
  }
  return kExitOk;
}

}  // namespace

CommandRun set_up_sensitivity(CLI::App& app) {
  auto options = std::make_shared<Options>();
  ConvertOptions& convert = options->convert;
  convert.samples = 250;
  convert.calibration = "mse";
  app.add_option("MODEL", convert.model, "ONNX, octet JSON or TensorFlow.js model")->required();
  app.add_option("--data", convert.data, "a folder of images, a list file, an .npy, or NAME=PATH")->required();
  app.add_option("--labels", convert.labels, "`file index` a line; for .npy data one index a line: tells the drop");
  app.add_option("--method", options->method)->check(CLI::IsMember(method_names()))->capture_default_str();
  app.add_option("--bits", options->bits,
                 "widths to try: 4 (of weights), 8, 16 (bf16), 32 (f32); default: --weight-bits")
      ->delimiter(',')
      ->check(CLI::IsMember({4, 8, 16, 32}));
  app.add_option("--correct", options->correct, "bias: each layer's bias is corrected first, as converting does")
      ->check(CLI::IsMember({"bias", "none"}))
      ->capture_default_str();
  app.add_option("--samples", convert.samples, "how many samples to draw; a fifth of them judges")
      ->check(whole_number(1, UINT32_MAX))
      ->capture_default_str();
  add_model_options(app, *options);
  add_calibration_options(app, *options);
  add_scheme_options(app, *options);
  app.add_option("--html", options->html, "also write a self-contained page")->check(is_named, "", "NAMED");
  app.add_flag("--json", options->json, "one JSON object on stdout");
  return [options] { return run(*options); };
}

}  // namespace octet
