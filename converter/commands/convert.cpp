// octet convert: a float model becomes one packed file.
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

#include "converter/atomic_file.h"
#include "converter/commands/commands.h"
#include "converter/commands/conversion_text.h"
#include "converter/commands/network_options.h"
#include "converter/commands/output_paths.h"
#include "converter/compare.h"
#include "converter/convert.h"
#include "converter/data/dataset.h"
#include "converter/evaluate.h"
#include "converter/open_sizes.h"
#include "converter/progress.h"
#include "converter/report/choices_html.h"
#include "converter/report/comparison_html.h"
#include "converter/report/pareto_html.h"
#include "converter/report/summary_html.h"
#include "kernels/cpu_features.h"
#include "octet/integrity.hpp"
#include "octet/session.hpp"
#include "runtime/packed_format.h"

namespace octet {
namespace {

struct Options : NetworkOptions {
  std::string output;
  std::string precision;            // empty: int8, or what --max-drop asks for
  std::optional<std::string> cost;  // none: latency
  std::optional<std::string> bf16;  // none: auto
  bool dump_passes = false;
  std::string report;
  bool json = false;
};

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
  std::cerr << "--- " << pass.name << ": " << rewrites << " rewrites (" << pass.description << ")\n";
  std::istringstream lines(graph.dump());
  for (std::string line; std::getline(lines, line);) std::cerr << one_line(line) << "\n";
}

int64_t constant_bytes(const PackedModel& model) {
  int64_t bytes = 0;
  for (const PackedTensor& tensor : model.tensors) bytes += tensor.data_bytes;
  return bytes;
}

// What would fail after all the work, or destroy what is read, fails before it.
Status check_files(Options& options) {
  ConvertOptions& convert = options.convert;
  std::vector<NamedPath> inputs{{"MODEL", convert.model}};
  add_data(inputs, convert.data);
  add_given(inputs, "--class-names", convert.class_names_file);
  add_given(inputs, "--labels", convert.labels);
  for (const std::string& table : convert.calibration_tables) add_given(inputs, "--calibration-table", table);
  std::vector<NamedPath> outputs{{"--output", options.output}};
  add_given(outputs, "--report", options.report);
  add_given(outputs, "--save-calibration", convert.save_calibration);
  OCTET_CHECK(check_outputs(outputs, inputs));
  convert.import.check_files = distinct_from(outputs);
  if (!options.report.empty() && options.convert.data.empty()) {
    return Error{ErrorCode::kUsage, "--report needs --data: it compares both networks on samples"};
  }
  return {};
}

// --report: what it costs; what was tried and kept; the packed network against its float form, layer by layer, on up to
// 100 of the calibration samples.
Status write_report(const Options& options, const Conversion& conversion, size_t bytes) {
  const PackedModel& packed = conversion.packed;
  constexpr size_t kSamples = 100;
  OCTET_TRY(const LoadedModel reference, load_any_model(options.convert.model, options.convert.import));
  Model model = Model::from_packed(std::make_shared<PackedModel>(packed));
  if (options.convert.open_sizes) {  // at the size of the calibration
    std::map<std::string, Shape> shapes;
    for (const TensorInfo& input : reference.model.inputs()) shapes[input.name] = input.shape;
    OCTET_TRY(model, with_input_shapes(model, shapes));
  }
  OCTET_TRY(const Dataset data, Dataset::open(options.convert.data, model.inputs(), packed.preprocessing));
  const std::vector<size_t> indices = data.choose(kSamples, options.convert.seed);
  const int threads = options.convert.threads > 0 ? options.convert.threads : default_threads();
  OCTET_TRY(const Comparison comparison, compare(reference.model, model, data, indices, threads, {}));
  OCTET_TRY(const auto latency, measure_latency(model, reference.model, threads));
  const NetworkCost cost{static_cast<int64_t>(bytes), reference.file_bytes, latency.first, latency.second};
  const std::string page =
      comparison_html(comparison, options.output, indices.size(), worst_nodes(comparison.layers),
                      summary_html(cost, comparison, conversion.gate) +
                          choices_html(conversion.trials, conversion.corrections) + pareto_html(conversion));
  return write_file_atomically(options.report, std::as_bytes(std::span(page)));
}

bool is_float(const ConvertOptions& convert) {
  return convert.float_only || convert.is_bf16 || convert.is_f16;
}

// What is said about integers, to a precision that has none. Data and saved tables are only not looked at.
Status check_no_integers(const Options& options) {
  const ConvertOptions& convert = options.convert;
  const std::pair<const char*, bool> given[] = {{"--weights", !options.weights.empty()},
                                                {"--weight-bits", options.weight_bits.has_value()},
                                                {"--portable", convert.weights.portable},
                                                {"--scale", options.scale != "float"},
                                                {"--activations", options.activations != "asymmetric"},
                                                {"--save-calibration", !convert.save_calibration.empty()},
                                                {"--correct", convert.correct != "auto" && convert.correct != "none"}};
  for (const auto& [name, is_given] : given) {
    if (is_given) {
      return Error{ErrorCode::kUsage,
                   std::string(name) + " is about integers, which --precision " + options.precision + " has none of"};
    }
  }
  return {};
}

// What is said about ranges, to values that have none.
Status check_float_values(const Options& options) {
  const bool is_about_ranges =
      options.convert.weights.portable || options.scale == "pow2" || options.activations == "symmetric";
  if (options.convert.layers == Precision::kInt8 || !is_about_ranges) return {};
  return Error{ErrorCode::kUsage,
               "--portable, --scale and --activations are about ranges of values, which --precision " +
                   options.precision + " has none of"};
}

// Options that nothing would look at. After the precision and the schemes are read.
Status check_idle_options(const Options& options) {
  const ConvertOptions& convert = options.convert;
  const bool has_ranges = convert.layers == Precision::kInt8 && !is_float(convert);
  const bool offers_groups = convert.is_mixed && convert.offers_int4 && convert.int4_group_size > 0;
  const bool has_percentile = convert.calibration == "auto" || convert.calibration == "percentile";
  const UsedOption options_used[] = {
      {"--group-size", options.group_size.has_value(), convert.weights.group_size > 0 || offers_groups,
       "--weights per_group, or --precision mixed with --cost bytes and without --weights"},
      {"--cost", options.cost.has_value(), convert.is_mixed, "--precision mixed or --max-drop"},
      {"--bf16", options.bf16.has_value(), convert.is_mixed, "--precision mixed or --max-drop"},
      {"--percentile", options.percentile.has_value(), has_ranges && has_percentile,
       "--calibration percentile or auto, and integer values"},
  };
  return check_used(options_used);
}

struct NamedPrecision {
  const char* name;
  const char* description;
};
constexpr NamedPrecision kPrecisions[] = {
    {"int8", "integers wherever there can be; the default unless --max-drop is given"},
    {"mixed", "chosen layers stay bf16 or f32; with --cost bytes, others have weights of 4 bits"},
    {"weight_only", "f32, with integer weights (--weight-bits) of fully connected layers and constant matrices"},
    {"weight_only_int8", "weight_only with --weight-bits 8"},
    {"weight_only_int4", "weight_only with --weight-bits 4, in groups (--group-size)"},
    {"dynamic", "the same layers also quantize each row that they read when they run, and multiply integers"},
    {"bf16", "layers of bf16, all else f32"},
    {"f16", "f32, with weights in half precision in the file"},
    {"f32", "no integers"},
};

std::vector<std::string> precision_names() {
  std::vector<std::string> names;
  for (const NamedPrecision& precision : kPrecisions) names.emplace_back(precision.name);
  return names;
}

std::string precision_help() {
  std::string text;
  for (const NamedPrecision& precision : kPrecisions) {
    text += (text.empty() ? "" : "; ") + std::string(precision.name) + ": " + precision.description;
  }
  return text;
}

// --precision, --cost, --max-drop.
Status read_precision(Options& options) {
  ConvertOptions& convert = options.convert;
  if (options.precision.empty()) options.precision = convert.max_drop.has_value() ? "mixed" : "int8";
  convert.float_only = options.precision == "f32";
  convert.is_bf16 = options.precision == "bf16";
  convert.is_f16 = options.precision == "f16";
  convert.is_mixed = options.precision == "mixed";
  if (options.precision.starts_with("weight_only")) convert.layers = Precision::kWeightOnly;
  if (options.precision == "dynamic") convert.layers = Precision::kDynamic;
  const std::optional<int> said = options.precision == "weight_only_int8"   ? std::optional(8)
                                  : options.precision == "weight_only_int4" ? std::optional(4)
                                                                            : std::nullopt;
  convert.weights.bits = said.value_or(options.weight_bits.value_or(8));
  if (options.weight_bits.has_value() && *options.weight_bits != convert.weights.bits) {
    return Error{ErrorCode::kUsage, "--precision " + options.precision + " contradicts --weight-bits " +
                                        std::to_string(*options.weight_bits)};
  }
  const std::string bf16 = options.bf16.value_or("auto");
  convert.offers_bf16 = bf16 == "always" || (bf16 == "auto" && has_native_bf16());
  convert.cost = options.cost == "bytes" ? CostKind::kBytes : CostKind::kLatency;
  convert.offers_int4 = convert.cost == CostKind::kBytes && convert.weights.bits == 8;
  if (is_float(convert)) OCTET_CHECK(check_no_integers(options));
  if (convert.max_drop.has_value() && (is_float(convert) || convert.layers != Precision::kInt8)) {
    return Error{ErrorCode::kUsage, "--max-drop goes with --precision int8 or mixed, not " + options.precision};
  }
  if (convert.max_drop.has_value() && !(std::fabs(*convert.max_drop) <= 100)) {
    return Error{ErrorCode::kUsage, "--max-drop is " + CLI::detail::to_string(*convert.max_drop) +
                                        ", but top-1 cannot drop by less than -100 or more than 100 points"};
  }
  if (!convert.labels.empty() && !convert.max_drop.has_value()) {
    return Error{ErrorCode::kUsage, "--labels says what --max-drop is measured on: give both, or neither"};
  }
  return {};
}

void print_summary(const Options& options, const Conversion& conversion, size_t bytes) {
  const auto [integer, total] = count_nodes(conversion.packed);
  std::cout << one_line(options.output) << ": " << bytes << " bytes (constants " << constant_bytes(conversion.packed)
            << "), " << integer << " of " << total
            << (options.convert.layers == Precision::kInt8 ? " nodes on integers" : " nodes with integer weights");
  if (conversion.sample_count > 0) {
    std::cout << ", calibrated by " << conversion.calibration << " on " << conversion.sample_count << " samples";
  }
  std::cout << "\n";
}

void print_notices(const Conversion& conversion) {
  for (const auto* notices : {&conversion.import_report.warnings, &conversion.notices, &conversion.lowering_notices}) {
    for (const std::string& notice : *notices) warn("octet convert", notice);
  }
}

Result<int> run(Options& options) {
  OCTET_CHECK(read_model_options(options));
  OCTET_CHECK(check_files(options));
  OCTET_CHECK(read_precision(options));
  OCTET_CHECK(check_float_values(options));
  OCTET_CHECK(read_schemes(options));
  OCTET_CHECK(check_idle_options(options));
  if (options.dump_passes) options.convert.pass_observer = dump_pass;
  ProgressLine progress("calibrating");
  options.convert.progress = [&](size_t done, size_t total) { progress.update(done, total); };

  options.convert.correction_observer = [&](const CorrectionStep& step) {
    progress.finish();
    std::cerr << "correct: " << one_line(to_string(step)) << "\n";
  };

  options.convert.calibration_observer = [&](const Conversion& conversion) {
    progress.finish();
    for (const CalibrationTrial& trial : conversion.trials) {
      std::cerr << "calibration: " << to_string(trial) << "\n";
    }
  };

  options.convert.ladder_observer = [&](const Conversion& conversion) {
    progress.finish();
    for (const MixRung& rung : conversion.ladder->rungs)
      std::cerr << "mixed: " << one_line(rung_line(rung, conversion)) << "\n";
  };

  // The error may come of what these say.
  options.convert.failure_observer = [&](const Conversion& conversion) {
    progress.finish();
    print_notices(conversion);
  };

  const Result<Conversion> converted = convert(options.convert);
  progress.finish();
  if (!converted.ok()) return converted.error();
  if (converted->is_shard) return kExitOk;
  print_notices(*converted);
  if (converted->rung.has_value()) {
    std::cerr << "mixed: chosen: "
              << one_line(rung_line(converted->ladder->rungs[*converted->rung], *converted) +
                          chosen_line(*converted, options.convert.keep_float))
              << "\n";
  }
  const std::vector<std::byte> bytes = append_sha256(write_model(converted->packed));
  OCTET_CHECK(write_file_atomically(options.output, bytes));

  if (!options.report.empty()) OCTET_CHECK(write_report(options, *converted, bytes.size()));

  if (options.json) {
    std::cout << conversion_json(*converted, options.convert, {options.output, options.precision, bytes.size()})
              << "\n";
  } else {
    print_summary(options, *converted, bytes.size());
  }
  if (!converted->gate.has_value()) return kExitOk;
  const std::string line = gate_line(*converted->gate, *options.convert.max_drop);
  if (converted->gate->is_passed) {
    std::cerr << "gate: " << line << "\n";
    return kExitOk;
  }
  std::cerr << "octet convert: the accuracy gate is missed: " << line << "; '" << one_line(options.output)
            << "' is the best network found\n";
  return kExitAccuracy;
}

}  // namespace

