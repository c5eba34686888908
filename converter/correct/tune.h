// What AdaRound and AdaQuant share: a layer's channels in blocks, with loss and gradient of their outputs.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "converter/correct/layer_rows.h"
#include "kernels/training/linear_gradient.h"

namespace octet {

// Some output channels of a layer: a share of the one group, or whole groups. Channels do not depend on each other, so
// a block is tuned by itself, on one thread.
class TuningBlock {
 public:
  struct Channels {
    int64_t first_group, groups, first_output, outputs;  // outputs: per group
  };
  static Result<TuningBlock> create(const LayerProblem& problem, const Channels& channels);

  int64_t taps() const { return taps_; }
  int64_t channels() const { return channels_.groups * channels_.outputs; }
  int64_t group_of(int64_t channel) const { return channels_.first_group + channel / channels_.outputs; }
  // Calls of gradient() that take every row for fitting once, but for a rest.
  int64_t batches() const { return problem_->fit.count / batch_; }
  // The rows for fitting that these calls take: all but the rest.
  static int64_t batched_rows(const LayerProblem& problem);

  // Mean squared error after the activation, per channel, on the rows for judging.
  //
  // weights  [channels][taps]; bias [channels]
  std::vector<double> errors(std::span<const float> weights, std::span<const float> bias);

  // The gradient of sum over channels of share[channel] * (mean squared error after the activation) on the next rows
  // for fitting. d_weights and d_bias are like weights and bias.
  void gradient(std::span<const float> weights, std::span<const float> bias, std::span<const float> share,
                std::span<float> d_weights, std::span<float> d_bias);

 private:
  TuningBlock() = default;
  // dst_ = error after the activation; with `masked` 0 where the activation cuts, as its gradient is.
  void forward(const LayerRows& rows, LinearGradient& product, int64_t first_row, int64_t count,
               std::span<const float> weights, std::span<const float> bias, bool masked);

  const LayerProblem* problem_ = nullptr;
  Channels channels_{};
  int64_t taps_ = 0;
  int64_t batch_ = 0, next_row_ = 0;
  std::vector<LinearGradient> products_;  // for a batch, for the rows for judging
  std::vector<float> dst_;                // [groups][rows][outputs]
};

// The state of Adam for a list of numbers, with its usual constants. step(i, g) returns the update's direction for
// gradient g, of magnitude about 1, to be multiplied by the learning rate.
class Adam {
 public:
  explicit Adam(size_t count) : mean_(count), square_(count) {}
  // Call once before the updates of an iteration.
  void next_iteration();
  float step(size_t i, float gradient);

 private:
  std::vector<float> mean_, square_;
  float mean_share_ = 1, square_share_ = 1;  // beta^t
  float mean_scale_ = 1, square_scale_ = 1;
};

// What a method tunes of a block. Weights are floats; on return they are integers times the scale of their channel.
struct TunedChannels {
  std::vector<float> weights;        // [channels][taps]
  std::vector<float> scales;         // [channels]
  std::vector<float> factors;        // [channels][taps]: a weight's step in scales of its channel; 1 but for groups
  std::vector<float> bias;           // [channels]
  std::vector<float> float_weights;  // [channels][taps]: of the float network
  std::vector<float> float_bias;     // [channels]
  bool scales_are_free;              // else they belong to all channels of the layer and must stay
  float bound = 127;                 // of the integers
};

// A layer's new constants, the same for any number of threads.
using TuneLayer = Result<TunedChannels> (*)(const LayerProblem& problem, const TunedChannels& start, int threads);

// Tunes every layer in the order of execution, on rows of the integer network with the layers before tuned already.
// Returns the number of layers.
Result<int> tune_layers(const CorrectionContext& context, Draft& draft, TuneLayer tune);

// Tunes a layer block by block.
using TuneChannels = std::function<void(TuningBlock& block, TunedChannels& tuned)>;
Result<TunedChannels> tune_blocks(const LayerProblem& problem, const TunedChannels& start, int threads,
                                  const TuneChannels& tune);

// Adopts `candidate` channel by channel where the block's error for it is less than `errors`, which is updated.
void keep_better(TuningBlock& block, const TunedChannels& candidate, TunedChannels& best, std::vector<double>& errors);

// The integer of weight w: round_half_even(w / step) in [-bound, bound].
float weight_integer(float weight, float step, float bound);

}  // namespace octet
