// octet compare: what quantization costs, layer by layer.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "converter/atomic_file.h"
#include "converter/commands/commands.h"
#include "converter/commands/network_cost.h"
#include "converter/commands/output_paths.h"
#include "converter/compare.h"
#include "converter/load_model.h"
#include "converter/progress.h"
#include "converter/report/comparison_html.h"
#include "converter/report/histogram.h"
#include "converter/report/summary_html.h"
#include "octet/session.hpp"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::string packed;
  std::vector<std::string> data;
  std::string preprocessing;
  std::vector<std::string> input_shapes;
  size_t samples = 100;
  uint64_t seed = 0;
  std::optional<double> min_sqnr;
  int threads = 0;
  std::string html;
  bool json = false;
};

// JSON knows no infinity: an exact tensor has null decibels.
Json decibels(double db) {
  return std::isfinite(db) ? Json(db) : Json(nullptr);
}

// Of the columns that the page draws; null where there is nothing to see.
Json histogram_json(const ActivationStats& stats, Extremes range) {
  const Histogram histogram = make_histogram(stats, range);
  if (histogram.counts.empty()) return nullptr;
  return {{"first", histogram.first},
          {"last", histogram.last},
          {"counts", histogram.counts},
          {"range", range.empty() ? Json(nullptr) : Json::array({range.min, range.max})}};
}

// Of what a node alone does; null where nothing was measured.
Json isolated_json(const TensorError& error) {
  if (error.count() == 0) return nullptr;
  return {
      {"mse", error.mse()},       {"relative_error", error.relative_error()}, {"sqnr_db", decibels(error.sqnr_db())},
      {"cosine", error.cosine()}, {"max_error", error.max_error()},           {"clip_rate", error.clip_rate()}};
}

Json layer_json(const LayerComparison& layer) {
  const TensorError& error = layer.cumulative;
  Json json{{"name", layer.name},
            {"node", layer.node},
            {"op", layer.op},
            {"mse", error.mse()},
            {"relative_error", error.relative_error()},
            {"sqnr_db", decibels(error.sqnr_db())},
            {"isolated_sqnr_db", layer.isolated.count() > 0 ? decibels(layer.isolated.sqnr_db()) : Json(nullptr)},
            {"isolated", isolated_json(layer.isolated)},
            {"cosine", error.cosine()},
            {"max_error", error.max_error()},
            {"clip_rate", error.clip_rate()},
            {"weight_range_ratio", layer.weights.count() > 0 ? Json(layer.weight_range_ratio) : Json(nullptr)},
            {"min", layer.values.min()},
            {"max", layer.values.max()},
            {"range", layer.integers.empty() ? Json(nullptr) : Json::array({layer.integers.min, layer.integers.max})},
            {"histogram", histogram_json(layer.values, layer.integers)},
            {"weight_histogram", histogram_json(layer.weights, layer.weight_range())},
            {"agreement", layer.is_whole() ? Json(layer.agreement()) : Json(nullptr)},
            {"rescaled", layer.is_rescaled}};
  for (const char* figure : {"mse", "relative_error", "sqnr_db", "cosine", "max_error", "clip_rate", "min", "max"}) {
    if (!layer.has_figures()) json[figure] = nullptr;
  }
  return json;
}

void print_rows(const std::vector<LayerComparison>& rows) {
  for (const LayerComparison& row : rows) {
    const TensorError& error = row.cumulative;
    std::cout << std::left << std::setw(36) << one_line(row.name) << std::setw(16) << row.op << std::right << std::fixed
              << std::setprecision(1) << std::setw(8);
    if (row.is_rescaled) {
      std::cout << "rescaled\n";
      continue;
    }
    if (row.is_whole()) {
      std::cout << row.agreement() << " % of " << row.whole_count << " are the same\n";
      continue;
    }
    std::cout << error.sqnr_db() << std::setw(10);
    row.isolated.count() > 0 ? std::cout << row.isolated.sqnr_db() : std::cout << "-";
    std::cout << std::setprecision(5) << std::setw(10) << error.cosine() << std::scientific << std::setprecision(2)
              << std::setw(11) << error.mse() << std::fixed << std::setprecision(4) << std::setw(11)
              << error.relative_error() << std::setw(12) << error.max_error() << std::setprecision(3) << std::setw(9)
              << 100 * error.clip_rate();
    if (row.weights.count() > 0) std::cout << std::setprecision(1) << std::setw(9) << row.weight_range_ratio;
    std::cout << "\n";
  }
}

void print_text(const Comparison& comparison) {
  std::cout << std::left << std::setw(36) << "tensor" << std::setw(16) << "op" << std::right << std::setw(8)
            << "SQNR dB" << std::setw(10) << "isolated" << std::setw(10) << "cosine" << std::setw(11) << "MSE"
            << std::setw(11) << "rel. error" << std::setw(12) << "max error" << std::setw(9) << "clip %" << std::setw(9)
            << "w ratio"
            << "\n";
  print_rows(comparison.layers);
  std::cout << "outputs\n";
  print_rows(comparison.outputs);
  if (std::ranges::any_of(comparison.layers, &LayerComparison::is_rescaled)) {
    std::cout << "\nrescaled: by a correction, the file does not say how; convert the model again for figures\n";
  }
  const std::string worst = worst_nodes(comparison.layers);
  if (!worst.empty()) std::cout << "\nworst on their own: --keep-float " << one_line(worst) << "\n";
  const std::string unlike = unlike_channels(comparison.layers);
  if (!unlike.empty())
    std::cout << "channels too unlike for one scale, use --weights per_channel: " << one_line(unlike) << "\n";
}

