#include "converter/commands/network_options.h"

#include <cmath>

namespace octet {
namespace {

std::vector<std::string> calibration_names() {
  std::vector<std::string> names{"auto"};
  for (const CalibrationMethod& method : calibration_methods()) names.emplace_back(method.name);
  return names;
}

std::string calibration_help() {
  std::string ordered;
  for (const CalibrationMethod& method : calibration_methods()) {
    if (method.depends_on_order) ordered += (ordered.empty() ? "" : ", ") + std::string(method.name);
  }
  return "how ranges are chosen; depends on the order of the samples: " + ordered;
}

}  // namespace

void add_model_options(CLI::App& app, NetworkOptions& options) {
  ConvertOptions& convert = options.convert;
  app.add_option("--preprocess", convert.preprocessing,
                 "how images become the input; default: what the model says; stored in the packed file");
  app.add_option("--seed", convert.seed, "of the draw, and of all else that is random")
      ->check(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  add_input_shapes(app, options.input_shapes, "NAME=1x3x224x224, for inputs whose shape is open");
  app.add_option("--keep-float", convert.keep_float,
                 "nodes (or tensors they make) that stay f32; first, last: the layers at the ends")
      ->delimiter(',');
  app.add_option("--threads", convert.threads, "samples run at once")->check(whole_number(1, 1024));
}

void add_calibration_options(CLI::App& app, NetworkOptions& options) {
  ConvertOptions& convert = options.convert;
  app.add_option("--calibration", convert.calibration, calibration_help())
      ->check(CLI::IsMember(calibration_names()))
      ->capture_default_str();
  app.add_option("--percentile", options.percentile, "share of values kept, in percent; 99.99 unless given")
      ->check(CLI::Range(50.0, 100.0));
}

void add_scheme_options(CLI::App& app, NetworkOptions& options) {
  app.add_option("--activations", options.activations)
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->capture_default_str();
  app.add_option("--weights", options.weights, "per_channel, but per_group for weight_only and dynamic of 4 bits")
      ->check(CLI::IsMember({"per_channel", "per_tensor", "per_group"}));
  app.add_option("--weight-bits", options.weight_bits,
                 "8, the default, or 4: half a byte each in the file, s8 where they run")
      ->check(CLI::IsMember({8, 4}));
  app.add_option("--group-size", options.group_size,
                 "weights of 4 bits that share a step, 64 unless given: with --weights per_group, or of mixed "
                 "precision unless --weights is given")
      ->check(whole_number(2, 65536));
  app.add_option("--scale", options.scale, "pow2: powers of two, so that requantization is a shift")
      ->check(CLI::IsMember({"float", "pow2"}))
      ->capture_default_str();
  app.add_flag("--portable", options.convert.weights.portable,
               "weights in [-63, 63], exact on every CPU in every runtime; octet itself needs it nowhere");
}

Status check_used(std::span<const UsedOption> options) {
  for (const UsedOption& option : options) {
    if (!option.is_given || option.is_used) continue;
    return Error{ErrorCode::kUsage, std::string(option.name) + " has no effect here: it needs " + option.needed};
  }
  return {};
}

Status read_model_options(NetworkOptions& options) {
  OCTET_TRY(options.convert.import.input_shapes, parse_input_shapes(options.input_shapes));
  if (!options.percentile.has_value()) return {};
  if (!std::isfinite(*options.percentile)) return Error{ErrorCode::kUsage, "--percentile is not a number"};
  options.convert.calibration_options.percentile = *options.percentile;
  return {};
}

Status read_schemes(NetworkOptions& options) {
  ConvertOptions& convert = options.convert;
  WeightScheme& weights = convert.weights;
  constexpr int64_t kGroupSize = 64;
  const int64_t group_size = options.group_size.value_or(kGroupSize);
  convert.int4_group_size = options.weights.empty() ? group_size : 0;
  if (options.weights.empty()) {
    options.weights = convert.layers != Precision::kInt8 && weights.bits == 4 ? "per_group" : "per_channel";
  }
  if (options.weights == "per_group" && weights.bits == 8) {
    return Error{ErrorCode::kUsage,
                 "--weights per_group needs --weight-bits 4: integers of 8 bits have no room for a factor per group"};
  }
  weights.per_channel = options.weights != "per_tensor";
  weights.group_size = options.weights == "per_group" ? group_size : 0;
  weights.pow2 = options.scale == "pow2";
  convert.activations = {options.activations == "symmetric", weights.pow2};
  convert.calibration_options.symmetric = convert.activations.symmetric;
  convert.calibration_options.pow2 = weights.pow2;
  return {};
}

}  // namespace octet
