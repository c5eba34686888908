// octet convert: a float model becomes one packed file.
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "converter/atomic_file.h"
#include "converter/commands/commands.h"
#include "converter/compare.h"
#include "converter/convert.h"
#include "converter/data/dataset.h"
#include "converter/progress.h"
#include "converter/report/comparison_html.h"
#include "octet/session.hpp"
#include "runtime/packed_format.h"

namespace octet {
namespace {

struct Options {
  ConvertOptions convert;
  std::string output;
  std::vector<std::string> input_shapes;
  std::string weights = "per_channel";
  std::string precision = "int8";
  std::string activations = "asymmetric";
  std::string scale = "float";
  int64_t group_size = 64;
  bool dump_passes = false;
  std::string report;
};

std::vector<std::string> calibration_names() {
  std::vector<std::string> names{"auto"};
  for (const CalibrationMethod& method : calibration_methods()) names.emplace_back(method.name);
  return names;
}

std::string correction_help() {
  std::string names;
  for (const CorrectionMethod& method : correction_methods())
    names += (names.empty() ? "" : ", ") + std::string(method.name);
  return "none, auto, or a list in the order of application, a|b for the better one: " + names;
}

std::string known_correction(const std::string& text) {
  const auto parsed = parse_correction(text);
  return parsed.ok() ? "" : parsed.error().message;
}

void dump_pass(const Pass& pass, int rewrites, const Graph& graph) {
  std::cerr << "--- " << pass.name << ": " << rewrites << " rewrites (" << pass.description << ")\n" << graph.dump();
}

int64_t constant_bytes(const PackedModel& model) {
  int64_t bytes = 0;
  for (const PackedTensor& tensor : model.tensors) bytes += tensor.data_bytes;
  return bytes;
}

// How many nodes run as integers, for the closing line.
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

// What would fail after all the work, or destroy the model, fails before it.
Status check_output(const Options& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::equivalent(options.output, options.convert.model, error)) {
    return Error{ErrorCode::kUsage, "the output '" + options.output + "' is the model itself"};
  }
  const fs::path folder = fs::path(options.output).has_parent_path() ? fs::path(options.output).parent_path() : ".";
  if (!fs::is_directory(folder, error) || fs::is_directory(options.output, error)) {
    return Error{ErrorCode::kResource,
                 "cannot write '" + options.output +
                     "': " + (fs::is_directory(options.output, error) ? "it is a folder" : "no such folder")};
  }
  if (!options.report.empty() && options.convert.data.empty()) {
    return Error{ErrorCode::kUsage, "--report needs --data: it compares both networks on samples"};
  }
  if (!std::isfinite(options.convert.calibration_options.percentile)) {
    return Error{ErrorCode::kUsage, "--percentile is not a number"};
  }
  return {};
}

// --report: the packed network against its float form, layer by layer, on up to 100 of the calibration samples.
Status write_report(const Options& options, const PackedModel& packed) {
  constexpr size_t kSamples = 100;
  OCTET_TRY(const LoadedModel reference, load_any_model(options.convert.model, options.convert.import));
  const Model model = Model::from_packed(std::make_shared<PackedModel>(packed));
  OCTET_TRY(const Dataset data, Dataset::open(options.convert.data, model.inputs(), packed.preprocessing));
  const std::vector<size_t> indices = data.choose(kSamples, options.convert.seed);
  const int threads = options.convert.threads > 0 ? options.convert.threads : default_threads();
  OCTET_TRY(const Comparison comparison, compare(reference.model, model, data, indices, threads, {}));
  const std::string page = comparison_html(comparison, options.output, indices.size(), worst_nodes(comparison.layers));
  return write_file_atomically(options.report, std::as_bytes(std::span(page)));
}

// --weights, --weight-bits, --group-size, --activations, --scale.
Status read_schemes(Options& options) {
  WeightScheme& weights = options.convert.weights;
  if (options.weights == "per_group" && weights.bits == 8) {
    return Error{ErrorCode::kUsage,
                 "--weights per_group needs --weight-bits 4: integers of 8 bits have no room for a factor per group"};
  }
  weights.per_channel = options.weights != "per_tensor";
  weights.group_size = options.weights == "per_group" ? options.group_size : 0;
  weights.pow2 = options.scale == "pow2";
  options.convert.activations = {options.activations == "symmetric", weights.pow2};
  options.convert.calibration_options.symmetric = options.convert.activations.symmetric;
  return {};
}

Result<int> run(Options& options) {
  OCTET_TRY(options.convert.import.input_shapes, parse_input_shapes(options.input_shapes));
  OCTET_CHECK(check_output(options));
  OCTET_CHECK(read_schemes(options));
  options.convert.float_only = options.precision == "f32";
  if (options.dump_passes) options.convert.pass_observer = dump_pass;
  ProgressLine progress("calibrating");
  options.convert.progress = [&](size_t done, size_t total) { progress.update(done, total); };

  options.convert.correction_observer = [&](const CorrectionStep& step) {
    progress.finish();
    std::cerr << "correct: " << to_string(step) << "\n";
  };

  options.convert.calibration_observer = [&](const Conversion& conversion) {
    progress.finish();
    for (const CalibrationTrial& trial : conversion.trials) {
      std::cerr << "calibration: " << to_string(trial) << "\n";
    }
  };

  const Result<Conversion> converted = convert(options.convert);
  progress.finish();
  if (!converted.ok()) return converted.error();
  if (converted->is_shard) return kExitOk;
  for (const std::string& warning : converted->import_report.warnings) warn("octet convert", warning);
  for (const std::string& notice : converted->notices) warn("octet convert", notice);
  const std::vector<std::byte> bytes = write_model(converted->packed);
  OCTET_CHECK(write_file_atomically(options.output, bytes));

  if (!options.report.empty()) OCTET_CHECK(write_report(options, converted->packed));

  const auto [integer, total] = count_nodes(converted->packed);
  std::cout << options.output << ": " << bytes.size() << " bytes (constants " << constant_bytes(converted->packed)
            << "), " << integer << " of " << total << " nodes on integers";
  if (converted->sample_count > 0) {
    std::cout << ", calibrated by " << converted->calibration << " on " << converted->sample_count << " samples";
  }
  std::cout << "\n";
  return kExitOk;
}

}  // namespace

