// octet evaluate: top-1, top-5, and agreement with another model.
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "converter/commands/commands.h"
#include "converter/commands/network_cost.h"
#include "converter/data/labels.h"
#include "converter/evaluate.h"
#include "converter/load_model.h"
#include "converter/metrics.h"
#include "converter/progress.h"
#include "octet/session.hpp"

namespace octet {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::vector<std::string> data;
  std::string labels;
  std::string against;
  std::string preprocessing;
  std::vector<std::string> input_shapes;
  int threads = 0;
  bool json = false;
};

Json interval_json(std::pair<double, double> interval) {
  return Json::array({interval.first, interval.second});
}

void print_text(const Json& result) {
  std::cout << std::fixed << std::setprecision(2);
  const auto share = [&](const char* name, const char* key, const char* unit = " %") {
    if (!result.contains(key)) return;
    const Json& interval = result[std::string(key) + "_interval"];
    std::cout << name << result[key].get<double>() << unit << "  (95 %: " << interval[0].get<double>() << " to "
              << interval[1].get<double>() << ")\n";
  };
  std::cout << "samples    " << result["count"] << "\n";
  if (result.contains("not_finite")) {
    std::cout << "not finite " << result["not_finite"] << " samples' scores: such a class is never right\n";
  }
  share("top-1      ", "top1");
  share("top-5      ", "top5");
  share("top-1 other ", "against_top1");
  share("drop       ", "drop", " points");
  share("agreement  ", "agreement");
  if (!result.contains("agreement")) return;
  std::cout << "SQNR       ";
  if (result.contains("not_finite")) {
    std::cout << "none: some scores are not finite\n";
  } else if (result["sqnr_db"].is_null()) {
    std::cout << "infinite, the scores are equal\n";
  } else {
    std::cout << result["sqnr_db"].get<double>() << " dB of the scores\n";
  }
  std::cout << "bytes      " << result["bytes"] << ", " << result["compression"].get<double>() << " times smaller\n"
            << "latency    " << std::setprecision(3) << result["latency_ms"].get<double>() << " ms (other "
            << result["against_latency_ms"].get<double>() << " ms), " << std::setprecision(2)
            << result["speedup"].get<double>() << " times as fast\n";
}

Result<int> run(const Options& options) {
  if (options.labels.empty() && options.against.empty()) {
    return Error{ErrorCode::kUsage, "nothing to measure: give --labels, --against, or both"};
  }
  OCTET_TRY(const auto shapes, parse_input_shapes(options.input_shapes));
  OCTET_TRY(const LoadedModel loaded, load_any_model(options.model, {shapes}));
  std::optional<LoadedModel> against;
  if (!options.against.empty()) {
    OCTET_TRY(against, load_any_model(options.against, {shapes}));
  }
  // What the user says, else what the model says, else what the other model says.
  std::string spec = options.preprocessing.empty() ? loaded.model.preprocessing() : options.preprocessing;
  if (spec.empty() && against.has_value()) spec = against->model.preprocessing();

  OCTET_TRY(const Dataset data, Dataset::open(options.data, loaded.model.inputs(), spec));
  std::optional<Dataset> against_data;
  if (against.has_value()) {
    OCTET_TRY(against_data, Dataset::open(options.data, against->model.inputs(), spec));
  }
  std::vector<int64_t> labels;
  if (!options.labels.empty()) {
    OCTET_TRY(labels, load_labels(options.labels, data, class_count(loaded.model.outputs()[0].shape)));
  }
  const int threads = options.threads > 0 ? options.threads : default_threads();
  ProgressLine progress("evaluating");
  const Result<Evaluation> found =
      evaluate(loaded.model, data, labels, against ? &against->model : nullptr, against ? &*against_data : nullptr,
               threads, [&](size_t done, size_t total) { progress.update(done, total); });
  progress.finish();
  if (!found.ok()) return found.error();
  for (const std::string& notice : data.notices()) warn("octet evaluate", notice);

  Json result;
  result["count"] = found->count;
  if (found->not_finite > 0) result["not_finite"] = found->not_finite;
  if (!labels.empty()) {
    result["top1"] = percent(found->top1, found->count);
    result["top1_interval"] = interval_json(wilson_interval(found->top1, found->count));
    result["top5"] = percent(found->top5, found->count);
    result["top5_interval"] = interval_json(wilson_interval(found->top5, found->count));
  }
  if (against.has_value()) {
    result["agreement"] = percent(found->agreeing, found->count);
    result["agreement_interval"] = interval_json(wilson_interval(found->agreeing, found->count));
    if (!labels.empty()) {
      result["against_top1"] = percent(found->against_top1, found->count);
      result["against_top1_interval"] = interval_json(wilson_interval(found->against_top1, found->count));
      result["drop"] = result["against_top1"].get<double>() - result["top1"].get<double>();
      result["drop_interval"] = interval_json(drop_interval(found->lost, found->won, found->count));
    }
    const double sqnr = found->scores.sqnr_db();
    result["sqnr_db"] = std::isfinite(sqnr) ? Json(sqnr) : Json(nullptr);
    OCTET_TRY(const NetworkCost cost, measure_cost(loaded, *against, threads));
    result.update(cost_json(cost));
  }
  if (options.json) {
    std::cout << result.dump(1, ' ', false, Json::error_handler_t::replace) << "\n";  // names need not be UTF-8
  } else {
    print_text(result);
  }
  return kExitOk;
}

}  // namespace

CommandRun set_up_evaluate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a .octet file or a float model")->required();
  app.add_option("--data", options->data, "a folder of images, a list file, an .npy, or NAME=PATH")->required();
  app.add_option("--labels", options->labels, "`file index` a line; for .npy data one index a line");
  app.add_option("--against", options->against, "another model, usually the float one: agreement and drop");
  app.add_option("--preprocess", options->preprocessing, "default: what the model says");
  add_input_shapes(app, options->input_shapes, "NAME=1x3x224x224, for inputs whose size is open");
  app.add_option("--threads", options->threads, "samples evaluated at once")->check(whole_number(1, 1024));
  app.add_flag("--json", options->json, "one JSON object on stdout");
  return [options] { return run(*options); };
}

}  // namespace octet
