#include "converter/correct/tune.h"

#include <algorithm>
#include <cmath>

#include "converter/correct/probe.h"
#include "converter/parallel.h"

namespace octet {
namespace {

constexpr int64_t kBatchRows = 256;
// Fixed, so that the work, and with it every byte, is the same for any number of threads.
constexpr int64_t kBlockChannels = 32;

constexpr float kBeta1 = 0.9F;
constexpr float kBeta2 = 0.999F;

int64_t batch_of(const LayerProblem& problem) {
  return std::min(kBatchRows, problem.fit.count);
}

std::vector<TuningBlock::Channels> make_blocks(const LayerProblem& problem) {
  std::vector<TuningBlock::Channels> blocks;
  if (problem.groups == 1) {
    for (int64_t o = 0; o < problem.outputs; o += kBlockChannels) {
      blocks.push_back({0, 1, o, std::min(kBlockChannels, problem.outputs - o)});
    }
    return blocks;
  }
  const int64_t groups = std::max<int64_t>(kBlockChannels / problem.outputs, 1);
  for (int64_t g = 0; g < problem.groups; g += groups) {
    blocks.push_back({g, std::min(groups, problem.groups - g), 0, problem.outputs});
  }
  return blocks;
}

template <class T>
std::vector<float> slice(const std::vector<T>& values, int64_t first, int64_t count) {
  return {values.begin() + first, values.begin() + first + count};
}

}  // namespace

Result<TuningBlock> TuningBlock::create(const LayerProblem& problem, const Channels& channels) {
  TuningBlock block;
  block.problem_ = &problem;
  block.channels_ = channels;
  block.taps_ = problem.taps;
  block.batch_ = batch_of(problem);
  const std::pair<const LayerRows*, int64_t> uses[] = {{&problem.fit, block.batch_},
                                                       {&problem.judge, problem.judge.count}};
  for (const auto& [rows, count] : uses) {
    OCTET_TRY(LinearGradient product, LinearGradient::create({channels.groups, count, problem.taps, channels.outputs,
                                                              rows->count * problem.taps}));
    block.products_.push_back(std::move(product));
  }
  return block;
}

int64_t TuningBlock::batched_rows(const LayerProblem& problem) {
  return problem.fit.count - problem.fit.count % batch_of(problem);
}

void TuningBlock::forward(const LayerRows& rows, LinearGradient& product, int64_t first_row, int64_t count,
                          std::span<const float> weights, std::span<const float> bias, bool masked) {
  const auto& [first_group, groups, first_output, outputs] = channels_;
  dst_.resize(static_cast<size_t>(groups * count * outputs));
  product.forward(rows.src.data() + (first_group * rows.count + first_row) * taps_, weights.data(), dst_.data());
  const Clamp& clamp = problem_->activation;
  // dst becomes the error after the activation.
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t r = 0; r < count; ++r) {
      float* y = dst_.data() + (g * count + r) * outputs;
      const int64_t at = ((first_group + g) * rows.count + first_row + r) * problem_->outputs + first_output;
      const float* target = rows.target.data() + at;
      const float* residual = rows.residual.empty() ? nullptr : rows.residual.data() + at;
      for (int64_t o = 0; o < outputs; ++o) {
        const float sum = y[o] + bias[static_cast<size_t>(g * outputs + o)] + (residual == nullptr ? 0 : residual[o]);
        const float wanted = std::clamp(target[o], clamp.min, clamp.max);
        const bool is_cut = sum < clamp.min || sum > clamp.max;
        y[o] = masked && is_cut ? 0.0F : std::clamp(sum, clamp.min, clamp.max) - wanted;
      }
    }
  }
}

std::vector<double> TuningBlock::errors(std::span<const float> weights, std::span<const float> bias) {
  const int64_t count = problem_->judge.count;
  forward(problem_->judge, products_[1], 0, count, weights, bias, false);
  std::vector<double> errors(static_cast<size_t>(channels()));
  const auto& [first_group, groups, first_output, outputs] = channels_;
  for (int64_t i = 0; i < groups * count * outputs; ++i) {
    const auto error = static_cast<double>(dst_[static_cast<size_t>(i)]);
    errors[static_cast<size_t>(i / (count * outputs) * outputs + i % outputs)] += error * error;
  }
  for (double& error : errors) error /= static_cast<double>(count);
  return errors;
}

void TuningBlock::gradient(std::span<const float> weights, std::span<const float> bias, std::span<const float> share,
                           std::span<float> d_weights, std::span<float> d_bias) {
  if (next_row_ + batch_ > problem_->fit.count) next_row_ = 0;
  const int64_t first_row = next_row_;
  next_row_ += batch_;
  forward(problem_->fit, products_[0], first_row, batch_, weights, bias, true);
  const auto& [first_group, groups, first_output, outputs] = channels_;
  std::fill(d_bias.begin(), d_bias.end(), 0.0F);
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t r = 0; r < batch_; ++r) {
      float* error = dst_.data() + (g * batch_ + r) * outputs;
      for (int64_t o = 0; o < outputs; ++o) {
        const auto channel = static_cast<size_t>(g * outputs + o);
        error[o] *= 2 * share[channel] / static_cast<float>(batch_);
        d_bias[channel] += error[o];
      }
    }
  }
  products_[0].weights_gradient(problem_->fit.src.data() + (first_group * problem_->fit.count + first_row) * taps_,
                                dst_.data(), d_weights.data());
}

