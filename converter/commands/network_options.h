// The options that say which network is calibrated, on what, and how it becomes integers: of `convert` and
// `sensitivity`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "converter/commands/commands.h"
#include "converter/convert.h"

namespace octet {

struct NetworkOptions {
  ConvertOptions convert;
  std::vector<std::string> input_shapes;
  std::string weights;  // empty: per_channel, or per_group for weight_only and dynamic of 4 bits
  std::optional<int> weight_bits;
  std::string activations = "asymmetric";
  std::string scale = "float";
  std::optional<int64_t> group_size;
  std::optional<double> percentile;
};

// An option, and whether anything looks at it; `needed`: what would.
struct UsedOption {
  const char* name;
  bool is_given, is_used;
  const char* needed;
};
// kUsage for the first one that is given and that nothing looks at.
Status check_used(std::span<const UsedOption> options);

// --preprocess, --seed, --input-shape, --keep-float, --threads.
void add_model_options(CLI::App& app, NetworkOptions& options);
// --calibration, --percentile.
void add_calibration_options(CLI::App& app, NetworkOptions& options);
// --activations, --weights, --weight-bits, --group-size, --scale, --portable.
void add_scheme_options(CLI::App& app, NetworkOptions& options);

// --input-shape and --percentile, checked and put into options.convert. kUsage.
Status read_model_options(NetworkOptions& options);
// --weights, --weight-bits, --group-size, --activations, --scale put into options.convert, whose `layers` and
// `weights.bits` are set already. kUsage: groups of weights of 8 bits.
Status read_schemes(NetworkOptions& options);

}  // namespace octet
