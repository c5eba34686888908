#include "converter/convert.h"

#include "converter/calibrated_network.h"
#include "converter/lower.h"
#include "octet/octet.hpp"

namespace octet {
namespace {

// Applies options.correct to the draft. A list of methods needs data; `auto` does without, and says so.
Status correct_draft(const ConvertOptions& options, const CalibratedNetwork& network, Draft& draft,
                     Conversion& result) {
  OCTET_TRY(const auto methods, parse_correction(options.correct));
  if (methods.empty()) return {};
  if (!network.samples.has_value()) {
    if (options.correct != "auto") {
      return Error{ErrorCode::kUsage, "--correct " + options.correct + " needs --data: it runs the network on samples"};
    }
    result.notices.push_back("nothing was corrected: --correct auto needs --data");
    return {};
  }
  const CorrectionContext context{network.samples->fit, options.seed, network.threads,
                                  [&](const Graph& graph) { return network.calibrate_again(options, graph); }};
  OCTET_TRY(result.corrections, correct(methods, *network.samples, context, draft, options.correction_observer));
  return {};
}

// "equalize,bias"; "none" where nothing was kept.
std::string kept_names(std::span<const CorrectionStep> steps) {
  std::string kept;
  for (const CorrectionStep& step : steps) {
    if (step.is_kept) kept += (kept.empty() ? "" : ",") + to_string(step.chain);
  }
  return kept.empty() ? "none" : kept;
}

}  // namespace

Result<Conversion> convert(const ConvertOptions& options) {
  Conversion result;
  OCTET_TRY(const Graph graph, load_float_graph(options, result));
  if (options.float_only) {
    OCTET_TRY(result.packed, lower_f32(graph));
  } else {
    OCTET_TRY(const CalibratedNetwork network, calibrate_network(options, graph, result));
    if (result.is_shard) return result;
    Draft draft = network.draft;
    OCTET_CHECK(correct_draft(options, network, draft, result));
    OCTET_TRY(result.packed, lower_int8(draft.graph, draft.ranges, draft.options, result.notices));
    if (!result.corrections.empty()) result.packed.metadata["correct"] = kept_names(result.corrections);
    result.packed.metadata["calibration"] = result.calibration;
  }
  result.packed.metadata["producer"] = std::string("octet ") + version();
  return result;
}

}  // namespace octet
