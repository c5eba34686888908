// GPTQ, layer by layer: weights are rounded so that what the layer reads in the integer network, with the layers before
// rounded already, gives the sums of the unrounded ones. The equations stand in column_rounding.h. Biases stay.
#include <algorithm>

#include "converter/correct/column_rounding.h"
#include "converter/correct/method_list.h"
#include "converter/correct/tune.h"
#include "converter/parallel.h"

namespace octet {
namespace {

constexpr int64_t kBlockChannels = 16;

std::span<const float> group_src(const LayerProblem& problem, int64_t group) {
  const auto size = static_cast<size_t>(problem.fit.count * problem.taps);
  return std::span(problem.fit.src).subspan(static_cast<size_t>(group) * size, size);
}

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
                ColumnRounding::create(group_src(problem, g), problem.fit.count, problem.taps));
      for (int64_t o = 0; o < problem.outputs; ++o) round(rounding, g * problem.outputs + o);
      return {};
    }));
    return result;
  }
  OCTET_TRY(const ColumnRounding rounding,
            ColumnRounding::create(group_src(problem, 0), problem.fit.count, problem.taps));
  const auto blocks = static_cast<size_t>((problem.outputs + kBlockChannels - 1) / kBlockChannels);
  OCTET_CHECK(parallel_for(blocks, threads, {}, [&](int, size_t block) -> Status {
    const int64_t first = static_cast<int64_t>(block) * kBlockChannels;
    for (int64_t o = first; o < std::min(first + kBlockChannels, problem.outputs); ++o) round(rounding, o);
    return {};
  }));
  return result;
}

}  // namespace

Result<int> correct_gptq(const CorrectionContext& context, Draft& draft) {
  return tune_layers(context, draft, round_layer);
}

}  // namespace octet