CommandRun set_up_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  ConvertOptions& convert = options->convert;
  app.add_option("MODEL", convert.model, "ONNX, octet JSON or TensorFlow.js model")->required();
  app.add_option("-o,--output", options->output, "the packed file to write")->required();
  app.add_option("--data", convert.data, "calibration data: a folder of images, a list file, an .npy, or NAME=PATH");
  app.add_option("--preprocess", convert.preprocessing, "how images become the input; stored in the packed file");
  app.add_option("--samples", convert.samples, "how many samples to draw")
      ->check(whole_number(1, UINT32_MAX))
      ->capture_default_str();
  app.add_option("--seed", convert.seed, "of the draw")->check(whole_number(0, UINT64_MAX))->capture_default_str();
  app.add_option("--class-names", convert.class_names_file, "one name a line; stored in the packed file");
  app.add_option("--input-shape", options->input_shapes, "NAME=1x3x224x224, for inputs whose shape is open");
  app.add_option("--calibration", convert.calibration, "how ranges are chosen")
      ->check(CLI::IsMember(calibration_names()))
      ->capture_default_str();
  app.add_option("--percentile", convert.calibration_options.percentile, "share of values kept, in percent")
      ->check(CLI::Range(50.0, 100.0))
      ->capture_default_str();
  app.add_option("--calibration-table", convert.calibration_tables,
                 "saved statistics, merged; --data then only judges and corrects")
      ->delimiter(',');
  app.add_option("--save-calibration", convert.save_calibration, "write the statistics to a file");
  app.add_option("--activations", options->activations)
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->capture_default_str();
  app.add_option("--weights", options->weights)
      ->check(CLI::IsMember({"per_channel", "per_tensor", "per_group"}))
      ->capture_default_str();
  app.add_option("--weight-bits", convert.weights.bits, "4: half a byte each in the file, s8 where they run")
      ->check(CLI::IsMember({8, 4}))
      ->capture_default_str();
  app.add_option("--group-size", options->group_size, "weights that share a step, with --weights per_group")
      ->check(whole_number(2, 65536))
      ->capture_default_str();
  app.add_option("--scale", options->scale, "pow2: powers of two, so that requantization is a shift")
      ->check(CLI::IsMember({"float", "pow2"}))
      ->capture_default_str();
  app.add_flag("--portable", convert.weights.portable,
               "weights in [-63, 63], exact on every CPU in every runtime; octet itself needs it nowhere");
  app.add_option("--correct", convert.correct, correction_help())->check(known_correction)->capture_default_str();
  app.add_option("--precision", options->precision)->check(CLI::IsMember({"int8", "f32"}))->capture_default_str();
  app.add_option("--keep-float", convert.keep_float, "nodes that stay f32")->delimiter(',');
  app.add_option("--threads", convert.threads, "samples observed at once")->check(whole_number(1, 1024));
  app.add_option("--report", options->report, "also write a self-contained page: what each layer lost");
  app.add_flag("--dump-passes", options->dump_passes, "the graph after each pass, on stderr");
  return [options] { return run(*options); };
}

}  // namespace octet