CommandRun set_up_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  ConvertOptions& convert = options->convert;
  app.add_option("MODEL", convert.model, "ONNX, octet JSON or TensorFlow.js model")->required();
  app.add_option("-o,--output", options->output, "the packed file to write")->required()->check(is_named, "", "NAMED");
  app.add_option("--data", convert.data, "calibration data: a folder of images, a list file, an .npy, or NAME=PATH");
  app.add_option("--samples", convert.samples, "how many samples to draw")
      ->check(whole_number(1, UINT32_MAX))
      ->capture_default_str();
  add_model_options(app, *options);
  app.add_option("--class-names", convert.class_names_file, "one name a line; stored in the packed file");
  app.add_flag(
      "--open-sizes", convert.open_sizes,
      "the packed file takes images of any size; it is calibrated at the size of the model or of --input-shape");
  add_calibration_options(app, *options);
  app.add_option("--calibration-table", convert.calibration_tables,
                 "saved statistics, merged; --data then only judges and corrects")
      ->delimiter(',')
      ->check(is_named, "", "NAMED");
  app.add_option("--save-calibration", convert.save_calibration, "write the statistics to a file")
      ->check(is_named, "", "NAMED");
  add_scheme_options(app, *options);
  app.add_option("--correct", convert.correct, correction_help())->check(known_correction)->capture_default_str();
  app.add_option("--precision", options->precision, precision_help())->check(CLI::IsMember(precision_names()));
  app.add_option("--cost", options->cost, "what mixed precision spares: latency, the default, is measured; or bytes")
      ->check(CLI::IsMember({"latency", "bytes"}));
  app.add_option("--bf16", options->bf16,
                 "whether mixed precision may choose bf16; auto, the default: where this CPU multiplies it")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option(
      "--max-drop", convert.max_drop,
      "points of top-1 that may be lost on samples held out; mixed precision is raised until then, else exit 5");
  app.add_option("--labels", convert.labels, "for --max-drop: `file index` a line; for .npy data one index a line");
  app.add_option("--report", options->report, "also write a self-contained page: what each layer lost")
      ->check(is_named, "", "NAMED");
  app.add_flag("--json", options->json, "one JSON object on stdout");
  app.add_flag("--dump-passes", options->dump_passes, "the graph after each pass, on stderr");
  return [options] { return run(*options); };
}

}  // namespace octet