Result<int> run(const Options& options) {
  if (options.min_sqnr.has_value() && !std::isfinite(*options.min_sqnr)) {
    return Error{ErrorCode::kUsage, "--min-sqnr is not a number"};
  }
  OCTET_TRY(const auto shapes, parse_input_shapes(options.input_shapes));
  std::vector<NamedPath> inputs{{"MODEL", options.model}, {"PACKED", options.packed}};
  add_data(inputs, options.data);
  std::vector<NamedPath> outputs;
  add_given(outputs, "--html", options.html);
  OCTET_CHECK(check_outputs(outputs, inputs));
  OCTET_TRY(const LoadedModel reference, load_any_model(options.model, {shapes, distinct_from(outputs)}));
  OCTET_TRY(const LoadedModel packed, load_any_model(options.packed, {shapes}));
  if (reference.is_packed || !packed.is_packed) {
    return Error{ErrorCode::kInvalidFile, "compare takes a float model and its .octet file, but '" +
                                              (reference.is_packed ? options.model : options.packed) + "' is " +
                                              (reference.is_packed ? "packed" : "a float model")};
  }
  const std::string spec = options.preprocessing.empty() ? packed.model.preprocessing() : options.preprocessing;
  OCTET_TRY(const Dataset data, Dataset::open(options.data, packed.model.inputs(), spec));
  const std::vector<size_t> indices = data.choose(options.samples, options.seed);
  const int threads = options.threads > 0 ? options.threads : default_threads();
  ProgressLine progress("comparing");
  const Result<Comparison> compared = compare(reference.model, packed.model, data, indices, threads,
                                              [&](size_t done, size_t total) { progress.update(done, total); });
  progress.finish();
  if (!compared.ok()) return compared.error();
  NetworkCost cost;
  if (!options.html.empty() || options.json) {
    OCTET_TRY(cost, measure_cost(packed, reference, threads));
  }
  if (!options.html.empty()) {
    const std::string page = comparison_html(*compared, options.packed, indices.size(), worst_nodes(compared->layers),
                                             summary_html(cost, *compared));
    OCTET_CHECK(write_file_atomically(options.html, std::as_bytes(std::span(page))));
  }
  if (options.json) {
    Json result{{"count", indices.size()}, {"outputs", Json::array()}, {"layers", Json::array()}};
    for (const LayerComparison& output : compared->outputs) result["outputs"].push_back(layer_json(output));
    for (const LayerComparison& layer : compared->layers) result["layers"].push_back(layer_json(layer));
    result["keep_float"] = worst_nodes(compared->layers);
    result["per_channel_recommended"] = unlike_channels(compared->layers);
    result.update(cost_json(cost));
    std::cout << result.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";  // names need not be UTF-8
  } else {
    print_text(*compared);
  }
  if (!options.min_sqnr.has_value()) return kExitOk;
  if (std::ranges::none_of(compared->outputs, &LayerComparison::has_figures)) {
    return Error{ErrorCode::kUsage, "--min-sqnr is about real numbers, but every output of '" + options.packed +
                                        "' is of integers or booleans"};
  }
  for (const LayerComparison& output : compared->outputs) {
    if (!output.has_figures()) continue;
    if (output.cumulative.sqnr_db() >= *options.min_sqnr) continue;
    std::cerr << "octet compare: the output '" << one_line(output.name) << "' has " << output.cumulative.sqnr_db()
              << " dB, below " << *options.min_sqnr << "\n";
    return kExitSqnr;
  }
  return kExitOk;
}

}  // namespace

CommandRun set_up_compare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "the float model")->required();
  app.add_option("PACKED", options->packed, "its .octet file")->required();
  app.add_option("--data", options->data, "a folder of images, a list file, an .npy, or NAME=PATH")->required();
  app.add_option("--preprocess", options->preprocessing, "default: what the packed file says");
  add_input_shapes(app, options->input_shapes, "NAME=1x3x224x224, for inputs whose size is open");
  app.add_option("--samples", options->samples, "how many samples to draw")
      ->check(whole_number(1, UINT32_MAX))
      ->capture_default_str();
  app.add_option("--seed", options->seed, "of the draw")->check(whole_number(0, UINT64_MAX))->capture_default_str();
  app.add_option("--min-sqnr", options->min_sqnr, "exit 6 if an output has fewer decibels");
  app.add_option("--threads", options->threads, "samples compared at once")->check(whole_number(1, 1024));
  app.add_option("--html", options->html, "also write a self-contained page")->check(is_named, "", "NAMED");
  app.add_flag("--json", options->json, "one JSON object on stdout");
  return [options] { return run(*options); };
}

}  // namespace octet
