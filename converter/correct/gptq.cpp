// GPTQ, layer by layer: weights are rounded so that what the layer reads in the integer network, with the layers before
// rounded already, gives the sums of the unrounded ones. The equations stand in column_rounding.h. Biases stay.
// GPTAQ (Li et al. 2025, arXiv:2504.02692) aims at the sums of the float network instead, with weights and biases that
// are refit (refit.h) before they are rounded.
#include <algorithm>

#include "converter/correct/column_rounding.h"
#include "converter/correct/method_list.h"
#include "converter/correct/refit.h"
#include "converter/correct/tune.h"
#include "converter/parallel.h"

namespace octet {
namespace {

constexpr int64_t kBlockChannels = 16;

Result<TunedChannels> round_layer(const LayerProblem& problem, const TunedChannels& start, int threads) {
  TunedChannels result = start;
  const auto taps = static_cast<size_t>(problem.taps);
  const auto round = [&](const ColumnRounding& rounding, int64_t channel) {
    const size_t first = static_cast<size_t>(channel) * taps;
    std::vector<float> steps(start.factors.begin() + static_cast<ptrdiff_t>(first),
                             start.factors.begin() + static_cast<ptrdiff_t>(first + taps));
    for (float& step : steps) step *= start.scales[static_cast<size_t>(channel)];
    rounding.round(std::span(result.weights).subspan(first, taps), steps, start.bound);
  };
  if (problem.groups > 1) {
    OCTET_CHECK(parallel_for(static_cast<size_t>(problem.groups), threads, {}, [&](int, size_t group) -> Status {
      const auto g = static_cast<int64_t>(group);
      OCTET_TRY(const ColumnRounding rounding,
                ColumnRounding::create(problem.fit.src_of(g, problem.taps), problem.fit.count, problem.taps));
      for (int64_t o = 0; o < problem.outputs; ++o) round(rounding, g * problem.outputs + o);
      return {};
    }));
    return result;
  }
  OCTET_TRY(const ColumnRounding rounding,
            ColumnRounding::create(problem.fit.src_of(0, problem.taps), problem.fit.count, problem.taps));
  const auto blocks = static_cast<size_t>((problem.outputs + kBlockChannels - 1) / kBlockChannels);
  OCTET_CHECK(parallel_for(blocks, threads, {}, [&](int, size_t block) -> Status {
    const int64_t first = static_cast<int64_t>(block) * kBlockChannels;
    for (int64_t o = first; o < std::min(first + kBlockChannels, problem.outputs); ++o) round(rounding, o);
    return {};
  }));
  return result;
}

Result<TunedChannels> refit_and_round(const LayerProblem& problem, const TunedChannels& start, int threads) {
  OCTET_TRY(const TunedChannels refit, refit_layer(problem, start, threads));
  OCTET_TRY(const TunedChannels rounded, round_layer(problem, refit, threads));
  return refit_biases(problem, rounded, threads);
}

}  // namespace

Result<int> correct_gptq(const CorrectionContext& context, Draft& draft) {
  return tune_layers(context, draft, round_layer);
}

Result<int> correct_gptaq(const CorrectionContext& context, Draft& draft) {
  return tune_layers(context, draft, refit_and_round);
}

}  // namespace octet