void Adam::next_iteration() {
  mean_share_ *= kBeta1;
  square_share_ *= kBeta2;
  mean_scale_ = 1 / (1 - mean_share_);
  square_scale_ = 1 / (1 - square_share_);
}

float Adam::step(size_t i, float gradient) {
  mean_[i] = kBeta1 * mean_[i] + (1 - kBeta1) * gradient;
  square_[i] = kBeta2 * square_[i] + (1 - kBeta2) * gradient * gradient;
  return mean_[i] * mean_scale_ / (std::sqrt(square_[i] * square_scale_) + 1e-8F);
}

Result<TunedChannels> tune_blocks(const LayerProblem& problem, const TunedChannels& start, int threads,
                                  const TuneChannels& tune) {
  const std::vector<TuningBlock::Channels> blocks = make_blocks(problem);
  TunedChannels result = start;
  OCTET_CHECK(parallel_for(blocks.size(), threads, {}, [&](int, size_t i) -> Status {
    const auto& [first_group, groups, first_output, outputs] = blocks[i];
    OCTET_TRY(TuningBlock block, TuningBlock::create(problem, blocks[i]));
    const int64_t first = first_group * problem.outputs + first_output;
    const int64_t count = groups * outputs;
    TunedChannels part{slice(start.weights, first * problem.taps, count * problem.taps),
                       slice(start.scales, first, count),
                       slice(start.factors, first * problem.taps, count * problem.taps),
                       slice(start.bias, first, count),
                       slice(start.float_weights, first * problem.taps, count * problem.taps),
                       slice(start.float_bias, first, count),
                       start.scales_are_free,
                       start.bound};
    tune(block, part);
    std::copy(part.weights.begin(), part.weights.end(), result.weights.begin() + first * problem.taps);
    std::copy(part.scales.begin(), part.scales.end(), result.scales.begin() + first);
    std::copy(part.bias.begin(), part.bias.end(), result.bias.begin() + first);
    return {};
  }));
  return result;
}

Result<int> tune_layers(const CorrectionContext& context, Draft& draft, TuneLayer tune) {
  OCTET_TRY(PackedModel packed, lower_draft(draft));
  OCTET_TRY(const PackedModel teacher, lower_f32(draft.teacher));
  const PackedModel opened = open_clamps(teacher, draft.bounds);
  LayerFronts fronts(context);
  int changed = 0;
  for (const DraftLayer& layer : draft_layers(draft, packed)) {
    Node& node = draft.graph.nodes[layer.node];
    OCTET_TRY(const LayerProblem problem, sample_layer(context, fronts, draft, packed, opened, layer));
    std::vector<float>& scales = draft.options.weight_scales.at(node.name);
    const WeightScheme scheme = draft.options.weights_of(node.name);
    TunedChannels start{layer_weights(draft.graph, node),
                        scales,
                        {},
                        layer_bias(draft.graph, node),
                        layer_weights(draft.teacher, draft.teacher.nodes[layer.node]),
                        layer_bias(draft.teacher, draft.teacher.nodes[layer.node]),
                        scales.size() == layer_bias(draft.graph, node).size() && !scheme.pow2,
                        static_cast<float>(scheme.bound())};
    start.scales.resize(start.bias.size(), scales[0]);
    start.factors = group_factors(start.weights, scheme, start.scales);
    OCTET_TRY(const TunedChannels tuned, tune(problem, start, context.threads));
    set_layer_weights(draft.graph, node, tuned.weights);
    set_layer_bias(draft.graph, node, tuned.bias);
    if (start.scales_are_free) scales = tuned.scales;
    requantize_layer(draft, packed, layer);
    ++changed;
  }
  return changed;
}

void keep_better(TuningBlock& block, const TunedChannels& candidate, TunedChannels& best, std::vector<double>& errors) {
  const std::vector<double> found = block.errors(candidate.weights, candidate.bias);
  for (size_t channel = 0; channel < errors.size(); ++channel) {
    if (!(found[channel] < errors[channel])) continue;
    errors[channel] = found[channel];
    const auto first = static_cast<ptrdiff_t>(channel) * block.taps();
    std::copy_n(candidate.weights.begin() + first, block.taps(), best.weights.begin() + first);
    best.scales[channel] = candidate.scales[channel];
    best.bias[channel] = candidate.bias[channel];
  }
}

float weight_integer(float weight, float step, float bound) {
  return std::clamp(std::nearbyint(weight / step), -bound, bound);
}

}  // namespace octet
