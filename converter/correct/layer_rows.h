// One layer of the integer network as a regression: what it reads there, and what the float network makes of the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "converter/correct/correct.h"
#include "converter/correct/sample_front.h"

namespace octet {

// A row is one position of the layer's output in one sample.
struct LayerRows {
  int64_t count = 0;
  std::vector<float> src;  // [groups][count][taps]: the patch under the position, in real numbers; 0 in the padding
  std::vector<float> residual;  // [groups][count][outputs]: of the integer network; empty without one
  std::vector<float> target;    // [groups][count][outputs]: of the float network, before its activation

  // Of one group, [count][taps].
  std::span<const float> src_of(int64_t group, int64_t taps) const {
    const auto size = static_cast<size_t>(count * taps);
    return std::span(src).subspan(static_cast<size_t>(group) * size, size);
  }
};

// taps: KH * KW * C / groups, in the order of the weights; outputs: per group.
struct LayerProblem {
  int64_t groups = 1, taps = 0, outputs = 0;
  LayerRows fit, judge;  // of different samples (unless there is but one)
  Clamp activation;      // the layer's, and the range that its output can represent
};

// Where the two networks have been run to, on context.samples.
struct LayerFronts {
  SampleFront integer, teacher;

  explicit LayerFronts(const CorrectionContext& context)
      : integer(context.samples, context.threads), teacher(context.samples, context.threads) {}
};

// Draws positions by `seed`, the same number from every sample, in an order in which neighbouring rows come from
// different samples. As many as kRowBytes take.
//
// fronts         are moved to the layer; layers come in the order of execution
// packed         the integer network so far
// opened         open_clamps() of the teacher
constexpr int64_t kRowBytes = int64_t{96} << 20;
Result<LayerProblem> sample_layer(const CorrectionContext& context, LayerFronts& fronts, const Draft& draft,
                                  const PackedModel& packed, const PackedModel& opened, const DraftLayer& layer);

}  // namespace octet
